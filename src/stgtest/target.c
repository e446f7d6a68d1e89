/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int target_error(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
        return ERROR_FILE_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_ACCESS_DENIED;
    case ENOMEM:
        return ERROR_NOT_ENOUGH_MEMORY;
    case EINVAL:
        return ERROR_INVALID_PARAMETER;
    case EBUSY:
        return ERROR_BUSY;
    default:
        return ERROR_IO_DEVICE;
    }
}

int target_fail(const char *name, const char *what)
{
    int error = target_error(errno);

    fprintf(stderr, "stgtest: %s: %s: %s (error %d)\n", name, what, strerror(errno), error);
    return error;
}
