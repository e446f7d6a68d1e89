/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The stream remembers that a write has failed, but not why. */

#include "stgtest/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "stgtest/winerror.h"

static int flush_error;

int output_flush(void)
{
    if (fflush(stdout) == 0)
        return 0;
    flush_error = errno;
    return ERROR_WRITE_FAULT;
}

int output_end(const char *program, int error)
{
    bool failed = ferror(stdout) != 0;
    const char *why;

    errno = flush_error;
    /* Some file systems tell of a full disk only when a file is closed. */
    failed |= fclose(stdout) != 0;
    if (!failed)
        return error;
    why = errno ? strerror(errno) : "an earlier write failed";
    fprintf(stderr, "%s: standard output cannot be written: %s (error %d)\n", program, why,
        ERROR_WRITE_FAULT);
    return error ? error : ERROR_WRITE_FAULT;
}
