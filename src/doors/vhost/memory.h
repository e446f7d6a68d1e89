/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The memory that a front end shares, and the addresses in it. A guest chooses guest addresses, so
 * each translation is checked: the range lies in the regions, and nothing wraps. The guest changes
 * the memory at any time, so each value is read once, by vhost_read().
 *
 * A front end that shortens a file of its memory ends this program by SIGBUS. No guest can do that.
 *
 * The table of regions changes only while no ring of the device is at work.
 */

#ifndef VHOST_MEMORY_H
#define VHOST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct vhost_memory_region;

enum { VHOST_SLOTS = 64 };

struct vhost_region {
    uint64_t guest, user, size; /* bytes; neither address wraps within the size */
    uint8_t *base;              /* the region's, here */
    void *mapping;              /* what to unmap; NULL: nothing */
    size_t mapping_length;
};

struct vhost_memory {
    uint32_t count;
    struct vhost_region regions[VHOST_SLOTS];
};

/* Maps the memory of a descriptor, which stays the caller's. NULL, or the reason of a refusal. */
const char *vhost_memory_add(
    struct vhost_memory *memory, const struct vhost_memory_region *wanted, int fd);
/* Unmaps the region with these addresses and this size. NULL, or why it did not. */
const char *vhost_memory_remove(
    struct vhost_memory *memory, const struct vhost_memory_region *unwanted);
void vhost_memory_clear(struct vhost_memory *memory);

/* The place of a guest address here, and how many of the bytes follow it without a break; at least
 * 1 of `length`, which is not 0. *hint is the region of the last address, or any number. NULL: the
 * guest has no memory there. */
uint8_t *vhost_memory_at(const struct vhost_memory *memory, uint32_t *hint, uint64_t guest,
    uint64_t length, uint64_t *run);
/* The place of a whole range of the front end's own addresses; NULL: it is in no single region. */
uint8_t *vhost_memory_of_user(const struct vhost_memory *memory, uint64_t user, uint64_t length);
/* The guest address of a place in a region; UINT64_MAX: in none. */
uint64_t vhost_memory_guest(const struct vhost_memory *memory, const uint8_t *place);

/* Copies from memory that others may change: the copy does not change afterwards. */
void vhost_read(void *to, const void *from, size_t length);

#endif
