/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef MSVC_SCSI_H
#define MSVC_SCSI_H

#if !defined(_NTSCSI_USER_MODE_)
#error "programs get the user-mode half"
#endif

#define SCSISTAT_BUSY 0x08

typedef union _CDB {
    UCHAR AsByte[16];
} CDB, *PCDB;

typedef struct _INQUIRYDATA {
    UCHAR DeviceType;
} INQUIRYDATA, *PINQUIRYDATA;

#endif
