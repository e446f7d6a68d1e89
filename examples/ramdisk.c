/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spd/spd.h>

enum { BLOCK = 512, BLOCKS = 131072 }; /* 64 MiB */

static int ram_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    char *memory = device->context;
    memcpy(buffer, memory + lba * BLOCK, (size_t)blocks * BLOCK);
    return 0;
}

static int ram_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    char *memory = device->context;
    memcpy(memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    return 0;
}

static int ram_unmap(spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags,
    spd_status *status)
{
    char *memory = device->context;
    for (uint32_t i = 0; i < count; i++)
        memset(memory + ranges[i].lba * BLOCK, 0, (size_t)ranges[i].blocks * BLOCK);
    return 0;
}

static const spd_ops ops = {sizeof ops, .read = ram_read, .write = ram_write, .unmap = ram_unmap};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "iscsi://127.0.0.1:0/iqn.2026-01.org.example:ram";
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit = NULL;
    spd_device ram = {&ops, calloc(BLOCKS, BLOCK)};
    int error = SPD_ERROR_NO_MEMORY;

    params.block_count = BLOCKS;
    params.flags = SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS | SPD_NEVER_BLOCKS;
    if (ram.context && !(error = spd_unit_create(name, &params, &ram, &unit)) &&
        !(error = spd_unit_shutdown_on_signal(unit)) && !(error = spd_unit_start(unit, 0))) {
        printf("serving %s\n", spd_unit_door_uri(unit, 0));
        fflush(stdout);
        error = spd_unit_wait(unit);
    }
    if (error)
        fprintf(stderr, "%s: %s %s\n", name, spd_strerror(error), spd_error_detail());
    spd_unit_delete(unit);
    free(ram.context);
    return error != 0;
}
