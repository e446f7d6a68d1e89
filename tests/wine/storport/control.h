/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests of tests to the StorPort double, on the adapter's handle; all codes are buffered. */

#ifndef STORPORT_CONTROL_H
#define STORPORT_CONTROL_H

#define DOUBLE_CODE(Function) \
    ((ULONG)CTL_CODE(0x8000, 0x800 + (Function), METHOD_BUFFERED, FILE_ANY_ACCESS))

/* struct double_srb in and out: sends an SRB without a CDB. SRB_FUNCTION_ABORT_COMMAND aborts one
 * SRB of the unit. */
#define DOUBLE_IOCTL_SRB DOUBLE_CODE(0)
/* struct double_state out. */
#define DOUBLE_IOCTL_STATE DOUBLE_CODE(1)
/* ULONG in: calls HwResetBus of that path; ULONG out: what it returned. */
#define DOUBLE_IOCTL_RESET_BUS DOUBLE_CODE(2)
/* Makes a finding, so that the harness can prove that it notices. */
#define DOUBLE_IOCTL_FIND DOUBLE_CODE(3)
/* ULONG in: an address; the PnP manager is asked to eject its disk. ULONG out: FALSE when there is
 * no disk that has been started. */
#define DOUBLE_IOCTL_EJECT DOUBLE_CODE(4)
/* ULONG in: how the emulated kernel dies, enum double_death. */
#define DOUBLE_IOCTL_DIE DOUBLE_CODE(5)
/* struct double_class in and out: a class driver's SRB to the device of a unit. */
#define DOUBLE_IOCTL_CLASS DOUBLE_CODE(6)
/* ULONG in: TRUE: disks whose units have gone are kept, as while another program has them open;
 * FALSE: they go. */
#define DOUBLE_IOCTL_KEEP_GONE DOUBLE_CODE(7)
/* ULONG in and out: a driver above the adapter sends it an IRP through one more driver, whose
 * completion routine returns STATUS_SUCCESS; the status with which it comes back. */
#define DOUBLE_IOCTL_STACKED DOUBLE_CODE(8)
/* ULONG in: TRUE: the PnP manager hears of no disk that comes or goes; FALSE: it does again. */
#define DOUBLE_IOCTL_SILENT DOUBLE_CODE(9)

enum double_death { DOUBLE_DIES_OF_A_CALL, DOUBLE_DIES_OF_A_WRITE };

struct double_srb {
    ULONG btl;
    UCHAR function;
    UCHAR status; /* out: SrbStatus */
    UCHAR which;  /* to abort; 0: the oldest */
    UCHAR reserved;
};

struct double_class {
    ULONG target;
    ULONG length; /* of data, in and out */
    LONG status;  /* out: of the IRP */
    UCHAR function;
    UCHAR out; /* data-out */
    UCHAR srb_status, scsi_status; /* out */
    UCHAR cdb[16];
    UCHAR sense[18];
    UCHAR reserved[2];
    UCHAR data[512];
};

struct double_state {
    LONG findings;
    ULONG requests;     /* SRBs that the miniport has */
    ULONG service_irps; /* likewise */
    ULONG disks;        /* device objects, some may be about to go */
    ULONG started;      /* of these */
    ULONG pool_blocks;  /* of the miniport */
};

#endif
