/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A virtqueue from the device's side: split (VIRTIO 1.2 2.7) or packed (2.8). It is memory of a
 * guest, which may do with it what it likes; a ring that breaks the rules gets a `fault`, and from
 * then on gives out nothing. No function here calls the system.
 *
 *   vhost_ring_begin()   at its start
 *   vhost_ring_take()    the next chain; false: there is none, or the ring has a fault
 *   vhost_ring_give()    a chain is done, in any order
 *   vhost_ring_publish() shows the guest what was given; true: call the guest
 *   vhost_ring_arm()     from now on the guest kicks; true: take once more
 *   vhost_ring_disarm()  it need not
 *
 * A ring has one thread at a time.
 */

#ifndef VHOST_RING_H
#define VHOST_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/vhost/chain.h"

struct vhost_dirty;
struct vhost_inflight_packed;
struct vhost_inflight_split;
struct vhost_memory;
struct vhost_ring_ops;

struct vhost_ring {
    const struct vhost_ring_ops *ops; /* vhost_ring_begin() sets it */
    const struct vhost_memory *memory;
    const struct vhost_dirty *dirty; /* NULL: changes are not logged */
    bool logs_itself;                /* and those of the ring are, from this address on */
    uint64_t log_address;
    uint16_t size;                   /* split: a power of two */
    bool packed, event_index, indirect;
    uint8_t *descriptors, *driver, *device; /* split: driver is the available, device the used
                                             * ring; packed: their event structures */
    void *inflight;                  /* the ring's part of that region, or NULL */

    /* The ring's own. */
    uint32_t hint;
    uint16_t next_avail, next_used;
    bool avail_wrap, used_wrap;
    uint16_t shown_used;   /* next_used when it was last published */
    uint16_t called_used;  /* and when the guest was last asked whether it wants a call */
    bool called;
    uint16_t resubmit;     /* chains that an earlier program left in flight */
    uint64_t counter;      /* counts chains in flight, for their order */
    uint16_t given;        /* chains since the last publish */
    const char *fault;     /* what the guest did, or NULL */
};

struct vhost_ring_ops {
    void (*begin)(struct vhost_ring *ring, uint32_t base);
    uint32_t (*base)(const struct vhost_ring *ring);
    bool (*take)(struct vhost_ring *ring, struct vhost_chain *chain);
    void (*give)(struct vhost_ring *ring, const struct vhost_chain *chain, uint32_t written);
    void (*publish)(struct vhost_ring *ring);
    bool (*wants_call)(struct vhost_ring *ring);
    bool (*arm)(struct vhost_ring *ring);
    void (*disarm)(struct vhost_ring *ring);
};
extern const struct vhost_ring_ops vhost_split_ops, vhost_packed_ops;

/* Bytes of its three parts, for the check of their addresses. */
void vhost_ring_lengths(const struct vhost_ring *ring, uint64_t lengths[3]);
/* The addresses are those of memory for these lengths, and aligned to 16, 4 and 4 bytes. base:
 * VHOST_SET_VRING_BASE's number. */
void vhost_ring_begin(struct vhost_ring *ring, uint32_t base);
/* VHOST_GET_VRING_BASE's number, when nothing is in flight. */
uint32_t vhost_ring_base(const struct vhost_ring *ring);
bool vhost_ring_take(struct vhost_ring *ring, struct vhost_chain *chain);
/* written: the first bytes of what the device writes, which it has written. */
void vhost_ring_give(
    struct vhost_ring *ring, const struct vhost_chain *chain, uint32_t written);
bool vhost_ring_publish(struct vhost_ring *ring);
bool vhost_ring_arm(struct vhost_ring *ring);
void vhost_ring_disarm(struct vhost_ring *ring);

/* For the two kinds. Collects a chain's descriptors from an indirect table; entries of a packed
 * ring's table follow each other. False: the ring has a fault now. */
bool vhost_ring_add(struct vhost_ring *ring, struct vhost_chain *chain,
    const struct vhost_descriptor *descriptor, bool written);
bool vhost_ring_fail(struct vhost_ring *ring, const char *fault);
/* Logs a change of the ring's own memory. */
void vhost_ring_changed(const struct vhost_ring *ring, const void *place, uint32_t length);

#endif
