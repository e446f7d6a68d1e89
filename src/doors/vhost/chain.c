/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/vhost/chain.h"

#include <endian.h>
#include <string.h>

#include "doors/vhost/memory.h"
#include "doors/vhost/virtio.h"

struct wire_descriptor {
    uint64_t guest;
    uint32_t length;
    uint16_t third, fourth;
};
_Static_assert(sizeof(struct wire_descriptor) == VIRTIO_DESC_LENGTH, "VIRTIO 1.2 2.7.5");

void vhost_chain_begin(struct vhost_chain *chain)
{
    memset(chain, 0, offsetof(struct vhost_chain, pieces));
}

void vhost_descriptor_decode(struct vhost_descriptor *descriptor, const void *place)
{
    struct wire_descriptor wire;

    vhost_read(&wire, place, sizeof wire);
    *descriptor = (struct vhost_descriptor){
        .guest = le64toh(wire.guest),
        .length = le32toh(wire.length),
        .id_or_flags = le16toh(wire.third),
        .flags_or_next = le16toh(wire.fourth),
    };
}

bool vhost_descriptor_read(struct vhost_descriptor *descriptor, const struct vhost_memory *memory,
    uint32_t *hint, uint64_t table, uint32_t index)
{
    uint8_t bytes[VIRTIO_DESC_LENGTH];
    uint64_t at = table + (uint64_t)index * VIRTIO_DESC_LENGTH, run;

    if (at < table)
        return false;
    for (uint64_t done = 0; done < sizeof bytes; done += run) {
        const uint8_t *place =
            vhost_memory_at(memory, hint, at + done, sizeof bytes - done, &run);

        if (!place)
            return false;
        vhost_read(bytes + done, place, (size_t)run);
    }
    vhost_descriptor_decode(descriptor, bytes);
    return true;
}

static void add_piece(struct vhost_chain *chain, uint8_t *base, uint64_t length, bool written)
{
    uint32_t count = chain->out_count + chain->in_count;

    if (written) {
        chain->in_length += length;
        chain->last = base + length - 1;
    } else {
        chain->out_length += length;
    }
    if (count == VHOST_PIECES) {
        chain->is_long = true;
        return;
    }
    chain->pieces[count] = (struct scsi_vec){ base, (size_t)length };
    chain->in_count += written;
    chain->out_count += !written;
}

const char *vhost_chain_add(struct vhost_chain *chain, const struct vhost_memory *memory,
    uint32_t *hint, const struct vhost_descriptor *descriptor, bool written)
{
    uint64_t at = descriptor->guest, left = descriptor->length;

    if (++chain->descriptors > VHOST_CHAIN_DESCRIPTORS)
        return "a chain of descriptors is too long, or a circle";
    if (!written && chain->in_length)
        return "a descriptor to read follows one to write";
    while (left) {
        uint64_t run;
        uint8_t *base = at + left < at ? NULL : vhost_memory_at(memory, hint, at, left, &run);

        if (!base)
            return "a descriptor points outside the memory of the guest";
        add_piece(chain, base, run, written);
        at += run;
        left -= run;
    }
    return NULL;
}

bool vhost_chain_take(struct vhost_chain *chain, void *to, uint64_t length)
{
    uint8_t *at = to;

    if (chain->out_length < length || chain->is_long)
        return false;
    chain->out_length -= length;
    while (length) {
        struct scsi_vec *piece = vhost_chain_out(chain);
        size_t part = piece->length < length ? piece->length : (size_t)length;

        vhost_read(at, piece->base, part);
        at += part;
        length -= part;
        piece->base = (uint8_t *)piece->base + part;
        piece->length -= part;
        if (piece->length == 0) {
            chain->first++;
            chain->out_count--;
        }
    }
    return true;
}

void vhost_chain_cut(struct vhost_chain *chain, uint64_t length)
{
    chain->in_length -= length;
    while (length) {
        struct scsi_vec *piece = &vhost_chain_in(chain)[chain->in_count - 1];
        size_t part = piece->length < length ? piece->length : (size_t)length;

        piece->length -= part;
        length -= part;
        chain->in_count -= piece->length == 0;
    }
}
