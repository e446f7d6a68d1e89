/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "journal.h"

#include <sys/mman.h>

enum {
    ALIGNMENT = 8,
    KEPT = 1 << 20, /* bytes of an empty half that keep their memory */
};

static struct journal_half *present_of(struct journal *journal)
{
    return &journal->halves[journal->present];
}

static struct journal_half *other_of(struct journal *journal)
{
    return &journal->halves[!journal->present];
}

bool journal_open(struct journal *journal, size_t size)
{
    uint8_t *base = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED)
        return false;
    *journal = (struct journal){ .halves = {{ .base = base }, { .base = base + size }},
        .size = size };
    return true;
}

void journal_close(struct journal *journal)
{
    if (journal->size)
        munmap(journal->halves[0].base, 2 * journal->size);
    *journal = (struct journal){ .size = 0 };
}

static size_t entry_size(size_t length)
{
    return sizeof(struct journal_entry) + (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t journal_need(uint32_t changes, size_t length)
{
    return changes * entry_size(0) + entry_size(length) - entry_size(0);
}

bool journal_reserve(struct journal *journal, size_t bytes)
{
    size_t taken = present_of(journal)->used + journal->reserved;

    if (bytes > journal->size - taken)
        return false;
    journal->reserved += bytes;
    return true;
}

void journal_release(struct journal *journal, size_t bytes)
{
    journal->reserved -= bytes;
}

void journal_add(struct journal *journal, const struct journal_entry *entry, const spd_vec *data,
    uint32_t count)
{
    struct journal_half *half = present_of(journal);
    struct journal_entry *added = (struct journal_entry *)(void *)(half->base + half->used);
    size_t length = count ? (size_t)entry->length : 0;

    *added = *entry;
    if (length)
        spd_vec_get(data, count, 0, added + 1, length);
    half->used += entry_size(length);
    half->newest = entry->sequence;
}

bool journal_is_empty(const struct journal *journal)
{
    return !journal->halves[0].used && !journal->halves[1].used;
}

bool journal_wants_flush(const struct journal *journal)
{
    size_t taken = journal->halves[journal->present].used + journal->reserved;

    return !journal->sealing && taken > journal->size / 2;
}

/* A half whose flush has failed, or was lost, is sealed again before the present one is. */
bool journal_seal(struct journal *journal)
{
    if (journal->sealing || journal_is_empty(journal))
        return false;
    if (!other_of(journal)->used)
        journal->present = !journal->present;
    journal->sealing = true;
    return true;
}

void journal_unseal(struct journal *journal)
{
    journal->sealing = false;
}

static void empty(struct journal_half *half)
{
    if (half->used > KEPT)
        madvise(half->base + KEPT, half->used - KEPT, MADV_DONTNEED);
    half->used = 0;
}

void journal_forget(struct journal *journal, uint64_t durable)
{
    for (unsigned i = 0; i < 2; i++)
        if (journal->halves[i].used && journal->halves[i].newest <= durable)
            empty(&journal->halves[i]);
}

static const struct journal_entry *entry_at(const struct journal_half *half, size_t at)
{
    return at < half->used ? (const struct journal_entry *)(const void *)(half->base + at) : NULL;
}

const struct journal_entry *journal_next(
    const struct journal *journal, const struct journal_entry *entry)
{
    const struct journal_half *half = &journal->halves[!journal->present];
    const struct journal_half *present = &journal->halves[journal->present];
    uintptr_t at = (uintptr_t)entry;
    const struct journal_entry *next;
    size_t length;

    if (!entry) {
        next = entry_at(half, 0);
        return next ? next : entry_at(present, 0);
    }
    if (at >= (uintptr_t)present->base && at < (uintptr_t)present->base + journal->size)
        half = present;
    length = entry->operation == SPD_WRITE ? (size_t)entry->length : 0;
    next = entry_at(half, at - (uintptr_t)half->base + entry_size(length));
    return next || half == present ? next : entry_at(present, 0);
}
