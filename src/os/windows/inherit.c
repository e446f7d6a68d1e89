/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Windows' service manager opens no sockets for a service. */

#include "os/net.h"

int os_inherit_sockets(unsigned *count, int *failed)
{
    *count = 0;
    *failed = -1;
    return 0;
}

os_socket os_inherited_socket(const struct os_address *address)
{
    (void)address;
    return OS_NO_SOCKET;
}

bool os_inherited_address(const struct os_address *wanted, char *text, size_t size)
{
    (void)wanted;
    (void)text;
    (void)size;
    return false;
}

bool os_inherited_left(unsigned *at, char *text, size_t size)
{
    (void)at;
    (void)text;
    (void)size;
    return false;
}
