/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* From the end of a command to the protocol's error numbers, which are few. */

#include "doors/nbd/door.h"

enum { ANY = 0xff };

/* The first row that fits. Numbers for changes and for other commands may differ: a range that the
 * unit lacks is ENOSPC for a write. */
static const struct {
    uint8_t key, asc, ascq;
    enum nbd_error error, of_change;
} rows[] = {
    { 0x5, 0x20, 0x00, NBD_ENOTSUP, NBD_ENOTSUP }, /* INVALID COMMAND OPERATION CODE */
    { 0x5, 0x21, ANY, NBD_EINVAL, NBD_ENOSPC },    /* LOGICAL BLOCK ADDRESS OUT OF RANGE */
    { 0x5, ANY, ANY, NBD_EINVAL, NBD_EINVAL },
    { 0x7, 0x27, 0x07, NBD_ENOSPC, NBD_ENOSPC },   /* SPACE ALLOCATION FAILED WRITE PROTECT */
    { 0x7, ANY, ANY, NBD_EPERM, NBD_EPERM },
    { 0xd, ANY, ANY, NBD_ENOSPC, NBD_ENOSPC },     /* VOLUME OVERFLOW */
    { ANY, ANY, ANY, NBD_EIO, NBD_EIO },
};

static bool fits(uint8_t wanted, uint8_t value)
{
    return wanted == ANY || wanted == value;
}

enum nbd_error nbd_outcome_error(const struct scsi_outcome *outcome, bool changes)
{
    unsigned i = 0;

    if (scsi_outcome_completed(outcome))
        return NBD_OK;
    if (outcome->status == SCSI_RESERVATION_CONFLICT)
        return NBD_EPERM;
    if (outcome->status != SCSI_CHECK_CONDITION)
        return NBD_EIO;
    while (!fits(rows[i].key, outcome->sense_key) || !fits(rows[i].asc, outcome->asc) ||
        !fits(rows[i].ascq, outcome->ascq))
        i++;
    return changes ? rows[i].of_change : rows[i].error;
}
