/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests that the program has: a response names its request by the hint, and without this it
 * would not be known how long a read was, nor that it was answered already. */

#include "dll/dll.h"

static struct pending **bucket_of(struct outstanding *table, UINT64 hint)
{
    return &table->buckets[(hint ^ hint >> 32) % OUTSTANDING_BUCKETS];
}

static struct pending **find(struct outstanding *table, UINT64 hint)
{
    struct pending **at = bucket_of(table, hint);

    while (*at && (*at)->hint != hint)
        at = &(*at)->next;
    return at;
}

bool outstanding_add(struct outstanding *table, const struct pending *request)
{
    struct pending **at, *entry;

    AcquireSRWLockExclusive(&table->lock);
    at = find(table, request->hint);
    entry = *at;
    if (!entry) {
        entry = table->free;
        if (entry)
            table->free = entry->next;
        else
            entry = dll_alloc(sizeof *entry);
    } else {
        *at = entry->next; /* asked again, as when its first answer was too late */
        table->count--;
    }
    if (entry) {
        *entry = *request;
        table->count++;
        at = bucket_of(table, request->hint);
        entry->next = *at;
        *at = entry;
    }
    ReleaseSRWLockExclusive(&table->lock);
    return entry != NULL;
}

static void release(struct outstanding *table, struct pending **at)
{
    struct pending *entry = *at;

    *at = entry->next;
    entry->next = table->free;
    table->free = entry;
    if (--table->count == 0)
        WakeAllConditionVariable(&table->emptied);
}

bool outstanding_take(struct outstanding *table, UINT64 hint, struct pending *request)
{
    struct pending **at;
    bool found;

    AcquireSRWLockExclusive(&table->lock);
    at = find(table, hint);
    found = *at != NULL;
    if (found) {
        *request = **at;
        release(table, at);
    }
    ReleaseSRWLockExclusive(&table->lock);
    return found;
}

bool outstanding_take_any(struct outstanding *table, struct pending *request)
{
    bool found = false;

    AcquireSRWLockExclusive(&table->lock);
    for (int i = 0; i < OUTSTANDING_BUCKETS && !found; i++) {
        found = table->buckets[i] != NULL;
        if (found) {
            *request = *table->buckets[i];
            release(table, &table->buckets[i]);
        }
    }
    ReleaseSRWLockExclusive(&table->lock);
    return found;
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
    struct pending request;

    while (outstanding_take_any(table, &request))
        ;
    while (table->free) {
        struct pending *entry = table->free;

        table->free = entry->next;
        dll_free(entry);
    }
}
