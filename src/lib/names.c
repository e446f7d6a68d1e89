/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Names for SCSI answers, in the original's spelling, since scripts read lines with them. */

#include "spd/spd.h"

/* SAM-5 5.3.1 */
static const char *const statuses[256] = {
    [0x00] = "GOOD",
    [0x02] = "CHECK_CONDITION",
    [0x04] = "CONDITION_MET",
    [0x08] = "BUSY",
    [0x18] = "RESERVATION_CONFLICT",
    [0x28] = "TASK_SET_FULL",
    [0x30] = "ACA_ACTIVE",
    [0x40] = "TASK_ABORTED",
};

/* SPC-4 4.5.6 */
static const char *const sense_keys[256] = {
    "NO_SENSE", "RECOVERED_ERROR", "NOT_READY", "MEDIUM_ERROR", "HARDWARE_ERROR",
    "ILLEGAL_REQUEST", "UNIT_ATTENTION", "DATA_PROTECT", "BLANK_CHECK", "VENDOR_SPECIFIC",
    "COPY_ABORTED", "ABORTED_COMMAND", NULL, "VOL_OVERFLOW", "MISCOMPARE", "COMPLETED",
};

static const char *name_of(const char *const names[256], uint8_t value)
{
    return names[value] ? names[value] : "UNKNOWN";
}

const char *spd_scsi_status_name(uint8_t scsi_status)
{
    return name_of(statuses, scsi_status);
}

const char *spd_sense_key_name(uint8_t sense_key)
{
    return name_of(sense_keys, sense_key);
}
