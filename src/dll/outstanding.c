/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* It shows that a request was answered already. */

#include "dll/dll.h"

struct answer_due {
    struct answer_due *next;
    UINT64 hint;
    spd_request *request;
};

static struct answer_due **bucket_of(struct outstanding *table, UINT64 hint)
{
    return &table->buckets[hint % OUTSTANDING_BUCKETS];
}

UINT64 outstanding_add(struct outstanding *table, spd_request *request)
{
    struct answer_due *entry, **bucket;
    UINT64 hint = 0;

    AcquireSRWLockExclusive(&table->lock);
    entry = table->free;
    if (entry)
        table->free = entry->next;
    else
        entry = dll_alloc(sizeof *entry);
    if (entry) {
        hint = ++table->last_hint;
        bucket = bucket_of(table, hint);
        *entry = (struct answer_due){ .next = *bucket, .hint = hint, .request = request };
        *bucket = entry;
        table->count++;
    }
    ReleaseSRWLockExclusive(&table->lock);
    return hint;
}

/* The lock is held. */
static spd_request *take(struct outstanding *table, struct answer_due **at)
{
    struct answer_due *entry = *at;

    *at = entry->next;
    entry->next = table->free;
    table->free = entry;
    if (--table->count == 0)
        WakeAllConditionVariable(&table->emptied);
    return entry->request;
}

spd_request *outstanding_take(struct outstanding *table, UINT64 hint)
{
    struct answer_due **at = bucket_of(table, hint);
    spd_request *request = NULL;

    AcquireSRWLockExclusive(&table->lock);
    while (*at && (*at)->hint != hint)
        at = &(*at)->next;
    if (*at)
        request = take(table, at);
    ReleaseSRWLockExclusive(&table->lock);
    return request;
}

spd_request *outstanding_take_any(struct outstanding *table)
{
    spd_request *request = NULL;

    AcquireSRWLockExclusive(&table->lock);
    for (int i = 0; i < OUTSTANDING_BUCKETS && !request; i++) {
        if (table->buckets[i])
            request = take(table, &table->buckets[i]);
    }
    ReleaseSRWLockExclusive(&table->lock);
    return request;
}

void outstanding_wait(struct outstanding *table, DWORD milliseconds)
{
    ULONGLONG end = GetTickCount64() + milliseconds, now;

    AcquireSRWLockExclusive(&table->lock);
    while (table->count && (now = GetTickCount64()) < end)
        SleepConditionVariableSRW(&table->emptied, &table->lock, (DWORD)(end - now), 0);
    ReleaseSRWLockExclusive(&table->lock);
}

void outstanding_free(struct outstanding *table)
{
    while (table->free) {
        struct answer_due *entry = table->free;

        table->free = entry->next;
        dll_free(entry);
    }
}
