/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A look makes a line at most, about the oldest call: a device that hangs has hundreds. */

#include "lib/watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/unit.h"

enum {
    MS = 1000000,
    CALLS = SPD_THREADS_OWN + SPD_WATCH_SHARED,
    AGAIN = 10, /* a call has its next line when it is so many times as old */
    OPERATION_BITS = 8,
    OPERATION_MASK = (1 << OPERATION_BITS) - 1,
    TEXT_MAX = 80,
};

static os_mutex lock = OS_MUTEX_INIT;
static struct spd_unit *watched OS_GUARDED_BY(lock);

bool spd_watch_init(struct spd_watch *watch, uint32_t slow_ms)
{
    uint64_t period = slow_ms / 2;

    watch->slow = UINT64_MAX;
    if (!slow_ms)
        return true;
    watch->slow = slow_ms * (uint64_t)MS;
    watch->period = MS * (period < SPD_WATCH_PERIOD_LEAST ? SPD_WATCH_PERIOD_LEAST : period);
    watch->calls = os_pages_alloc(CALLS * sizeof *watch->calls);
    return watch->calls;
}

void spd_watch_destroy(struct spd_watch *watch)
{
    if (watch->calls)
        os_pages_free(watch->calls, CALLS * sizeof *watch->calls);
}

static void before_fork(void) OS_ACQUIRE(lock)
{
    os_mutex_lock(&lock);
}

/* A child lacks the threads that would take the calls out. */
static void after_fork(bool child) OS_RELEASE(lock)
{
    if (child)
        watched = NULL;
    os_mutex_unlock(&lock);
}

static const struct spd_log_errand errand = {
    .run = spd_watch_look,
    .before_fork = before_fork,
    .after_fork = after_fork,
};

void spd_watch_add(struct spd_unit *unit)
{
    if (unit->watch.slow == UINT64_MAX)
        return;
    spd_log_take_errand(&errand);
    os_mutex_lock(&lock);
    unit->watch.next = watched;
    watched = unit;
    os_mutex_unlock(&lock);
}

void spd_watch_remove(struct spd_unit *unit)
{
    os_mutex_lock(&lock);
    for (struct spd_unit **at = &watched; *at; at = &(*at)->watch.next)
        if (*at == unit) {
            *at = unit->watch.next;
            break;
        }
    os_mutex_unlock(&lock);
}

/* Any free entry; threads with other numbers begin elsewhere. */
static struct spd_call *claim(struct spd_watch *watch, uint64_t lba, uint64_t now)
{
    uint64_t first = (lba ^ now) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (uint64_t i = 0; i < SPD_WATCH_PROBES; i++) {
        struct spd_call *call =
            &watch->calls[SPD_THREADS_OWN + (first + i) % SPD_WATCH_SHARED];
        uint64_t none = 0;

        if (!atomic_load_explicit(&call->started, memory_order_relaxed) &&
            atomic_compare_exchange_strong(&call->started, &none, now))
            return call;
    }
    return NULL;
}

struct spd_call *spd_watch_begin(struct spd_unit *unit, spd_operation operation, uint64_t lba,
    uint64_t blocks, uint64_t now, bool here)
{
    struct spd_watch *watch = &unit->watch;
    uint32_t thread = here ? spd_thread_number() : SPD_THREADS_OWN;
    struct spd_call *call;

    if (watch->slow == UINT64_MAX)
        return NULL;
    call = thread < SPD_THREADS_OWN ? &watch->calls[thread] : claim(watch, lba, now);
    if (!call)
        return NULL;
    /* `started` is 0 before the others are written, and is written after them. A look has read a
     * single call if it finds the same value before and after it reads the others. A call that was
     * claimed and not written yet is too young to matter. */
    atomic_store_explicit(&call->lba, lba, memory_order_release);
    atomic_store_explicit(
        &call->blocks_and_operation, blocks << OPERATION_BITS | operation, memory_order_release);
    atomic_store_explicit(&call->started, now, memory_order_release);
    return call;
}

/* "a write of 8 blocks at block 4096" */
static void describe(spd_operation operation, uint64_t lba, uint64_t blocks, char text[TEXT_MAX])
{
    if (operation == SPD_FLUSH)
        snprintf(text, TEXT_MAX, "%s", spd_operation_names[operation]);
    else
        snprintf(text, TEXT_MAX, "%s of %" PRIu64 " block%s at block %" PRIu64,
            spd_operation_names[operation], blocks, blocks == 1 ? "" : "s", lba);
}

static const char *name_of(const struct spd_unit *unit)
{
    return unit->door_count ? unit->doors[0]->uri : "disk";
}

void spd_watch_tell_end(const struct spd_unit *unit, spd_operation operation, uint64_t lba,
    uint64_t blocks, uint64_t nanoseconds)
{
    static struct spd_log_limit limit = { .kind = "slow operations that ended" };
    char text[TEXT_MAX];

    describe(operation, lba, blocks, text);
    spd_log_limited(&limit, name_of(unit), SPD_LOG_WARNING,
        "%s: %s took %" PRIu64 ".%03" PRIu64 " s", name_of(unit), text, nanoseconds / MS / 1000,
        nanoseconds / MS % 1000);
}

/* The calls that a look reports now. */
struct found {
    uint64_t count;
    uint64_t age; /* ns, of the oldest */
    uint64_t lba;
    uint64_t blocks_and_operation;
};

/* False: the entry is free, or changes at this moment. */
static bool read_call(const struct spd_call *call, uint64_t now, struct found *one)
{
    uint64_t started = atomic_load_explicit(&call->started, memory_order_acquire);

    one->lba = atomic_load_explicit(&call->lba, memory_order_acquire);
    one->blocks_and_operation =
        atomic_load_explicit(&call->blocks_and_operation, memory_order_acquire);
    one->age = now - started;
    return started && started <= now &&
        started == atomic_load_explicit(&call->started, memory_order_relaxed);
}

static void count(const struct found *one, struct found *found)
{
    uint64_t number = found->count + 1;

    if (one->age > found->age)
        *found = *one;
    found->count = number;
}

static void look_at(struct spd_call *call, uint64_t slow, uint64_t now, struct found *found)
{
    struct found one = { 0 };

    if (!read_call(call, now, &one))
        return;
    if (call->told != now - one.age) {
        call->told = now - one.age;
        call->again = slow;
    }
    if (one.age < call->again)
        return;
    while (call->again <= one.age)
        call->again *= AGAIN;
    count(&one, found);
}

bool spd_watch_oldest(const struct spd_unit *unit, char text[SPD_WATCH_TEXT_MAX])
{
    uint64_t now = os_now_ns();
    struct found found = { 0 }, one;
    char what[TEXT_MAX];

    for (uint32_t i = 0; unit->watch.calls && i < CALLS; i++)
        if (read_call(&unit->watch.calls[i], now, &one))
            count(&one, &found);
    if (!found.count)
        return false;
    describe((spd_operation)(found.blocks_and_operation & OPERATION_MASK), found.lba,
        found.blocks_and_operation >> OPERATION_BITS, what);
    snprintf(text, SPD_WATCH_TEXT_MAX, "%s, %" PRIu64 " s", what, found.age / MS / 1000);
    return true;
}

static void tell(const struct spd_unit *unit, const struct found *found)
{
    static struct spd_log_limit limit = { .kind = "slow operations" };
    spd_operation operation = found->blocks_and_operation & OPERATION_MASK;
    char text[TEXT_MAX], others[64] = "";

    describe(operation, found->lba, found->blocks_and_operation >> OPERATION_BITS, text);
    if (found->count > 1)
        snprintf(others, sizeof others, "; it is the oldest of %" PRIu64, found->count);
    spd_log_limited(&limit, name_of(unit), SPD_LOG_WARNING,
        "%s: %s has been running for %" PRIu64 ".%03" PRIu64 " s%s", name_of(unit), text,
        found->age / MS / 1000, found->age / MS % 1000, others);
}

static void look(struct spd_unit *unit, uint64_t now)
{
    struct spd_watch *watch = &unit->watch;
    struct found found = { 0 };

    for (uint32_t i = 0; i < CALLS; i++)
        look_at(&watch->calls[i], watch->slow, now, &found);
    if (found.count)
        tell(unit, &found);
}

int64_t spd_watch_look(void)
{
    uint64_t now = os_now_ns(), due = UINT64_MAX;

    os_mutex_lock(&lock);
    for (struct spd_unit *unit = watched; unit; unit = unit->watch.next) {
        if (now >= unit->watch.due) {
            look(unit, now);
            unit->watch.due = now + unit->watch.period;
        }
        if (unit->watch.due < due)
            due = unit->watch.due;
    }
    os_mutex_unlock(&lock);
    return due == UINT64_MAX ? SPD_LOG_NEVER : (int64_t)((due - now) / MS + 1);
}
