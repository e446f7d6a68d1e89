/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Packed virtqueues (VIRTIO 1.2 2.8). */

#include <endian.h>
#include <stdatomic.h>

#include "doors/vhost/inflight.h"
#include "doors/vhost/memory.h"
#include "doors/vhost/ring.h"
#include "doors/vhost/virtio.h"

enum { WRAP = 0x8000 };

struct descriptor {
    uint64_t guest;
    uint32_t length;
    uint16_t id;
    _Atomic uint16_t flags;
};

struct events {
    _Atomic uint16_t place, flags;
};

static struct descriptor *descriptor_of(const struct vhost_ring *ring, uint16_t at)
{
    return (struct descriptor *)(void *)ring->descriptors + at;
}

static struct events *driver_of(const struct vhost_ring *ring)
{
    return (struct events *)(void *)ring->driver;
}

static struct events *device_of(const struct vhost_ring *ring)
{
    return (struct events *)(void *)ring->device;
}

static uint16_t with_wrap(uint16_t at, bool wrap)
{
    return (uint16_t)(at | (wrap ? WRAP : 0));
}

static void move_on(const struct vhost_ring *ring, uint16_t *at, bool *wrap, uint16_t places)
{
    uint32_t next = (uint32_t)*at + places;

    *wrap ^= next >= ring->size;
    *at = (uint16_t)(next >= ring->size ? next - ring->size : next);
}

static bool is_available(const struct vhost_ring *ring)
{
    uint16_t flags =
        virtio_load(&descriptor_of(ring, ring->next_avail)->flags, memory_order_acquire);
    bool avail = flags & VIRTIO_DESC_F_AVAIL, used = flags & VIRTIO_DESC_F_USED;

    return avail == ring->avail_wrap && used != ring->avail_wrap;
}

/* The region of requests in flight. Another process may write there: each value is read once, and
 * a number that is none of an entry becomes one. */

static volatile struct vhost_inflight_packed *inflight_of(const struct vhost_ring *ring)
{
    return ring->inflight;
}

static volatile struct vhost_inflight_packed_entry *entry_of(
    const struct vhost_ring *ring, uint16_t number)
{
    return &inflight_of(ring)->entries[number % ring->size];
}

static void make_region(
    const struct vhost_ring *ring, volatile struct vhost_inflight_packed *region)
{
    for (uint16_t i = 0; i < ring->size; i++)
        region->entries[i].next = (uint16_t)(i + 1);
    region->entry_count = ring->size;
    region->used_index = region->old_used_index = ring->next_used;
    region->used_wrap = region->old_used_wrap = ring->used_wrap;
    region->version = VHOST_INFLIGHT_VERSION;
}

/* The last batch may have been shown to the guest and not been marked as done, or the reverse. */
static void finish_batch(
    const struct vhost_ring *ring, volatile struct vhost_inflight_packed *region)
{
    uint16_t flags, at = region->old_used_index % ring->size;
    bool wrap = region->old_used_wrap;

    if (region->used_index != region->old_used_index) {
        flags = virtio_load(&descriptor_of(ring, at)->flags, memory_order_relaxed);
        if (!(flags & VIRTIO_DESC_F_AVAIL) == !wrap && !(flags & VIRTIO_DESC_F_USED) == !wrap) {
            region->old_free_head = region->free_head;
            region->old_used_index = region->used_index;
            region->old_used_wrap = region->used_wrap;
        }
    }
    region->free_head = region->old_free_head;
    region->used_index = region->old_used_index;
    region->used_wrap = region->old_used_wrap;
    at = region->free_head;
    for (uint16_t i = 0; i < ring->size && at < ring->size; i++) {
        region->entries[at].inflight = 0;
        at = region->entries[at].next;
    }
}

static void begin_inflight(struct vhost_ring *ring, volatile struct vhost_inflight_packed *region)
{
    uint32_t places = 0;

    if (region->version != VHOST_INFLIGHT_VERSION) {
        make_region(ring, region);
        return;
    }
    finish_batch(ring, region);
    ring->next_used = region->used_index % ring->size;
    ring->used_wrap = region->used_wrap & 1;
    for (uint16_t i = 0; i < ring->size; i++) {
        if (!region->entries[i].inflight)
            continue;
        ring->resubmit++;
        places += region->entries[i].number;
        if (region->entries[i].counter >= ring->counter)
            ring->counter = region->entries[i].counter + 1;
    }
    ring->next_avail = ring->next_used;
    ring->avail_wrap = ring->used_wrap;
    if (places <= ring->size)
        move_on(ring, &ring->next_avail, &ring->avail_wrap, (uint16_t)places);
    else
        vhost_ring_fail(ring, "the region of requests in flight has more than the ring");
}

static void track_begin(struct vhost_ring *ring, struct vhost_chain *chain)
{
    volatile struct vhost_inflight_packed *region = inflight_of(ring);

    if (!region)
        return;
    chain->tracked = region->old_free_head % ring->size;
    region->entries[chain->tracked].number = 0;
    region->entries[chain->tracked].counter = ring->counter++;
    region->entries[chain->tracked].inflight = 1;
}

static void track(
    struct vhost_ring *ring, struct vhost_chain *chain, const struct vhost_descriptor *d)
{
    volatile struct vhost_inflight_packed *region = inflight_of(ring);
    volatile struct vhost_inflight_packed_entry *entry;
    bool is_last = !(d->flags_or_next & VIRTIO_DESC_F_NEXT);
    uint16_t free_head;

    if (!region)
        return;
    free_head = region->free_head;
    entry = entry_of(ring, free_head);
    if (is_last)
        region->entries[chain->tracked].last = free_head;
    region->entries[chain->tracked].number++;
    entry->address = d->guest;
    entry->length = d->length;
    entry->id = d->id_or_flags;
    entry->flags = d->flags_or_next;
    region->free_head = entry->next;
    if (is_last)
        region->old_free_head = region->free_head;
}

static void untrack_begin(const struct vhost_ring *ring, const struct vhost_chain *chain)
{
    volatile struct vhost_inflight_packed *region = inflight_of(ring);

    if (!region)
        return;
    entry_of(ring, entry_of(ring, chain->tracked)->last)->next = region->free_head;
    region->free_head = chain->tracked;
    region->used_index = ring->next_used;
    region->used_wrap = ring->used_wrap;
    atomic_signal_fence(memory_order_seq_cst);
}

static void untrack_end(const struct vhost_ring *ring, const struct vhost_chain *chain)
{
    volatile struct vhost_inflight_packed *region = inflight_of(ring);

    if (!region)
        return;
    atomic_signal_fence(memory_order_seq_cst);
    entry_of(ring, chain->tracked)->inflight = 0;
    region->old_free_head = region->free_head;
    region->old_used_index = region->used_index;
    region->old_used_wrap = region->used_wrap;
}

/* Life. The used index follows the available one when nothing was in flight. */

static void begin(struct vhost_ring *ring, uint32_t base)
{
    ring->next_avail = ring->next_used = (uint16_t)((base & (WRAP - 1)) % ring->size);
    ring->avail_wrap = ring->used_wrap = base & WRAP;
    if (ring->inflight)
        begin_inflight(ring, inflight_of(ring));
    ring->shown_used = ring->next_used;
    ring->called_used = 0;
}

static uint32_t base(const struct vhost_ring *ring)
{
    uint32_t half = with_wrap(ring->next_avail, ring->avail_wrap);

    return half << 16 | half;
}

/* Taking. */

static bool take_table(struct vhost_ring *ring, struct vhost_chain *chain,
    const struct vhost_descriptor *table)
{
    uint32_t count = table->length / VIRTIO_DESC_LENGTH;
    struct vhost_descriptor d;

    if (table->length == 0 || table->length % VIRTIO_DESC_LENGTH)
        return vhost_ring_fail(ring, "an indirect table is not made of whole descriptors");
    if (!ring->indirect || table->flags_or_next & VIRTIO_DESC_F_NEXT)
        return vhost_ring_fail(ring, "an indirect table where none may be");
    for (uint32_t i = 0; i < count; i++) {
        if (!vhost_descriptor_read(&d, ring->memory, &ring->hint, table->guest, i))
            return vhost_ring_fail(ring, "an indirect table is outside the guest's memory");
        if (!vhost_ring_add(ring, chain, &d, d.flags_or_next & VIRTIO_DESC_F_WRITE))
            return false;
    }
    return true;
}

static bool add(
    struct vhost_ring *ring, struct vhost_chain *chain, const struct vhost_descriptor *d)
{
    chain->id = d->id_or_flags;
    chain->places++;
    if (d->flags_or_next & VIRTIO_DESC_F_INDIRECT)
        return take_table(ring, chain, d);
    return vhost_ring_add(ring, chain, d, d->flags_or_next & VIRTIO_DESC_F_WRITE);
}

/* The oldest of those to be resubmitted. Its counter becomes a new one: it is not found again. */
static bool take_again(struct vhost_ring *ring, struct vhost_chain *chain)
{
    uint16_t oldest = ring->size, at;
    struct vhost_descriptor d;

    for (uint16_t i = 0; i < ring->size; i++) {
        if (entry_of(ring, i)->inflight && (oldest == ring->size ||
            entry_of(ring, i)->counter < entry_of(ring, oldest)->counter))
            oldest = i;
    }
    ring->resubmit--;
    if (oldest == ring->size)
        return vhost_ring_fail(ring, "the region of requests in flight has changed");
    chain->tracked = at = oldest;
    entry_of(ring, oldest)->counter = ring->counter++;
    do {
        volatile struct vhost_inflight_packed_entry *entry = entry_of(ring, at);

        d = (struct vhost_descriptor){
            entry->address, entry->length, entry->id, entry->flags };
        at = entry->next;
        if (!add(ring, chain, &d))
            return false;
    } while (d.flags_or_next & VIRTIO_DESC_F_NEXT && chain->places < ring->size);
    return true;
}

static bool take(struct vhost_ring *ring, struct vhost_chain *chain)
{
    struct vhost_descriptor d;

    if (ring->resubmit)
        return take_again(ring, chain);
    if (!is_available(ring))
        return false;
    track_begin(ring, chain);
    do {
        if (chain->places == ring->size)
            return vhost_ring_fail(ring, "a chain is longer than the ring");
        vhost_descriptor_decode(&d, descriptor_of(ring, ring->next_avail));
        track(ring, chain, &d);
        move_on(ring, &ring->next_avail, &ring->avail_wrap, 1);
        if (!add(ring, chain, &d))
            return false;
    } while (d.flags_or_next & VIRTIO_DESC_F_NEXT);
    return true;
}

/* Giving back: each chain is shown at once. */

static void give(struct vhost_ring *ring, const struct vhost_chain *chain, uint32_t written)
{
    struct descriptor *place = descriptor_of(ring, ring->next_used);
    uint16_t flags = ring->used_wrap ? VIRTIO_DESC_F_AVAIL | VIRTIO_DESC_F_USED : 0;

    place->id = htole16(chain->id);
    place->length = htole32(written);
    move_on(ring, &ring->next_used, &ring->used_wrap, chain->places);
    untrack_begin(ring, chain);
    virtio_store(&place->flags, (uint16_t)(flags | (written ? VIRTIO_DESC_F_WRITE : 0)));
    untrack_end(ring, chain);
    vhost_ring_changed(ring, place, sizeof *place);
    ring->called_used = (uint16_t)(ring->called_used + chain->places);
}

static void publish(struct vhost_ring *ring)
{
    (void)ring;
}

/* VIRTIO 1.2 2.8.10. called_used counts the places since the last question. */
static bool wants_call(struct vhost_ring *ring)
{
    uint16_t flags = virtio_load(&driver_of(ring)->flags, memory_order_acquire);
    uint16_t event = virtio_load(&driver_of(ring)->place, memory_order_relaxed);
    uint16_t places = ring->called_used, off = event & (WRAP - 1);

    ring->called_used = 0;
    if (flags == VIRTIO_EVENT_DISABLE)
        return false;
    if (flags != VIRTIO_EVENT_DESC || !ring->event_index)
        return true;
    if (!(event & WRAP) != !ring->used_wrap)
        off = (uint16_t)(off - ring->size);
    return (uint16_t)(ring->next_used - off - 1) < places;
}

/* Kicks. */

static bool arm(struct vhost_ring *ring)
{
    struct events *events = device_of(ring);

    if (ring->event_index) {
        virtio_store(&events->place, with_wrap(ring->next_avail, ring->avail_wrap));
        virtio_store(&events->flags, VIRTIO_EVENT_DESC);
    } else {
        virtio_store(&events->flags, VIRTIO_EVENT_ENABLE);
    }
    vhost_ring_changed(ring, events, sizeof *events);
    atomic_thread_fence(memory_order_seq_cst);
    return is_available(ring);
}

static void disarm(struct vhost_ring *ring)
{
    virtio_store(&device_of(ring)->flags, VIRTIO_EVENT_DISABLE);
}

const struct vhost_ring_ops vhost_packed_ops = {
    .begin = begin,
    .base = base,
    .take = take,
    .give = give,
    .publish = publish,
    .wants_call = wants_call,
    .arm = arm,
    .disarm = disarm,
};
