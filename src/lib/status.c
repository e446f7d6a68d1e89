/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Turns a device's answer into that of a SCSI disk. */

#include <errno.h>

#include "lib/door.h"
#include "lib/misuse.h"
#include "lib/trouble.h"
#include "os/os.h"

void spd_status_set(
    spd_status *status, uint8_t sense_key, uint8_t asc, uint8_t ascq, const uint64_t *lba)
{
    SPD_NEEDS(status);
    *status = (spd_status){
        .scsi_status = SCSI_CHECK_CONDITION,
        .sense_key = sense_key,
        .asc = asc,
        .ascq = ascq,
        .information_valid = lba != NULL,
        .information = lba ? *lba : 0,
    };
}

void spd_status_set_busy(spd_status *status)
{
    SPD_NEEDS(status);
    *status = (spd_status){ .scsi_status = SPD_STATUS_BUSY };
}

/* For the log; a program that fills in a status itself leaves zeros here. */
static void note(spd_status *status, int errnum)
{
    if (errnum < 0 || errnum > UINT16_MAX)
        return;
    status->reserved[1] = (uint8_t)errnum;
    status->reserved[2] = (uint8_t)(errnum >> 8);
}

int spd_status_errno(const spd_status *status)
{
    return status->reserved[1] | status->reserved[2] << 8;
}

/* The kinds of trouble that errno values tell of. */
enum trouble {
    PROGRAM, /* the program is wrong, or the trouble is of no kind below */
    NONE,
    MEDIUM,    /* these blocks are bad */
    TRANSIENT, /* it may pass by itself, so that a second try succeeds */
    SPACE,     /* there is no room for more */
    READ_ONLY, /* nothing may be written */
    DENIED,    /* the same for a write; for a read, nothing can be had until an operator helps */
    GONE,      /* nothing can be had until an operator helps */
};

static const struct {
    int errnum;
    enum trouble trouble;
} troubles[] = {
    { 0, NONE },

    /* Disks report these, and checksums of file systems. ENODATA is a medium error of a Linux block
     * device, EBADMSG and EUCLEAN are faults that file systems find, and EILSEQ is protection
     * information that does not fit. */
    { EIO, MEDIUM },
    { EBADMSG, MEDIUM },
    { EILSEQ, MEDIUM },
    { ENODATA, MEDIUM },
    { OS_EUCLEAN, MEDIUM },

    /* A network or a server that is out of order for a while. EPIPE, ENOTCONN and ESHUTDOWN come
     * from a connection that has ended before, ENOLINK from a path of a block device. Data that a
     * peer has garbled (EPROTO) are fetched anew on the next connection. */
    { ETIMEDOUT, TRANSIENT },
    { ETIME, TRANSIENT },
    { ECONNREFUSED, TRANSIENT },
    { ECONNRESET, TRANSIENT },
    { ECONNABORTED, TRANSIENT },
    { ENOTCONN, TRANSIENT },
    { OS_ESHUTDOWN, TRANSIENT },
    { EPIPE, TRANSIENT },
    { ENETDOWN, TRANSIENT },
    { ENETUNREACH, TRANSIENT },
    { ENETRESET, TRANSIENT },
    { OS_EHOSTDOWN, TRANSIENT },
    { EHOSTUNREACH, TRANSIENT },
    { ENOLINK, TRANSIENT },
    { EPROTO, TRANSIENT },
    { EINPROGRESS, TRANSIENT },
    { EALREADY, TRANSIENT },

    /* Others have the resource at present: memory, buffers, descriptors, ports, locks. */
    { EAGAIN, TRANSIENT },
    { EWOULDBLOCK, TRANSIENT },
    { EBUSY, TRANSIENT },
    { ENOMEM, TRANSIENT },
    { ENOBUFS, TRANSIENT },
    { EMFILE, TRANSIENT },
    { ENFILE, TRANSIENT },
    { ENOLCK, TRANSIENT },
    { EDEADLK, TRANSIENT },
    { EADDRINUSE, TRANSIENT },
    { EADDRNOTAVAIL, TRANSIENT },

    /* The work was broken off, and the medium has no fault. */
    { EINTR, TRANSIENT },
    { ECANCELED, TRANSIENT },

    /* EFBIG: a file may not be as long as that. */
    { ENOSPC, SPACE },
    { OS_EDQUOT, SPACE },
    { EFBIG, SPACE },

    { EROFS, READ_ONLY },
    { EPERM, DENIED },
    { EACCES, DENIED },

    /* The medium is no longer there. ESTALE is a file that its server has replaced:
     * the handle never works again. */
    { ENOENT, GONE },
    { ENODEV, GONE },
    { ENXIO, GONE },
    { OS_ENOMEDIUM, GONE },
    { OS_ESTALE, GONE },
};

static enum trouble trouble_of(int errnum, spd_operation operation)
{
    enum trouble trouble = PROGRAM;

    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        if (troubles[i].errnum == errnum)
            trouble = troubles[i].trouble;
    if (trouble == DENIED)
        trouble = operation == SPD_READ ? GONE : READ_ONLY;
    /* A system reports only once that a flush has lost data. After BUSY the initiator would flush
     * again, and take its success for both. */
    if (trouble == TRANSIENT && operation == SPD_FLUSH)
        trouble = MEDIUM;
    return trouble;
}

void spd_status_set_errno(spd_status *status, int errnum, spd_operation operation, uint64_t lba)
{
    static const struct {
        uint8_t sense_key, asc, ascq;
    } senses[] = {
        [PROGRAM] = { SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE },
        [MEDIUM] = { SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR },
        /* SBC-3 4.7.3.6: the initiator may write again once space has been found */
        [SPACE] = { SPD_SENSE_DATA_PROTECT, SPD_ASC_SPACE_ALLOCATION_FAILED_WRITE_PROTECT },
        [READ_ONLY] = { SPD_SENSE_DATA_PROTECT, SPD_ASC_WRITE_PROTECTED },
        [GONE] = { SPD_SENSE_NOT_READY,
            SPD_ASC_LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED },
    };
    enum trouble trouble;

    SPD_NEEDS(status);
    if (errnum < 0 && errnum >= -OS_ERRNO_MAX)
        errnum = -errnum;
    errnum = os_errno(errnum);
    trouble = trouble_of(errnum, operation);
    if (trouble == NONE)
        *status = (spd_status){ 0 };
    else if (trouble == TRANSIENT)
        spd_status_set_busy(status);
    else if (trouble == MEDIUM && operation == SPD_READ)
        spd_status_set(status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, &lba);
    else
        spd_status_set(status, senses[trouble].sense_key, senses[trouble].asc,
            senses[trouble].ascq, trouble == MEDIUM ? &lba : NULL);
    note(status, errnum);
}

_Static_assert(SPD_ERROR_NO_MEMORY < -OS_ERRNO_MAX, "the first error is no errno value");

void spd_status_of_result(spd_status *status, int result, spd_operation operation, uint64_t lba)
{
    static struct spd_log_limit limit = { .kind = "operations that return what is no result" };

    if (result < 0 && result >= -OS_ERRNO_MAX) {
        spd_status_set_errno(status, -result, operation, lba);
        return;
    }
    spd_log_limited(&limit, NULL, SPD_LOG_ERROR,
        "an operation of the device returned %d (%s), which is no result: it may return 0, a "
        "negative errno value such as -EIO, and SPD_ERROR_WOULD_BLOCK when flags has SPD_NOWAIT",
        result, spd_strerror(result));
    spd_status_set(status, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, NULL);
}
