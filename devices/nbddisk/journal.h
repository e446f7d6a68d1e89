/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Changes that the server has acknowledged, and that no flush has made durable yet. A server that
 * dies may lose them; they are made again at the next one, and initiators notice nothing.
 *
 * The memory has two halves. Changes go into the present one. A flush covers the changes that were
 * acknowledged before it was sent: its begin seals the present half, and the other one becomes the
 * present one. A half is empty again when all its changes are durable (order.h).
 *
 * Room is reserved before a change is sent, so that each acknowledged one has its place. Changes
 * that overlap and are on their way at once have no order; the journal takes that of their answers.
 *
 * A journal belongs to one thread.
 */

#ifndef DEVICES_NBDDISK_JOURNAL_H
#define DEVICES_NBDDISK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spd/spd.h>

struct journal_half {
    uint8_t *base;
    size_t used;
    uint64_t newest; /* the sequence of its last entry */
};

struct journal {
    struct journal_half halves[2];
    size_t size;     /* bytes of a half */
    size_t reserved; /* room in the present half for changes that are on their way */
    unsigned present;
    bool sealing; /* a flush is on its way that covers the other half */
};

/* A change of bytes. The data of a write follows it. */
struct journal_entry {
    uint64_t sequence; /* order.h */
    uint64_t offset, length;
    uint32_t operation; /* SPD_WRITE, SPD_UNMAP or SPD_WRITE_ZEROES */
    uint32_t flags;     /* SPD_FUA, ...: the request's */
};

/* size: bytes of a half. False: there is no memory. */
bool journal_open(struct journal *journal, size_t size);
void journal_close(struct journal *journal);

/* Bytes that `changes` changes need, which have `length` bytes of data together. */
size_t journal_need(uint32_t changes, size_t length);
/* False: there is no room before a flush. Bytes that were reserved are given back once. */
bool journal_reserve(struct journal *journal, size_t bytes);
void journal_release(struct journal *journal, size_t bytes);

/* Adds a change, whose room was released just now. data: of a write, as spd_request_data(). */
void journal_add(struct journal *journal, const struct journal_entry *entry, const spd_vec *data,
    uint32_t count);

bool journal_is_empty(const struct journal *journal);
/* Whether so much is used that a flush should be sent. */
bool journal_wants_flush(const struct journal *journal);

/* A flush is about to be sent. True: journal_unseal() is called when it has an outcome, or none. */
bool journal_seal(struct journal *journal);
void journal_unseal(struct journal *journal);
/* Changes up to this sequence are durable. */
void journal_forget(struct journal *journal, uint64_t durable);

/* The entry after this one, NULL for the oldest; NULL past the last. */
const struct journal_entry *journal_next(
    const struct journal *journal, const struct journal_entry *entry);

#endif
