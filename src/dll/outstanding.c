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
    }
    if (entry) {
        *entry = *request;
        at = bucket_of(table, request->hint);
        entry->next = *at;
        *at = entry;
    }
    ReleaseSRWLockExclusive(&table->lock);
    return entry != NULL;
}

bool outstanding_take(struct outstanding *table, UINT64 hint, struct pending *request)
{
    struct pending **at, *entry;

    AcquireSRWLockExclusive(&table->lock);
    at = find(table, hint);
    entry = *at;
    if (entry) {
        *request = *entry;
        *at = entry->next;
        entry->next = table->free;
        table->free = entry;
    }
    ReleaseSRWLockExclusive(&table->lock);
    return entry != NULL;
}

void outstanding_clear(struct outstanding *table)
{
    AcquireSRWLockExclusive(&table->lock);
    for (int i = 0; i < OUTSTANDING_BUCKETS; i++) {
        while (table->buckets[i]) {
            struct pending *entry = table->buckets[i];

            table->buckets[i] = entry->next;
            entry->next = table->free;
            table->free = entry;
        }
    }
    ReleaseSRWLockExclusive(&table->lock);
}

void outstanding_free(struct outstanding *table)
{
    outstanding_clear(table);
    while (table->free) {
        struct pending *entry = table->free;

        table->free = entry->next;
        dll_free(entry);
    }
}
