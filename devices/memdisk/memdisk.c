/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* memdisk: a disk in memory, empty at every start. */

#include "memory.h"
#include "../common/device.h"
#include "../common/size.h"

#include <string.h>

static const struct device_program program = {
    .name = "memdisk",
    .summary = "Serves memory as a SCSI disk, which is empty at every start.",
    .product_id = "MemDisk",
    .groups = DEVICE_OPTIONS_DISK,
};

/* Bytes of one command: pages are given back on the thread that serves all. */
enum { UNMAP_MAX = 64 << 20 };

struct memdisk {
    struct memory memory;
    uint32_t block_length;
};

static int memdisk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    const struct memdisk *disk = device->context;

    (void)flags;
    (void)status;
    memory_read(&disk->memory, buffer, (size_t)blocks * disk->block_length,
        lba * disk->block_length);
    return 0;
}

static int memdisk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct memdisk *disk = device->context;
    int error = memory_write(&disk->memory, buffer, (size_t)blocks * disk->block_length,
        lba * disk->block_length);

    (void)flags;
    if (error)
        spd_status_set_errno(status, error, SPD_WRITE, lba);
    return 0;
}

static int memdisk_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    struct memdisk *disk = device->context;

    (void)flags;
    (void)status;
    for (uint32_t i = 0; i < count; i++)
        memory_unmap(&disk->memory, ranges[i].lba * disk->block_length,
            (uint64_t)ranges[i].blocks * disk->block_length);
    return 0;
}

static int memdisk_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    /* Memory is as stable as this medium gets. */
    (void)device;
    (void)lba;
    (void)blocks;
    (void)flags;
    (void)status;
    return 0;
}

static const spd_ops memdisk_ops = {
    .size = sizeof memdisk_ops,
    .read = memdisk_read,
    .write = memdisk_write,
    .flush = memdisk_flush,
    .unmap = memdisk_unmap,
};

int main(int argc, char **argv)
{
    struct memdisk disk = {0};
    struct device_options options;
    int status = device_begin(&options, &program, argc, argv);

    if (status >= 0)
        return status;

    spd_params params = device_params(&options);
    if (!params.block_count)
        params.block_count = DEVICE_BLOCK_COUNT;
    disk.block_length = params.block_length;
    uint64_t size = params.block_count * params.block_length;
    int error = memory_open(&disk.memory, size);
    if (error) {
        char text[SIZE_TEXT_MAX];
        device_error(&program, "cannot reserve %s of address space: %s", size_format(size, text),
            strerror(error));
        return DEVICE_EXIT_FAILURE;
    }
    params.flags |= SPD_NEVER_BLOCKS;
    params.unmap_granularity = disk.memory.page > params.block_length ? (uint32_t)disk.memory.page
                                                                      : params.block_length;
    params.max_unmap_blocks = UNMAP_MAX / params.block_length;
    status = device_run(&(struct device_disk){ .options = options, .params = params,
        .device = { &memdisk_ops, &disk } }, 1);
    memory_close(&disk.memory);
    return status;
}
