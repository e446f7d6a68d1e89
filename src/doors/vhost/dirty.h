/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The log of guest pages that this side has changed, for a live migration: a bit a page of 4 KiB,
 * in memory of the front end. Several rings, and the front end, change it at once. */

#ifndef VHOST_DIRTY_H
#define VHOST_DIRTY_H

#include <stddef.h>
#include <stdint.h>

struct vhost_dirty {
    _Atomic uint8_t *bits; /* NULL: no log */
    uint64_t size;         /* bytes */
    void *mapping;
    size_t mapping_length;
};

/* Maps the log of a descriptor, which stays the caller's. NULL, or why it did not. */
const char *vhost_dirty_map(struct vhost_dirty *dirty, uint64_t size, uint64_t offset, int fd);
void vhost_dirty_unmap(struct vhost_dirty *dirty);

/* Pages past the end of the log are left out. */
void vhost_dirty_mark(const struct vhost_dirty *dirty, uint64_t guest, uint64_t length);

#endif
