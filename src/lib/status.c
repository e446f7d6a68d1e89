/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What a device answers, as a SCSI disk would say it. */

#include <errno.h>

#include "lib/door.h"
#include "lib/trouble.h"
#include "os/os.h"

/* SPC-4 4.5.6 and table 49 */
enum {
    MEDIUM_ERROR = 0x03,
    HARDWARE_ERROR = 0x04,
    DATA_PROTECT = 0x07,
};

void spd_status_set(
    spd_status *status, uint8_t sense_key, uint8_t asc, uint8_t ascq, const uint64_t *lba)
{
    *status = (spd_status){
        .scsi_status = SCSI_CHECK_CONDITION,
        .sense_key = sense_key,
        .asc = asc,
        .ascq = ascq,
        .information_valid = lba != NULL,
        .information = lba ? *lba : 0,
    };
}

/* For the log: where a program that fills in a status by itself leaves zeros. */
static void note(spd_status *status, int errnum)
{
    if (errnum > UINT16_MAX)
        return;
    status->reserved[1] = (uint8_t)errnum;
    status->reserved[2] = (uint8_t)(errnum >> 8);
}

int spd_status_errno(const spd_status *status)
{
    return status->reserved[1] | status->reserved[2] << 8;
}

void spd_status_set_errno(spd_status *status, int errnum, spd_operation operation, uint64_t lba)
{
    switch (errnum) {
    case 0:
        *status = (spd_status){ 0 };
        break;
    case ENOSPC:
    case OS_EDQUOT:
        /* SBC-3 4.7.3.6: the initiator may write again once space has been found */
        spd_status_set(status, DATA_PROTECT, 0x27, 0x07, NULL);
        break;
    case EROFS:
    case EPERM:
        spd_status_set(status, DATA_PROTECT, 0x27, 0x00, NULL);
        break;
    default:
        /* UNRECOVERED READ ERROR, WRITE ERROR */
        spd_status_set(status, MEDIUM_ERROR, operation == SPD_READ ? 0x11 : 0x0c, 0x00, &lba);
    }
    note(status, errnum);
}

/* The largest errno value that a system may have; SPD_ERROR_MAP keeps clear of it. */
enum { ERRNO_MAX = 4095 };

#define X(NAME, NUMBER, TEXT) _Static_assert(NUMBER < -ERRNO_MAX, "it is no errno value");
SPD_ERROR_MAP(X)
#undef X

void spd_status_of_result(spd_status *status, int result, spd_operation operation, uint64_t lba)
{
    static struct spd_log_limit limit = { .kind = "operations that return what is no result" };

    if (result < 0 && result >= -ERRNO_MAX) {
        spd_status_set_errno(status, -result, operation, lba);
        return;
    }
    spd_log_limited(&limit, NULL, SPD_LOG_ERROR,
        "an operation of the device returned %d (%s), which is no result: it may return 0, a "
        "negative errno value such as -EIO, and SPD_ERROR_WOULD_BLOCK when flags has SPD_NOWAIT",
        result, spd_strerror(result));
    spd_status_set(status, HARDWARE_ERROR, 0x44, 0x00, NULL);
}
