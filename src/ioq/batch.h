/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The layout of several requests, or several answers, in one buffer. Entries follow each other:
 * each is a head of fixed length and its data, padded to 8 bytes.
 *
 * Pure: no lock, no allocation. The driver packs requests and unpacks answers, and the DLL does the
 * reverse, so both share these functions. Bytes from outside are checked as a whole before any of
 * them is used. They are the caller's own copy, which nobody changes meanwhile.
 */

#ifndef IOQ_BATCH_H
#define IOQ_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IOQ_BATCH_ALIGN = 8,
    IOQ_ENTRY_BODY = 48, /* bytes: the request's, or the answer's, own fields */
};

struct ioq_entry {
    uint32_t length;   /* the data's, without the padding */
    uint32_t reserved; /* 0 */
    uint8_t body[IOQ_ENTRY_BODY];
};

/* A buffer that is being filled. */
struct ioq_batch {
    uint8_t *base; /* the caller's, aligned to IOQ_BATCH_ALIGN */
    size_t room;   /* bytes */
    size_t used;
    uint32_t count; /* entries */
};

/* Bytes that an entry takes of a buffer; `length` is at most UINT32_MAX - 64. */
static inline size_t ioq_entry_size(uint32_t length)
{
    return sizeof(struct ioq_entry) +
        (((size_t)length + IOQ_BATCH_ALIGN - 1) & ~(size_t)(IOQ_BATCH_ALIGN - 1));
}

static inline void *ioq_entry_data(struct ioq_entry *entry)
{
    return entry + 1;
}

/* The next entry of a batch that was checked or filled; it may be the end. */
static inline struct ioq_entry *ioq_entry_next(struct ioq_entry *entry)
{
    return (struct ioq_entry *)((uint8_t *)entry + ioq_entry_size(entry->length));
}

/* True: `count` entries fill `length` bytes exactly, and all reserved fields are 0.
 * Any bytes may be given. */
bool ioq_batch_check(const void *entries, size_t length, uint32_t count);

/* The next entry with room for so much data, its head and its padding zeroed. NULL: it does not
 * fit, and nothing has changed. */
struct ioq_entry *ioq_batch_add(struct ioq_batch *batch, uint32_t length);

/* Takes an entry's size off *room. False: there is less room, and nothing has changed. */
bool ioq_batch_spend(size_t *room, uint32_t length);

#endif
