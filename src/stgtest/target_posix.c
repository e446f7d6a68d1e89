/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char target_names[] =
    "  NAME         unix:PATH        a unit behind the unix: door\n"
    "               PATH             a block device that nothing uses, or a file\n";

int target_fail(const char *name, const char *what)
{
    int error = winerror_from_errno(errno);

    fprintf(stderr, "stgtest: %s: %s: %s (error %d)\n", name, what, strerror(errno), error);
    return error;
}

int target_open(const char *name, struct target **target)
{
    return strncmp(name, "unix:", 5) == 0 ? target_open_unix(name, target)
                                          : target_open_raw(name, target);
}

void *target_buffer_new(size_t length)
{
    void *buffer;

    return posix_memalign(&buffer, 4096, length) ? NULL : buffer;
}

void target_buffer_free(void *buffer)
{
    free(buffer);
}

const char target_star[] = "\"*\"";

void target_print_name(const char *name)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@%+";

    if (*name && name[strspn(name, safe)] == '\0') {
        printf("%s", name);
        return;
    }
    putchar('\'');
    for (; *name; name++) {
        if (*name == '\'')
            printf("'\\''");
        else
            putchar(*name);
    }
    putchar('\'');
}

uint32_t target_thread_id(void)
{
    return (uint32_t)gettid();
}
