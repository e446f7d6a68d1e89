/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int os_event_open(int *event)
{
    *event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *event < 0 ? errno : 0;
}

void os_event_close(int event)
{
    close(event);
}

void os_event_signal(int event)
{
    uint64_t one = 1;
    int saved = errno;

    /* The only failure left is a full counter, and then the event is signalled already. */
    while (write(event, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
}

void os_event_clear(int event)
{
    uint64_t count;

    while (read(event, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

void os_event_wait(int event)
{
    struct pollfd poll_event = { .fd = event, .events = POLLIN };

    while (poll(&poll_event, 1, -1) < 0 && errno == EINTR)
        ;
}
