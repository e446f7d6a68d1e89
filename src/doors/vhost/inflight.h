/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The region of requests in flight: it outlives this program, so that the next one finds the
 * requests that were never answered (vhost-user, "Inflight I/O tracking"). It is shared, so what it
 * says is checked as a guest's rings are.
 */

#ifndef VHOST_INFLIGHT_H
#define VHOST_INFLIGHT_H

#include <stddef.h>
#include <stdint.h>

enum { VHOST_INFLIGHT_VERSION = 1 };

struct vhost_inflight_split_entry {
    uint8_t inflight;
    uint8_t padding[5];
    uint16_t next;
    uint64_t counter;
};

struct vhost_inflight_split {
    uint64_t features;
    uint16_t version, entry_count, last_batch_head, used_index;
    struct vhost_inflight_split_entry entries[];
};

struct vhost_inflight_packed_entry {
    uint8_t inflight, padding;
    uint16_t next, last, number;
    uint64_t counter;
    uint16_t id, flags;
    uint32_t length;
    uint64_t address;
};

struct vhost_inflight_packed {
    uint64_t features;
    uint16_t version, entry_count, free_head, old_free_head, used_index, old_used_index;
    uint8_t used_wrap, old_used_wrap;
    uint8_t padding[7];
    struct vhost_inflight_packed_entry entries[];
};

_Static_assert(sizeof(struct vhost_inflight_split_entry) == 16, "vhost-user: DescStateSplit");
_Static_assert(sizeof(struct vhost_inflight_split) == 16, "vhost-user: QueueRegionSplit");
_Static_assert(sizeof(struct vhost_inflight_packed_entry) == 32, "vhost-user: DescStatePacked");
_Static_assert(sizeof(struct vhost_inflight_packed) == 32, "vhost-user: QueueRegionPacked");

/* The bytes of a ring's region in either form. */
size_t vhost_inflight_stride(uint16_t queue_size, int packed);

#endif
