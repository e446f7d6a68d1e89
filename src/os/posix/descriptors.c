/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Standard input, output and error belong to the C library, also if the program was started without
 * them. Then the next file that is opened gets such a number, and messages are written into it.
 */

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int os_reserve_descriptors(void)
{
    /* open() gives the lowest free number, so an open lower one is never taken twice. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return errno;
    }
    return 0;
}
