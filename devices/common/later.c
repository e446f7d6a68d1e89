/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "later.h"

#include <stddef.h>

/* The lock is held. */
static void unlink_entry(struct later *later, struct later_entry *entry)
{
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        later->last = entry->previous;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        later->first = entry->next;
    entry->held = false;
}

/* Most are due after all that are held already, so the place is sought from the end. */
static void link_entry(struct later *later, struct later_entry *entry)
{
    struct later_entry *before = later->last;

    while (before && before->due > entry->due)
        before = before->previous;
    entry->previous = before;
    entry->next = before ? before->next : later->first;
    if (entry->next)
        entry->next->previous = entry;
    else
        later->last = entry;
    if (before)
        before->next = entry;
    else
        later->first = entry;
    entry->held = true;
}

/* The entry is memory of the request, which may be another one's as soon as this one has ended. */
static void complete(const struct later_entry *entry)
{
    spd_status status = entry->status;

    spd_request_complete(entry->request, &status);
}

static bool is_due(const struct later *later, const struct later_entry *entry)
{
    return later->stopped || entry->due <= monitor_now();
}

/* The lock is held, except while requests end. */
static void complete_due(struct later *later)
{
    struct later_entry *entry;

    while ((entry = later->first) && is_due(later, entry)) {
        unlink_entry(later, entry);
        monitor_unlock(later->monitor);
        complete(entry);
        monitor_lock(later->monitor);
    }
}

static void look(void *argument)
{
    struct later *later = argument;

    monitor_lock(later->monitor);
    while (!later->ended) {
        complete_due(later);
        if (later->ended)
            break;
        if (later->first && later->first->due != LATER_NEVER)
            monitor_wait_until(later->monitor, later->first->due);
        else
            monitor_wait(later->monitor);
    }
    monitor_unlock(later->monitor);
}

bool later_open(struct later *later)
{
    later->monitor = monitor_new();
    if (later->monitor)
        later->thread = monitor_thread_new(look, later);
    return later->thread;
}

void later_close(struct later *later)
{
    if (!later->monitor)
        return;
    monitor_lock(later->monitor);
    later->ended = true;
    monitor_wake_all(later->monitor);
    monitor_unlock(later->monitor);
    monitor_thread_join(later->thread);
    monitor_delete(later->monitor);
}

void later_add(struct later *later, spd_request *request, const spd_status *status, uint64_t due)
{
    struct later_entry *entry = spd_request_area(request);
    bool now;

    entry->request = request;
    entry->status = *status;
    entry->due = due;
    monitor_lock(later->monitor);
    /* An abort before this has found nothing here; one after it finds the entry. */
    now = later->stopped || spd_request_is_aborted(request);
    if (!now) {
        link_entry(later, entry);
        if (later->first == entry)
            monitor_wake_one(later->monitor);
    }
    monitor_unlock(later->monitor);
    if (now)
        complete(entry);
}

void later_abort(struct later *later, spd_request *request)
{
    struct later_entry *entry;
    bool found;

    /* Its area may be in use by now, but the list has only what is held. */
    monitor_lock(later->monitor);
    for (entry = later->first; entry && entry->request != request; entry = entry->next)
        continue;
    found = entry;
    if (found)
        unlink_entry(later, entry);
    monitor_unlock(later->monitor);
    if (found)
        complete(entry);
}

void later_stop(struct later *later)
{
    monitor_lock(later->monitor);
    later->stopped = true;
    monitor_wake_all(later->monitor);
    monitor_unlock(later->monitor);
}
