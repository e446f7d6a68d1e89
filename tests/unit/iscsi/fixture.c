/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "fixture.h"

struct disk disk;
struct client client, other;

void open_with(const char *query)
{
    client.fd = other.fd = -1;
    disk_open(&disk, NULL, query);
}

void begin(const char *keys)
{
    client_login(&client, &disk, keys);
    client_settle(&client);
}

int open_disk(void **state)
{
    (void)state;
    open_with("");
    return 0;
}

int open_held(void **state)
{
    (void)state;
    client.fd = other.fd = -1;
    disk_open_held(&disk);
    return 0;
}

int open_held_session(void **state)
{
    open_held(state);
    begin("ImmediateData=No\n");
    return 0;
}

int open_watchful(void **state)
{
    (void)state;
    open_with("?nop-interval=1&nop-timeout=1");
    return 0;
}

int open_pinging(void **state)
{
    (void)state;
    open_with("?nop-interval=1&nop-timeout=60");
    return 0;
}

int close_disk(void **state)
{
    (void)state;
    client_close(&client);
    client_close(&other);
    if (disk.hold)
        disk_release(&disk);
    disk_close(&disk);
    return 0;
}
