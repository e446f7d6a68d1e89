/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "memory.h"

#include <windows.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Address space is reserved as a whole and committed where it is written. Chunks, because one call
 * to the system for each write would cost more than the write. */
enum { CHUNK = 1 << 20 };

int memory_open(struct memory *memory, uint64_t size)
{
    SYSTEM_INFO info;
    uint64_t chunks = (size + CHUNK - 1) / CHUNK;

    *memory = (struct memory){ 0 };
    if (size > SIZE_MAX || chunks > SIZE_MAX)
        return ENOMEM;
    GetSystemInfo(&info);
    memory->size = size;
    memory->page = info.dwPageSize;
    memory->present = calloc((size_t)chunks, sizeof *memory->present);
    memory->base = VirtualAlloc(NULL, (size_t)size, MEM_RESERVE, PAGE_READWRITE);
    if (memory->base && memory->present)
        return 0;
    memory_close(memory);
    return ENOMEM;
}

void memory_close(struct memory *memory)
{
    if (memory->base)
        VirtualFree(memory->base, 0, MEM_RELEASE);
    free(memory->present);
    *memory = (struct memory){ 0 };
}

/* Bytes from offset on that lie in its chunk, at most length. */
static size_t within_chunk(uint64_t offset, uint64_t length)
{
    uint64_t left = CHUNK - offset % CHUNK;

    return (size_t)(length < left ? length : left);
}

static bool is_present(const struct memory *memory, uint64_t offset)
{
    return atomic_load_explicit(&memory->present[offset / CHUNK], memory_order_acquire);
}

/* To commit what is committed changes nothing, so that two threads may do it at once. */
static bool make_present(struct memory *memory, uint64_t offset)
{
    uint64_t first = offset / CHUNK * CHUNK;
    size_t length = within_chunk(first, memory->size - first);

    if (is_present(memory, offset))
        return true;
    if (!VirtualAlloc(memory->base + first, length, MEM_COMMIT, PAGE_READWRITE))
        return false;
    atomic_store_explicit(&memory->present[offset / CHUNK], 1, memory_order_release);
    return true;
}

void memory_read(const struct memory *memory, void *buffer, size_t length, uint64_t offset)
{
    for (size_t done = 0, piece; done < length; done += piece) {
        piece = within_chunk(offset + done, length - done);
        if (is_present(memory, offset + done))
            memcpy((uint8_t *)buffer + done, memory->base + offset + done, piece);
        else
            memset((uint8_t *)buffer + done, 0, piece);
    }
}

int memory_write(struct memory *memory, const void *buffer, size_t length, uint64_t offset)
{
    for (size_t done = 0, piece; done < length; done += piece) {
        piece = within_chunk(offset + done, length - done);
        if (!make_present(memory, offset + done))
            return ENOSPC;
        memcpy(memory->base + offset + done, (const uint8_t *)buffer + done, piece);
    }
    return 0;
}

/* Another thread may be reading or writing the same pages, so they stay committed. Once they are
 * zero, MEM_RESET lets the system drop them: what they hold then is either that or fresh zeros. */
static void forget(struct memory *memory, uint64_t offset, size_t length)
{
    uint64_t first = (offset + memory->page - 1) / memory->page * memory->page;
    uint64_t last = (offset + length) / memory->page * memory->page;

    memset(memory->base + offset, 0, length);
    if (first < last)
        VirtualAlloc(memory->base + first, (size_t)(last - first), MEM_RESET, PAGE_READWRITE);
}

void memory_unmap(struct memory *memory, uint64_t offset, uint64_t length)
{
    while (length) {
        size_t piece = within_chunk(offset, length);
        if (is_present(memory, offset))
            forget(memory, offset, piece);
        offset += piece;
        length -= piece;
    }
}
