/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The words in which a SCSI disk answers, for what a device puts into its spd_status: SCSI status,
 * sense key, additional sense code. The names are those of the standards. doc/tutorial.md says what
 * to answer to which trouble, and what Linux, QEMU and Windows then do.
 *
 * spd.h includes this.
 */

#ifndef SPD_SENSE_H
#define SPD_SENSE_H

/* SAM-5 5.3.1: spd_status.scsi_status. Those that a device has a use for. */
enum spd_scsi_status {
    SPD_STATUS_GOOD = 0x00,
    SPD_STATUS_CHECK_CONDITION = 0x02, /* with a sense key and an additional sense code */
    SPD_STATUS_BUSY = 0x08,            /* initiators come again; see spd_status_set_busy() */
    SPD_STATUS_TASK_SET_FULL = 0x28,   /* the same, and initiators send fewer commands at a time */
};

/* SPC-4 4.5.6: spd_status.sense_key */
enum spd_sense_key {
    SPD_SENSE_NO_SENSE = 0x0,
    SPD_SENSE_RECOVERED_ERROR = 0x1, /* done, with some effort */
    SPD_SENSE_NOT_READY = 0x2,       /* the disk cannot be used at present */
    SPD_SENSE_MEDIUM_ERROR = 0x3,    /* these blocks are bad, for good */
    SPD_SENSE_HARDWARE_ERROR = 0x4,  /* the disk itself failed, not its blocks */
    SPD_SENSE_ILLEGAL_REQUEST = 0x5,
    SPD_SENSE_UNIT_ATTENTION = 0x6,
    SPD_SENSE_DATA_PROTECT = 0x7, /* these blocks may not be written */
    SPD_SENSE_BLANK_CHECK = 0x8,
    SPD_SENSE_VENDOR_SPECIFIC = 0x9,
    SPD_SENSE_COPY_ABORTED = 0xa,
    SPD_SENSE_ABORTED_COMMAND = 0xb, /* initiators try again at once, a few times */
    SPD_SENSE_VOLUME_OVERFLOW = 0xd,
    SPD_SENSE_MISCOMPARE = 0xe,
    SPD_SENSE_COMPLETED = 0xf,
};

/*
 * Additional sense codes (SPC-4 annex F.2). Each takes the place of two arguments or two members,
 * asc and ascq:
 *
 *     spd_status_set(status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, &lba);
 */
#define SPD_ASC_NO_ADDITIONAL_SENSE_INFORMATION 0x00, 0x00

/* with NOT READY */
#define SPD_ASC_LOGICAL_UNIT_NOT_READY_CAUSE_NOT_REPORTABLE 0x04, 0x00
#define SPD_ASC_LOGICAL_UNIT_IS_IN_PROCESS_OF_BECOMING_READY 0x04, 0x01
#define SPD_ASC_LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED 0x04, 0x03
#define SPD_ASC_LOGICAL_UNIT_NOT_READY_OPERATION_IN_PROGRESS 0x04, 0x07
#define SPD_ASC_LOGICAL_UNIT_NOT_READY_SPACE_ALLOCATION_IN_PROGRESS 0x04, 0x14

/* with ILLEGAL REQUEST */
#define SPD_ASC_INVALID_COMMAND_OPERATION_CODE 0x20, 0x00

/* with MEDIUM ERROR */
#define SPD_ASC_WRITE_ERROR 0x0c, 0x00
#define SPD_ASC_UNRECOVERED_READ_ERROR 0x11, 0x00

/* with RECOVERED ERROR */
#define SPD_ASC_RECOVERED_DATA_WITH_RETRIES 0x17, 0x01
#define SPD_ASC_RECOVERED_DATA_WITH_ERROR_CORRECTION_APPLIED 0x18, 0x00

/* with DATA PROTECT */
#define SPD_ASC_WRITE_PROTECTED 0x27, 0x00
#define SPD_ASC_SPACE_ALLOCATION_FAILED_WRITE_PROTECT 0x27, 0x07

/* with HARDWARE ERROR, the first two with ABORTED COMMAND as well */
#define SPD_ASC_LOGICAL_UNIT_COMMUNICATION_FAILURE 0x08, 0x00
#define SPD_ASC_LOGICAL_UNIT_COMMUNICATION_TIMEOUT 0x08, 0x01
#define SPD_ASC_LOGICAL_UNIT_FAILURE 0x3e, 0x01
#define SPD_ASC_INTERNAL_TARGET_FAILURE 0x44, 0x00

#endif
