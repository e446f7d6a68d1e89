/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Split virtqueues (VIRTIO 1.2 2.7). */

#include <endian.h>
#include <stdatomic.h>

#include "doors/vhost/inflight.h"
#include "doors/vhost/memory.h"
#include "doors/vhost/ring.h"
#include "doors/vhost/virtio.h"

struct available {
    _Atomic uint16_t flags, index;
    _Atomic uint16_t entries[]; /* and used_event after them */
};

struct used {
    _Atomic uint16_t flags, index;
    struct {
        uint32_t id, length;
    } entries[]; /* and avail_event after them */
};

static struct available *available_of(const struct vhost_ring *ring)
{
    return (struct available *)(void *)ring->driver;
}

static struct used *used_of(const struct vhost_ring *ring)
{
    return (struct used *)(void *)ring->device;
}

/* The region of requests in flight. */

/* Another process may write there: each value is read once. */
static volatile struct vhost_inflight_split *inflight_of(const struct vhost_ring *ring)
{
    return ring->inflight;
}

/* The last batch may have been shown to the guest and not been marked as done. */
static void finish_batch(struct vhost_ring *ring, volatile struct vhost_inflight_split *region)
{
    uint16_t left = (uint16_t)(ring->next_used - region->used_index);
    uint16_t entry = region->last_batch_head;

    for (; left && entry < ring->size; left--) {
        region->entries[entry].inflight = 0;
        entry = region->entries[entry].next;
    }
    region->used_index = ring->next_used;
}

static void begin_inflight(struct vhost_ring *ring, volatile struct vhost_inflight_split *region)
{
    if (region->version != VHOST_INFLIGHT_VERSION) {
        region->version = VHOST_INFLIGHT_VERSION;
        region->entry_count = ring->size;
        region->used_index = ring->next_used;
        return;
    }
    if (region->used_index != ring->next_used)
        finish_batch(ring, region);
    for (uint16_t i = 0; i < ring->size; i++) {
        if (!region->entries[i].inflight)
            continue;
        ring->resubmit++;
        if (region->entries[i].counter >= ring->counter)
            ring->counter = region->entries[i].counter + 1;
    }
    ring->next_avail = (uint16_t)(ring->next_used + ring->resubmit);
}

/* The oldest of those to be resubmitted. Its counter becomes a new one, so that it is not found
 * again. */
static uint16_t next_resubmit(struct vhost_ring *ring)
{
    volatile struct vhost_inflight_split *region = inflight_of(ring);
    uint16_t oldest = ring->size;

    for (uint16_t i = 0; i < ring->size; i++) {
        if (region->entries[i].inflight &&
            (oldest == ring->size || region->entries[i].counter < region->entries[oldest].counter))
            oldest = i;
    }
    ring->resubmit--;
    return oldest;
}

static void track(struct vhost_ring *ring, uint16_t head)
{
    volatile struct vhost_inflight_split *region = inflight_of(ring);

    if (!region)
        return;
    region->entries[head].counter = ring->counter++;
    atomic_signal_fence(memory_order_seq_cst);
    region->entries[head].inflight = 1;
}

/* Life. */

static void begin(struct vhost_ring *ring, uint32_t base)
{
    ring->next_avail = (uint16_t)base;
    ring->next_used = virtio_load(&used_of(ring)->index, memory_order_relaxed);
    if (ring->inflight)
        begin_inflight(ring, inflight_of(ring));
    ring->shown_used = ring->called_used = ring->next_used;
}

static uint32_t base(const struct vhost_ring *ring)
{
    return ring->next_avail;
}

/* Taking. */

static bool take_table(struct vhost_ring *ring, struct vhost_chain *chain, uint64_t table,
    uint32_t length)
{
    uint32_t count = length / VIRTIO_DESC_LENGTH, at = 0;
    struct vhost_descriptor d;

    if (length == 0 || length % VIRTIO_DESC_LENGTH)
        return vhost_ring_fail(ring, "an indirect table is not made of whole descriptors");
    for (;;) {
        if (at >= count)
            return vhost_ring_fail(ring, "a descriptor's next one is not in its table");
        if (!vhost_descriptor_read(&d, ring->memory, &ring->hint, table, at))
            return vhost_ring_fail(ring, "an indirect table is outside the guest's memory");
        if (d.id_or_flags & VIRTIO_DESC_F_INDIRECT)
            return vhost_ring_fail(ring, "an indirect table within another one");
        if (!vhost_ring_add(ring, chain, &d, d.id_or_flags & VIRTIO_DESC_F_WRITE))
            return false;
        if (!(d.id_or_flags & VIRTIO_DESC_F_NEXT))
            return true;
        at = d.flags_or_next;
    }
}

static bool take_chain(struct vhost_ring *ring, struct vhost_chain *chain, uint16_t at)
{
    struct vhost_descriptor d;

    for (;;) {
        if (at >= ring->size)
            return vhost_ring_fail(ring, "a descriptor's number is past the end of the ring");
        vhost_descriptor_decode(
            &d, ring->descriptors + (size_t)at * VIRTIO_DESC_LENGTH);
        if (d.id_or_flags & VIRTIO_DESC_F_INDIRECT)
            break;
        if (!vhost_ring_add(ring, chain, &d, d.id_or_flags & VIRTIO_DESC_F_WRITE))
            return false;
        if (!(d.id_or_flags & VIRTIO_DESC_F_NEXT))
            return true;
        at = d.flags_or_next;
    }
    if (!ring->indirect || d.id_or_flags & VIRTIO_DESC_F_NEXT)
        return vhost_ring_fail(ring, "an indirect table where none may be");
    return take_table(ring, chain, d.guest, d.length);
}

/* The next head. False: there is none. */
static bool take_head(struct vhost_ring *ring, uint16_t *head)
{
    const struct available *available = available_of(ring);
    uint16_t count;

    if (ring->resubmit) {
        *head = next_resubmit(ring);
        return *head < ring->size ||
            vhost_ring_fail(ring, "the region of requests in flight has changed");
    }
    count = (uint16_t)(virtio_load(&available->index, memory_order_acquire) - ring->next_avail);
    if (count == 0)
        return false;
    if (count > ring->size)
        return vhost_ring_fail(ring, "more chains are available than the ring has");
    *head = virtio_load(&available->entries[ring->next_avail % ring->size], memory_order_relaxed);
    if (*head >= ring->size)
        return vhost_ring_fail(ring, "a chain begins past the end of the ring");
    ring->next_avail++;
    return true;
}

static bool take(struct vhost_ring *ring, struct vhost_chain *chain)
{
    uint16_t head = 0;

    if (!take_head(ring, &head))
        return false;
    chain->id = chain->tracked = head;
    track(ring, head);
    return take_chain(ring, chain, head);
}

/* Giving back. */

static void give(struct vhost_ring *ring, const struct vhost_chain *chain, uint32_t written)
{
    struct used *used = used_of(ring);
    volatile struct vhost_inflight_split *region = inflight_of(ring);
    uint16_t at = ring->next_used++ % ring->size;

    used->entries[at].id = htole32(chain->id);
    used->entries[at].length = htole32(written);
    vhost_ring_changed(ring, &used->entries[at], sizeof used->entries[at]);
    if (region) {
        region->entries[chain->id].next = region->last_batch_head;
        region->last_batch_head = chain->id;
    }
}

static void publish(struct vhost_ring *ring)
{
    struct used *used = used_of(ring);
    volatile struct vhost_inflight_split *region = inflight_of(ring);
    uint16_t entry, left = (uint16_t)(ring->next_used - ring->shown_used);

    virtio_store(&used->index, ring->next_used);
    vhost_ring_changed(ring, used, sizeof *used);
    if (!region)
        return;
    atomic_signal_fence(memory_order_seq_cst);
    for (entry = region->last_batch_head; left && entry < ring->size; left--) {
        region->entries[entry].inflight = 0;
        entry = region->entries[entry].next;
    }
    atomic_signal_fence(memory_order_seq_cst);
    region->used_index = ring->next_used;
}

/* VIRTIO 1.2 2.7.7.1 */
static bool wants_call(struct vhost_ring *ring)
{
    const struct available *available = available_of(ring);
    uint16_t event, before = ring->called_used;

    if (!ring->event_index)
        return !(virtio_load(&available->flags, memory_order_relaxed) &
            VIRTIO_AVAIL_F_NO_INTERRUPT);
    event = virtio_load(&available->entries[ring->size], memory_order_relaxed);
    ring->called_used = ring->next_used;
    if (!ring->called) {
        ring->called = true;
        return true;
    }
    return (uint16_t)(ring->next_used - event - 1) < (uint16_t)(ring->next_used - before);
}

/* Kicks. */

static bool arm(struct vhost_ring *ring)
{
    struct used *used = used_of(ring);

    if (ring->event_index) {
        _Atomic uint16_t *event = (_Atomic uint16_t *)(void *)&used->entries[ring->size];

        virtio_store(event, ring->next_avail);
        vhost_ring_changed(ring, event, sizeof *event);
    } else {
        virtio_store(&used->flags, 0);
        vhost_ring_changed(ring, used, sizeof used->flags);
    }
    atomic_thread_fence(memory_order_seq_cst);
    return virtio_load(&available_of(ring)->index, memory_order_relaxed) != ring->next_avail;
}

/* With an event index, the guest kicks for one chain alone anyway. */
static void disarm(struct vhost_ring *ring)
{
    if (!ring->event_index)
        virtio_store(&used_of(ring)->flags, VIRTIO_USED_F_NO_NOTIFY);
}

const struct vhost_ring_ops vhost_split_ops = {
    .begin = begin,
    .base = base,
    .take = take,
    .give = give,
    .publish = publish,
    .wants_call = wants_call,
    .arm = arm,
    .disarm = disarm,
};
