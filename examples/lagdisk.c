/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A disk in memory that is as slow as its user wants, to try programs on. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include <spd/program.h>

struct lagdisk {
    uint64_t read_lag, write_lag; /* milliseconds */
    uint32_t block_length;
    char *memory;
};

static void lag(uint64_t ms)
{
    thrd_sleep(&(struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 }, NULL);
}

static int lag_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    struct lagdisk *disk = device->context;
    lag(disk->read_lag);
    memcpy(buffer, disk->memory + lba * disk->block_length, (size_t)blocks * disk->block_length);
    return 0;
}

static int lag_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct lagdisk *disk = device->context;
    lag(disk->write_lag);
    memcpy(disk->memory + lba * disk->block_length, buffer, (size_t)blocks * disk->block_length);
    return 0;
}

static const spd_ops ops = { sizeof ops, .read = lag_read, .write = lag_write };

static const spd_program_option options[] = {
    { "read-lag", "MS", "milliseconds that a read takes (0)", .kind = SPD_PROGRAM_NUMBER,
        .max = 60000, .offset = offsetof(struct lagdisk, read_lag) },
    { "write-lag", "MS", "milliseconds that a write takes (0)", .kind = SPD_PROGRAM_NUMBER,
        .max = 60000, .offset = offsetof(struct lagdisk, write_lag) },
};

static const spd_program program = {
    .name = "lagdisk",
    .summary = "Serves memory as a SCSI disk that is as slow as you like.",
    .version = "1.0",
    .product_id = "LagDisk",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .without = (const char *const[]){ "unmap", NULL },
};

int main(int argc, char **argv)
{
    struct lagdisk lagdisk = { 0 };
    spd_program_options wanted;
    spd_program_disk disk;
    int status = spd_program_begin(&program, argc, argv, &wanted, &lagdisk);

    if (status >= 0)
        return status;
    spd_program_disk_init(&disk, &wanted, 0);
    lagdisk.block_length = disk.params.block_length;
    lagdisk.memory = calloc(disk.params.block_count, disk.params.block_length);
    if (!lagdisk.memory) {
        spd_program_error(&program, "there is no memory for the disk: give it a smaller --size");
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    disk.device = (spd_device){ &ops, &lagdisk };
    status = spd_program_run(&disk, 1);
    free(lagdisk.memory);
    return status;
}
