/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef SHIM_NTDDSCSI_H
#define SHIM_NTDDSCSI_H

#define IOCTL_SCSI_GET_ADDRESS 0x00041018

typedef struct {
    ULONG Length;
    UCHAR PortNumber, PathId, TargetId, Lun;
} SCSI_ADDRESS, *PSCSI_ADDRESS;

#endif
