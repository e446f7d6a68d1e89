/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The blocks of a disk and of the file of its changes, as a simple device: a request may be of
 * both. */

#include "cow_disk.h"

#include <stdlib.h>
#include <string.h>

static int end_with(int error, spd_operation operation, uint64_t lba, spd_status *status)
{
    if (error)
        spd_status_set_errno(status, error, operation, lba);
    return 0;
}

static bool is_good(int error, const spd_status *status)
{
    return !error && status->scsi_status == SPD_STATUS_GOOD;
}

int cow_disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct cow_disk *disk = device->context;
    size_t block_length = disk->cow.block_length;
    uint64_t run;
    int error = 0;

    for (uint64_t done = 0; done < blocks && is_good(error, status); done += run) {
        char *at = (char *)buffer + done * block_length;

        switch (cow_run(&disk->cow, lba + done, blocks - done, &run)) {
        case COW_BASE:
            error = spd_device_read(
                &disk->filter.below, at, lba + done, (uint32_t)run, flags, status);
            break;
        case COW_DATA:
            error = end_with(
                cow_read(&disk->cow, at, lba + done, run), SPD_READ, lba + done, status);
            break;
        default: memset(at, 0, run * block_length); break;
        }
    }
    return error;
}

/* A change is durable with the flush of all. */
static int finish(struct cow_disk *disk, int error, spd_operation operation, uint64_t lba,
    uint32_t flags, spd_status *status)
{
    if (!error && flags & SPD_FUA)
        error = cow_flush(&disk->cow);
    return end_with(error, operation, lba, status);
}

int cow_disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct cow_disk *disk = device->context;
    int error = cow_write(&disk->cow, buffer, lba, blocks);

    if (!error)
        cow_set(&disk->cow, lba, blocks, COW_DATA);
    return finish(disk, error, SPD_WRITE, lba, flags, status);
}

int cow_disk_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct cow_disk *disk = device->context;

    (void)blocks;
    (void)flags;
    return end_with(cow_flush(&disk->cow), SPD_FLUSH, lba, status);
}

int cow_disk_unmap(spd_device *device, const spd_range *ranges, uint32_t count,
    uint32_t flags, spd_status *status)
{
    struct cow_disk *disk = device->context;

    (void)flags;
    (void)status;
    for (uint32_t i = 0; i < count; i++)
        cow_set(&disk->cow, ranges[i].lba, ranges[i].blocks, COW_ZERO);
    return 0;
}

int cow_disk_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct cow_disk *disk = device->context;

    cow_set(&disk->cow, lba, blocks, COW_ZERO);
    return finish(disk, 0, SPD_WRITE_ZEROES, lba, flags, status);
}

/* The device below may describe less than it is asked for: what follows is another question. */
int cow_disk_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    struct cow_disk *disk = device->context;
    uint64_t run;

    for (uint64_t done = 0; done < blocks; done += run) {
        enum cow_state state = cow_run(&disk->cow, lba + done, blocks - done, &run);

        if (state == COW_BASE)
            return spd_device_extents(
                &disk->filter.below, lba + done, (uint32_t)run, flags, extents, status);
        if (!spd_extents_add(extents, run, state == COW_DATA ? SPD_MAPPED : SPD_DEALLOCATED))
            break;
    }
    return 0;
}

void cow_disk_stop(spd_device *device)
{
    spd_device_stop(&((struct cow_disk *)device->context)->filter.below);
}

enum { PIECE = 1 << 20 };

/* A run of changes goes to the device below. */
static bool commit_run(struct cow_disk *disk, void *buffer, uint64_t lba, uint64_t run,
    enum cow_state state)
{
    uint64_t most = PIECE / disk->cow.block_length;
    bool good = true;

    for (uint64_t done = 0, part; done < run && good; done += part) {
        spd_status status = { 0 };

        part = run - done < most ? run - done : most;
        if (state == COW_ZERO)
            memset(buffer, 0, part * disk->cow.block_length);
        good = (state == COW_ZERO || cow_read(&disk->cow, buffer, lba + done, part) == 0) &&
            is_good(spd_device_write(&disk->filter.below, buffer, lba + done, (uint32_t)part, 0,
                &status), &status);
    }
    return good;
}

/* Until all is in the device below, and durable, the file has it. So a commit may come again. */
bool cow_disk_commit(struct cow_disk *disk)
{
    void *buffer = malloc(PIECE);
    spd_status status = { 0 };
    bool good = buffer;
    uint64_t run;

    for (uint64_t lba = 0; lba < disk->cow.block_count && good; lba += run) {
        enum cow_state state =
            cow_run(&disk->cow, lba, disk->cow.block_count - lba, &run);

        if (state != COW_BASE)
            good = commit_run(disk, buffer, lba, run, state);
    }
    free(buffer);
    return good && is_good(spd_device_flush(&disk->filter.below, 0, 0, 0, &status), &status);
}

void cow_disk_thread_begin(spd_device *device)
{
    spd_device_thread_begin(&((struct cow_disk *)device->context)->filter.below);
}

void cow_disk_thread_end(spd_device *device)
{
    spd_device_thread_end(&((struct cow_disk *)device->context)->filter.below);
}
