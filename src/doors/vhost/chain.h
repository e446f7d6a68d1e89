/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A chain of descriptors as pieces of memory here: first those that the device reads, then those
 * that it writes (VIRTIO 1.2 2.7.4.2). A piece that crosses regions becomes several. Devices must
 * not expect that a header or a status has a descriptor of its own (VIRTIO 1.2 2.7.4).
 */

#ifndef VHOST_CHAIN_H
#define VHOST_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/scsi.h"

struct vhost_memory;

enum {
    VHOST_PIECES = 144,            /* the longest chain that can be carried out */
    VHOST_CHAIN_DESCRIPTORS = 1024, /* more of them break the ring */
};

struct vhost_chain {
    uint16_t id;      /* split: the head; packed: the buffer's */
    uint16_t places;  /* it takes so many in the ring */
    uint16_t tracked; /* its entry in the region of requests in flight */
    bool is_long;     /* it has more pieces than fit here, and they were left out */
    uint32_t first, out_count, in_count; /* pieces */
    uint64_t out_length, in_length; /* bytes, also those that were left out */
    uint8_t *last;    /* the last byte that the device writes; NULL: it writes none */
    uint32_t descriptors;
    struct scsi_vec pieces[VHOST_PIECES];
};

/* A descriptor, copied from the guest. */
struct vhost_descriptor {
    uint64_t guest;
    uint32_t length;
    uint16_t id_or_flags, flags_or_next; /* packed: id, flags; split: flags, next */
};

void vhost_chain_begin(struct vhost_chain *chain);
/* Adds memory to it. NULL, or how the descriptor breaks the rules. */
const char *vhost_chain_add(struct vhost_chain *chain, const struct vhost_memory *memory,
    uint32_t *hint, const struct vhost_descriptor *descriptor, bool written);
/* Reads descriptor number `index` of a table in guest memory. False: it is not all there. */
bool vhost_descriptor_read(struct vhost_descriptor *descriptor, const struct vhost_memory *memory,
    uint32_t *hint, uint64_t table, uint32_t index);
void vhost_descriptor_decode(struct vhost_descriptor *descriptor, const void *place);

/* Copies the first bytes of what the device reads, and takes them off the chain. False: there are
 * not so many. */
bool vhost_chain_take(struct vhost_chain *chain, void *to, uint64_t length);
/* Takes the last bytes off what the device writes. There are so many, in pieces of the chain. */
void vhost_chain_cut(struct vhost_chain *chain, uint64_t length);

/* The bytes that the device reads, or writes. */
static inline struct scsi_vec *vhost_chain_out(struct vhost_chain *chain)
{
    return chain->pieces + chain->first;
}
static inline struct scsi_vec *vhost_chain_in(struct vhost_chain *chain)
{
    return chain->pieces + chain->first + chain->out_count;
}

#endif
