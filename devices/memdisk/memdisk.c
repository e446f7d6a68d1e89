/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* memdisk: disks in memory, empty at every start. */

#include "memory.h"
#include "../common/extents.h"
#include "../common/size.h"

#include <string.h>

#include <spd/program.h>

static const spd_program program = {
    .name = "memdisk",
    .summary = "Serves memory as a SCSI disk, which is empty at every start.",
    .product_id = "MemDisk",
    .disk_option = "size",
};

/* Bytes of one operation: pages are given back on the thread that serves all. */
enum { UNMAP_MAX = 64 << 20 };
/* Bytes of one question about extents, which that thread answers as well. */
enum { EXTENTS_MAX = 256 << 20 };

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

/* Memory is never set aside for later writes, so that keeping space only means keeping pages. */
static int memdisk_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct memdisk *disk = device->context;
    uint64_t offset = lba * disk->block_length, length = (uint64_t)blocks * disk->block_length;
    int error = 0;

    if (flags & SPD_MAY_UNMAP)
        memory_unmap(&disk->memory, offset, length);
    else
        error = memory_zero(&disk->memory, offset, length);
    if (error)
        spd_status_set_errno(status, error, SPD_WRITE_ZEROES, lba);
    return 0;
}

static int run_of(const void *memory, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole)
{
    return memory_run(memory, offset, limit, end, hole);
}

static int memdisk_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    const struct memdisk *disk = device->context;
    const struct extents_source source = { run_of, &disk->memory, disk->block_length };
    uint32_t most = EXTENTS_MAX / disk->block_length;

    (void)flags;
    (void)status;
    extents_describe(&source, lba, blocks < most ? blocks : most, extents);
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
    .write_zeroes = memdisk_write_zeroes,
    .extents = memdisk_extents,
};

/* Fits the parameters to the memory. Returns an exit status. */
static int open_disk(struct memdisk *disk, spd_program_disk *served)
{
    spd_params *params = &served->params;
    uint64_t size = params->block_count * params->block_length;
    int error = memory_open(&disk->memory, size);

    if (error) {
        char text[SIZE_TEXT_MAX];

        spd_program_error(&program, "cannot reserve %s of address space: %s",
            size_format(size, text), strerror(error));
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    disk->block_length = params->block_length;
    params->flags |= SPD_NEVER_BLOCKS;
    params->unmap_granularity = disk->memory.page > params->block_length
                                    ? (uint32_t)disk->memory.page
                                    : params->block_length;
    params->max_unmap_blocks = UNMAP_MAX / params->block_length;
    served->device = (spd_device){ &memdisk_ops, disk };
    return 0;
}

int main(int argc, char **argv)
{
    static struct memdisk disks[SPD_PROGRAM_DISKS_MAX];
    static spd_program_disk served[SPD_PROGRAM_DISKS_MAX];
    spd_program_options options;
    int status = spd_program_begin(&program, argc, argv, &options, NULL);
    uint32_t count;

    if (status >= 0)
        return status;
    status = 0;
    count = spd_program_disks(&options);
    for (uint32_t i = 0; i < count && status == 0; i++) {
        spd_program_disk_init(&served[i], &options, i);
        status = open_disk(&disks[i], &served[i]);
    }
    if (status == 0)
        status = spd_program_run(served, count);
    for (uint32_t i = 0; i < count; i++)
        memory_close(&disks[i].memory);
    return status;
}
