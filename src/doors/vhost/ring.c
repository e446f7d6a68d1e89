/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/vhost/ring.h"

#include <stdatomic.h>

#include "doors/vhost/dirty.h"
#include "doors/vhost/inflight.h"
#include "doors/vhost/memory.h"
#include "doors/vhost/virtio.h"

enum { CACHE_LINE = 64, EVENTS = 4, RING_HEAD = 4, EVENT = 2, AVAILABLE = 2, USED = 8 };

size_t vhost_inflight_stride(uint16_t queue_size, int packed)
{
    size_t length = packed ?
        sizeof(struct vhost_inflight_packed) +
            queue_size * sizeof(struct vhost_inflight_packed_entry) :
        sizeof(struct vhost_inflight_split) +
            queue_size * sizeof(struct vhost_inflight_split_entry);

    return (length + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

void vhost_ring_lengths(const struct vhost_ring *ring, uint64_t lengths[3])
{
    uint64_t size = ring->size;

    lengths[0] = size * VIRTIO_DESC_LENGTH;
    lengths[1] = ring->packed ? EVENTS : RING_HEAD + size * AVAILABLE + EVENT;
    lengths[2] = ring->packed ? EVENTS : RING_HEAD + size * USED + EVENT;
}

void vhost_ring_begin(struct vhost_ring *ring, uint32_t base)
{
    ring->ops = ring->packed ? &vhost_packed_ops : &vhost_split_ops;
    ring->called = false;
    ring->resubmit = ring->given = 0;
    ring->counter = 0;
    ring->fault = NULL;
    ring->ops->begin(ring, base);
}

uint32_t vhost_ring_base(const struct vhost_ring *ring)
{
    return ring->ops->base(ring);
}

bool vhost_ring_take(struct vhost_ring *ring, struct vhost_chain *chain)
{
    if (ring->fault)
        return false;
    vhost_chain_begin(chain);
    return ring->ops->take(ring, chain);
}

/* The pages are marked before the guest sees the chain as used. */
static void log_chain(const struct vhost_ring *ring, const struct vhost_chain *chain)
{
    const struct scsi_vec *pieces = chain->pieces + chain->first + chain->out_count;

    for (uint32_t i = 0; i < chain->in_count; i++)
        vhost_dirty_mark(
            ring->dirty, vhost_memory_guest(ring->memory, pieces[i].base), pieces[i].length);
    if (chain->last)
        vhost_dirty_mark(ring->dirty, vhost_memory_guest(ring->memory, chain->last), 1);
}

void vhost_ring_give(
    struct vhost_ring *ring, const struct vhost_chain *chain, uint32_t written)
{
    if (ring->dirty)
        log_chain(ring, chain);
    ring->ops->give(ring, chain, written);
    ring->given++;
}

bool vhost_ring_publish(struct vhost_ring *ring)
{
    if (ring->given == 0)
        return false;
    ring->given = 0;
    ring->ops->publish(ring);
    ring->shown_used = ring->next_used;
    /* The guest must see what is used before this side sees whether it wants to be called. */
    atomic_thread_fence(memory_order_seq_cst);
    return ring->ops->wants_call(ring);
}

bool vhost_ring_arm(struct vhost_ring *ring)
{
    return !ring->fault && (ring->ops->arm(ring) || ring->resubmit);
}

void vhost_ring_disarm(struct vhost_ring *ring)
{
    if (!ring->fault)
        ring->ops->disarm(ring);
}

bool vhost_ring_fail(struct vhost_ring *ring, const char *fault)
{
    ring->fault = fault;
    return false;
}

bool vhost_ring_add(struct vhost_ring *ring, struct vhost_chain *chain,
    const struct vhost_descriptor *descriptor, bool written)
{
    const char *fault =
        vhost_chain_add(chain, ring->memory, &ring->hint, descriptor, written);

    return !fault || vhost_ring_fail(ring, fault);
}

void vhost_ring_changed(const struct vhost_ring *ring, const void *place, uint32_t length)
{
    const uint8_t *at = place;

    if (!ring->dirty || !ring->logs_itself)
        return;
    vhost_dirty_mark(ring->dirty,
        ring->packed ? vhost_memory_guest(ring->memory, at) :
                       ring->log_address + (uint64_t)(at - ring->device),
        length);
}
