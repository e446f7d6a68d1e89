/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Tools exit with the error numbers that the original's do, those of Windows. */

#ifndef STGTEST_WINERROR_H
#define STGTEST_WINERROR_H

enum {
    ERROR_FILE_NOT_FOUND = 2,
    ERROR_ACCESS_DENIED = 5,
    ERROR_NOT_ENOUGH_MEMORY = 8,
    ERROR_WRITE_FAULT = 29,
    ERROR_NOT_SUPPORTED = 50,
    ERROR_INVALID_PARAMETER = 87,
    ERROR_BUSY = 170,
    ERROR_IO_DEVICE = 1117,
};

/* The nearest number to an errno value. */
int winerror_from_errno(int errnum);

/* The exit status that the system keeps: the low 8 bits, but never 0 for an error. */
int winerror_exit_status(int error);

#endif
