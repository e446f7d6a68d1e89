/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/windows/lead.h"

enum {
    SLOW_NS = 1000000, /* longer calls of the driver count as this */
    WEIGHT = 16,       /* weight of all former calls in the mean */
    SLOW = WEIGHT / 2, /* times the quick time: a slow call of the device counts as at most this */
    LOOKS = 50,        /* by one watcher */
    PENALTY_MIN = 64,
    PENALTY_MAX = 4096,
};

void windows_lead_init(struct windows_lead *lead)
{
    *lead = (struct windows_lead){ .device_ns = SLOW_NS, .penalty = PENALTY_MIN };
    os_mutex_init(&lead->lock);
    os_cond_init(&lead->wake);
}

void windows_lead_destroy(struct windows_lead *lead)
{
    os_cond_destroy(&lead->wake);
    os_mutex_destroy(&lead->lock);
}

static void give_up(struct windows_lead *lead) OS_REQUIRES(lead->lock)
{
    lead->leader = 0;
    atomic_store(&lead->on, false);
    os_cond_broadcast(&lead->wake);
}

static void count_call(struct windows_lead *lead) OS_REQUIRES(lead->lock)
{
    if (atomic_load(&lead->on))
        lead->led++;
    else if (lead->owed)
        lead->owed--;
}

/* A call that takes longer than `most` may be the fault of a busy machine. */
static void average(int32_t *mean, uint64_t took_ns, int32_t most)
{
    int32_t took = took_ns < (uint64_t)most ? (int32_t)took_ns : most;

    *mean += (took - *mean) / WEIGHT;
}

/* Calls of the device that take less are quick. */
static int32_t quick_ns(const struct windows_lead *lead) OS_REQUIRES(lead->lock)
{
    return lead->driver_ns < WINDOWS_LEAD_QUICK_NS ? lead->driver_ns : WINDOWS_LEAD_QUICK_NS;
}

void windows_lead_note_device(struct windows_lead *lead, uint64_t took_ns)
{
    bool on;

    os_mutex_lock(&lead->lock);
    average(&lead->device_ns, took_ns, SLOW * quick_ns(lead));
    count_call(lead);
    on = lead->device_ns < quick_ns(lead) && !lead->owed && !lead->over;
    if (!on && atomic_load(&lead->on))
        give_up(lead);
    atomic_store(&lead->on, on);
    os_mutex_unlock(&lead->lock);
}

void windows_lead_note_driver(struct windows_lead *lead, uint64_t took_ns)
{
    os_mutex_lock(&lead->lock);
    average(&lead->driver_ns, took_ns, SLOW_NS);
    os_mutex_unlock(&lead->lock);
}

bool windows_lead_asks(struct windows_lead *lead, uint32_t self)
{
    bool asks;

    if (!atomic_load(&lead->on))
        return true;
    os_mutex_lock(&lead->lock);
    if (atomic_load(&lead->on) && !lead->leader)
        lead->leader = self;
    asks = !lead->leader || lead->leader == self;
    os_mutex_unlock(&lead->lock);
    return asks;
}

void windows_lead_leaves(struct windows_lead *lead)
{
    atomic_fetch_add(&lead->asking, 1);
}

void windows_lead_returns(struct windows_lead *lead)
{
    atomic_fetch_sub(&lead->asking, 1);
    atomic_fetch_add(&lead->turns, 1);
}

/* A device that blocks often has a leader for a part of the time that becomes smaller and smaller.
 * A device that blocks seldom, or on a busy machine, has a leader for half of the time or more. */
static void give_up_blocked(struct windows_lead *lead) OS_REQUIRES(lead->lock)
{
    if (lead->led < lead->penalty && lead->penalty < PENALTY_MAX)
        lead->penalty *= 2;
    else if (lead->led >= lead->penalty && lead->penalty > PENALTY_MIN)
        lead->penalty /= 2;
    lead->owed = lead->penalty;
    lead->led = 0;
    give_up(lead);
}

static bool another_leads(const struct windows_lead *lead, uint32_t self) OS_REQUIRES(lead->lock)
{
    return lead->leader && lead->leader != self;
}

/* Whether the caller asks for requests as well. */
static bool watch(struct windows_lead *lead, uint32_t self) OS_REQUIRES(lead->lock)
{
    uint32_t turns = atomic_load(&lead->turns);

    lead->watched = true;
    for (unsigned looks = 0; looks < LOOKS && another_leads(lead, self); looks++) {
        uint32_t before = turns;

        os_cond_wait_ms(&lead->wake, &lead->lock, WINDOWS_LEAD_LOOK_MS);
        turns = atomic_load(&lead->turns);
        if (turns == before && !atomic_load(&lead->asking) && another_leads(lead, self))
            give_up_blocked(lead);
    }
    lead->watched = false;
    if (!another_leads(lead, self))
        return false;
    os_cond_signal(&lead->wake); /* another follower watches */
    return true;
}

bool windows_lead_follow(struct windows_lead *lead, uint32_t self)
{
    bool asks = false;

    os_mutex_lock(&lead->lock);
    if (!lead->watched)
        asks = watch(lead, self);
    else if (another_leads(lead, self))
        os_cond_wait(&lead->wake, &lead->lock);
    os_mutex_unlock(&lead->lock);
    return asks;
}

void windows_lead_end(struct windows_lead *lead)
{
    os_mutex_lock(&lead->lock);
    lead->over = true;
    give_up(lead);
    os_mutex_unlock(&lead->lock);
}
