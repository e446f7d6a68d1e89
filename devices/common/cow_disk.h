/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A disk whose changes go to a file, above the disk that keeps its blocks (cow.h). */

#ifndef DEVICES_COMMON_COW_DISK_H
#define DEVICES_COMMON_COW_DISK_H

#include "cow.h"
#include "filter.h"

/* The context of the device. */
struct cow_disk {
    struct filter filter;
    struct cow cow;
};

int cow_disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status);
int cow_disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status);
int cow_disk_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status);
int cow_disk_unmap(spd_device *device, const spd_range *ranges, uint32_t count,
    uint32_t flags, spd_status *status);
int cow_disk_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status);
int cow_disk_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status);
void cow_disk_stop(spd_device *device);
void cow_disk_thread_begin(spd_device *device);
void cow_disk_thread_end(spd_device *device);

/* All changes go to the disk below. Until they are there, and durable, the file has them. So a
 * commit may come again. */
bool cow_disk_commit(struct cow_disk *disk);

#define COW_DISK_OPS                                                                               \
    .size = sizeof(spd_ops), .read = cow_disk_read, .write = cow_disk_write,                       \
    .flush = cow_disk_flush, .unmap = cow_disk_unmap, .stop = cow_disk_stop,                       \
    .write_zeroes = cow_disk_write_zeroes, .extents = cow_disk_extents,                            \
    .thread_begin = cow_disk_thread_begin, .thread_end = cow_disk_thread_end

#endif
