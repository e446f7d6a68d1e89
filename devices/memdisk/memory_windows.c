/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "memory.h"

#include <windows.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Address space is reserved as a whole. Writes commit chunks, and unmaps decommit them. A chunk has
 * 64 KiB, the least that a call can reserve: a call for each page would cost more than the copy.
 * Only a decommit gives memory back: Windows counts committed memory against the system's limit, in
 * use or not.
 *
 * A touch of uncommitted memory is fatal, so a chunk must stay while it is read or written. Reads
 * and writes take its lock shared, and a decommit takes it exclusively; chunks share locks.
 */
enum { CHUNK = 1 << 16, LOCKS = 64 };

struct memory_chunks {
    SRWLOCK locks[LOCKS]; /* all zeros is SRWLOCK_INIT */
    atomic_uchar present[];
};

int memory_open(struct memory *memory, uint64_t size)
{
    uint64_t chunks = (size + CHUNK - 1) / CHUNK;

    *memory = (struct memory){ 0 };
    if (size > SIZE_MAX || chunks > SIZE_MAX - sizeof *memory->chunks)
        return ENOMEM;
    memory->size = size;
    memory->page = CHUNK;
    memory->chunks = calloc(1, sizeof *memory->chunks + (size_t)chunks);
    memory->base = VirtualAlloc(NULL, (size_t)size, MEM_RESERVE, PAGE_READWRITE);
    if (memory->base && memory->chunks)
        return 0;
    memory_close(memory);
    return ENOMEM;
}

void memory_close(struct memory *memory)
{
    if (memory->base)
        VirtualFree(memory->base, 0, MEM_RELEASE);
    free(memory->chunks);
    *memory = (struct memory){ 0 };
}

static SRWLOCK *lock_of(const struct memory *memory, uint64_t offset)
{
    return &memory->chunks->locks[offset / CHUNK % LOCKS];
}

static atomic_uchar *present(const struct memory *memory, uint64_t offset)
{
    return &memory->chunks->present[offset / CHUNK];
}

/* Bytes from offset on that lie in its chunk, at most length. */
static size_t within_chunk(uint64_t offset, uint64_t length)
{
    uint64_t left = CHUNK - offset % CHUNK;

    return (size_t)(length < left ? length : left);
}

/* A second commit changes nothing, so two threads may commit at once. */
static bool make_present(struct memory *memory, uint64_t offset)
{
    uint64_t first = offset - offset % CHUNK;
    size_t length = within_chunk(first, memory->size - first);

    if (atomic_load_explicit(present(memory, offset), memory_order_acquire))
        return true;
    if (!VirtualAlloc(memory->base + first, length, MEM_COMMIT, PAGE_READWRITE))
        return false;
    atomic_store_explicit(present(memory, offset), 1, memory_order_release);
    return true;
}

void memory_read(const struct memory *memory, void *buffer, size_t length, uint64_t offset)
{
    for (size_t done = 0, piece; done < length; done += piece) {
        uint64_t at = offset + done;

        piece = within_chunk(at, length - done);
        AcquireSRWLockShared(lock_of(memory, at));
        if (atomic_load_explicit(present(memory, at), memory_order_acquire))
            memcpy((uint8_t *)buffer + done, memory->base + at, piece);
        else
            memset((uint8_t *)buffer + done, 0, piece);
        ReleaseSRWLockShared(lock_of(memory, at));
    }
}

int memory_write(struct memory *memory, const void *buffer, size_t length, uint64_t offset)
{
    bool room = true;

    for (size_t done = 0, piece; done < length && room; done += piece) {
        uint64_t at = offset + done;

        piece = within_chunk(at, length - done);
        AcquireSRWLockShared(lock_of(memory, at));
        room = make_present(memory, at);
        if (room)
            memcpy(memory->base + at, (const uint8_t *)buffer + done, piece);
        ReleaseSRWLockShared(lock_of(memory, at));
    }
    return room ? 0 : ENOSPC;
}

int memory_run(
    const struct memory *memory, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole)
{
    uint64_t at = offset;

    *hole = !atomic_load_explicit(present(memory, at), memory_order_acquire);
    do
        at += within_chunk(at, UINT64_MAX);
    while (at < limit && !atomic_load_explicit(present(memory, at), memory_order_acquire) == *hole);
    *end = at;
    return 0;
}

int memory_zero(struct memory *memory, uint64_t offset, uint64_t length)
{
    static const uint8_t zeros[CHUNK];
    int error = 0;

    for (uint64_t done = 0, piece; done < length && !error; done += piece) {
        piece = within_chunk(offset + done, length - done);
        error = memory_write(memory, zeros, (size_t)piece, offset + done);
    }
    return error;
}

/* A chunk that is committed again is zero; part of one is made so, and stays. */
static void forget(struct memory *memory, uint64_t offset, size_t length)
{
    bool whole = length == CHUNK || (offset % CHUNK == 0 && offset + length == memory->size);

    if (whole && VirtualFree(memory->base + offset, length, MEM_DECOMMIT))
        atomic_store_explicit(present(memory, offset), 0, memory_order_relaxed);
    else
        memset(memory->base + offset, 0, length);
}

void memory_unmap(struct memory *memory, uint64_t offset, uint64_t length)
{
    while (length) {
        size_t piece = within_chunk(offset, length);

        AcquireSRWLockExclusive(lock_of(memory, offset));
        if (atomic_load_explicit(present(memory, offset), memory_order_relaxed))
            forget(memory, offset, piece);
        ReleaseSRWLockExclusive(lock_of(memory, offset));
        offset += piece;
        length -= piece;
    }
}
