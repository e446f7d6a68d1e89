/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "units.h"

#include <string.h>

struct disk beside;

void open_beside(const char *path, bool hold)
{
    char name[512];

    disk_name_beside(name, &disk, path);
    disk_open_at(&beside, name, hold);
}

void close_beside(void)
{
    if (!beside.unit)
        return;
    if (beside.hold)
        disk_release(&beside);
    disk_close(&beside);
    memset(&beside, 0, sizeof beside);
}

/* LUN 0 is disk, LUN 1 beside; their devices wait where hold says so. */
void open_two(bool hold)
{
    if (hold)
        open_held(NULL);
    else
        open_with("?resets=all");
    open_beside(hold ? TARGET "/1" : TARGET "/1?resets=all", hold);
}

/* And client has both, settled. */
void begin_two(void)
{
    client_login(&client, &disk, "ImmediateData=No\n");
    for (client.lun = 2; client.lun-- > 0;)
        client_settle(&client);
    client.lun = 0;
}

int open_units(void **state)
{
    (void)state;
    open_two(false);
    begin_two();
    return 0;
}

int open_held_units(void **state)
{
    (void)state;
    open_two(true);
    begin_two();
    return 0;
}

int close_units(void **state)
{
    client_close(&client);
    client_close(&other);
    client.fd = other.fd = -1;
    if (disk.hold)
        disk_release(&disk);
    close_beside();
    return close_disk(state);
}

int sense_at(struct client *c, uint8_t lun)
{
    int sense;

    c->lun = lun;
    sense = client_sense(c);
    c->lun = 0;
    return sense;
}

/* A bit for each LUN that REPORT LUNS lists. */
unsigned report_luns(struct client *c)
{
    static const uint8_t cdb[12] = { 0xa0, [8] = 16 };
    uint8_t bhs[ISCSI_BHS];
    unsigned luns = 0;

    client_command(c, bhs, ISCSI_FINAL | COMMAND_READ, 4096, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_DATA_IN);
    for (uint32_t i = 0; i < be32_get(c->data); i += 8)
        luns |= 1u << c->data[8 + i + 1];
    return luns;
}
