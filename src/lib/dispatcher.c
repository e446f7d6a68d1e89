/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/dispatcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"
#include "lib/waiter.h"

static bool may_serve(const struct spd_dispatchers *dispatchers,
    const struct spd_request *request) OS_REQUIRES(dispatchers->lock)
{
    return ioq_flow_held(spd_flow_of(request, IOQ_PLACE_DISPATCH)) < dispatchers->share;
}

static void count(struct spd_dispatchers *dispatchers, struct spd_request *request)
    OS_REQUIRES(dispatchers->lock)
{
    struct ioq_flow *flow = spd_flow_of(request, IOQ_PLACE_DISPATCH);

    if (dispatchers->share == IOQ_SHARE_ALL)
        return;
    atomic_fetch_add_explicit(&flow->held, 1, memory_order_relaxed);
    request->dispatched = true;
}

void spd_dispatchers_leave(struct spd_request *request)
{
    struct ioq_flow *flow = spd_flow_of(request, IOQ_PLACE_DISPATCH);

    atomic_fetch_sub_explicit(&flow->held, 1, memory_order_relaxed);
    request->dispatched = false;
}

/* NULL: there is none that may be served now. */
static struct spd_request *take(struct spd_dispatchers *dispatchers)
    OS_REQUIRES(dispatchers->lock)
{
    struct ioq_waiter *waiter = ioq_turns_first_below(&dispatchers->waiting, dispatchers->share);
    struct spd_request *request = spd_request_of(waiter);

    if (request) {
        ioq_turns_take(&dispatchers->waiting, waiter, false);
        count(dispatchers, request);
    }
    return request;
}

static struct spd_dispatcher *pop_idle(struct spd_dispatchers *dispatchers)
    OS_REQUIRES(dispatchers->lock)
{
    struct spd_dispatcher *dispatcher = dispatchers->idle;

    if (dispatcher) {
        dispatchers->idle = dispatcher->next_idle;
        dispatcher->idle = false;
    }
    return dispatcher;
}

/* NULL: closed. */
static struct spd_request *next_request(struct spd_dispatchers *dispatchers,
    struct spd_dispatcher *self) OS_REQUIRES(dispatchers->lock)
{
    if (dispatchers->closed)
        return NULL;
    self->request = take(dispatchers);
    if (self->request)
        return self->request;
    self->idle = true;
    self->next_idle = dispatchers->idle;
    dispatchers->idle = self;
    while (self->idle)
        os_cond_wait(&self->wake, &dispatchers->lock);
    return self->request;
}

static void dispatcher_main(void *argument)
{
    struct spd_dispatcher *self = argument;
    struct spd_dispatchers *dispatchers = &self->unit->dispatchers;
    struct spd_request *request;

    os_mutex_lock(&dispatchers->lock);
    while ((request = next_request(dispatchers, self))) {
        os_mutex_unlock(&dispatchers->lock);
        dispatchers->run(request, request->step, self->bounce);
        os_mutex_lock(&dispatchers->lock);
    }
    os_mutex_unlock(&dispatchers->lock);
}

/* A thread of the library, for which the device may keep something. */
static void tell_device(struct spd_unit *unit, void (SPD_CALL *operation)(spd_device *device))
{
    struct spd_unit *outer = spd_enter_device(unit);

    if (operation)
        operation(&unit->device);
    spd_in_device = outer;
}

static void own_main(void *argument)
{
    struct spd_dispatcher *self = argument;
    struct spd_unit *unit = self->unit;

    tell_device(unit, unit->ops.thread_begin);
    dispatcher_main(self);
    tell_device(unit, unit->ops.thread_end);
}

int spd_dispatchers_serve(struct spd_unit *unit)
{
    struct spd_dispatchers *dispatchers = &unit->dispatchers;
    struct spd_dispatcher *self = calloc(1, sizeof *self);

    if (!self)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a thread that serves");
    self->unit = unit;
    os_cond_init(&self->wake);
    /* It stays until the end: the thread that wakes it may use it for longer than it sleeps. */
    os_mutex_lock(&dispatchers->lock);
    self->next = dispatchers->lent;
    dispatchers->lent = self;
    os_mutex_unlock(&dispatchers->lock);
    dispatcher_main(self);
    return 0;
}

struct spd_request *spd_dispatchers_close(struct spd_dispatchers *dispatchers)
{
    struct ioq_waiter *waiters = NULL, **end = &waiters, *waiter;
    struct spd_dispatcher *dispatcher;

    os_mutex_lock(&dispatchers->lock);
    dispatchers->closed = true;
    while ((waiter = ioq_turns_first(&dispatchers->waiting))) {
        ioq_turns_take(&dispatchers->waiting, waiter, false);
        *end = waiter;
        end = &waiter->next;
    }
    while ((dispatcher = pop_idle(dispatchers)))
        os_cond_signal(&dispatcher->wake);
    os_mutex_unlock(&dispatchers->lock);
    return spd_requests_of(waiters);
}

bool spd_dispatchers_post(struct spd_dispatchers *dispatchers, struct spd_request *request)
{
    struct spd_dispatcher *dispatcher = NULL;
    bool closed;

    if (!dispatchers->started)
        return false;
    if (request->dispatched)
        spd_dispatchers_leave(request);
    os_mutex_lock(&dispatchers->lock);
    closed = dispatchers->closed;
    if (!closed && may_serve(dispatchers, request))
        dispatcher = pop_idle(dispatchers);
    if (dispatcher) {
        count(dispatchers, request);
        dispatcher->request = request;
    } else if (!closed) {
        ioq_turns_put(&dispatchers->waiting, spd_flow_of(request, IOQ_PLACE_DISPATCH),
            &request->waiter);
    }
    os_mutex_unlock(&dispatchers->lock);

    /* Wake it outside the lock, or the woken thread would run into the lock. */
    if (dispatcher)
        os_cond_signal(&dispatcher->wake);
    return !closed;
}

bool spd_dispatchers_cancel(struct spd_dispatchers *dispatchers, struct spd_request *request)
{
    bool cancelled;

    os_mutex_lock(&dispatchers->lock);
    cancelled = ioq_turns_remove(&dispatchers->waiting, &request->waiter);
    os_mutex_unlock(&dispatchers->lock);
    return cancelled;
}

static int start_one(struct spd_unit *unit, struct spd_dispatcher *self)
{
    int error;

    self->unit = unit;
    self->bounce = os_pages_alloc(unit->params.max_transfer_length);
    if (!self->bounce)
        return spd_fail(SPD_ERROR_NO_MEMORY, "a buffer of %u bytes for each dispatcher thread",
            unit->params.max_transfer_length);
    os_cond_init(&self->wake);
    error = os_thread_create(&self->thread, "spd-dispatcher", own_main, self);
    if (error) {
        os_cond_destroy(&self->wake);
        os_pages_free(self->bounce, unit->params.max_transfer_length);
        return spd_fail(SPD_ERROR_THREADS, "creating a dispatcher thread: %s", strerror(error));
    }
    return 0;
}

int spd_dispatchers_start(
    struct spd_unit *unit, uint32_t threads, uint32_t share, spd_dispatch *run)
{
    struct spd_dispatchers *dispatchers = &unit->dispatchers;
    int error = 0;

    dispatchers->each = calloc(threads + 1, sizeof *dispatchers->each);
    if (!dispatchers->each)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for %u dispatcher threads", threads);
    os_mutex_init(&dispatchers->lock);
    ioq_turns_init(&dispatchers->waiting);
    dispatchers->share = share ? share : IOQ_SHARE_ALL;
    dispatchers->run = run;
    dispatchers->started = true;
    while (!error && dispatchers->count < threads) {
        error = start_one(unit, &dispatchers->each[dispatchers->count]);
        if (!error)
            dispatchers->count++;
    }
    if (error)
        spd_dispatchers_stop(unit);
    return error;
}

void spd_dispatchers_stop(struct spd_unit *unit)
{
    struct spd_dispatchers *dispatchers = &unit->dispatchers;
    struct spd_dispatcher *lent;

    if (!dispatchers->started)
        return;
    if (dispatchers->count)
        spd_dispatchers_close(dispatchers);
    /* All have ended before the first is destroyed: a thread may still be waking another. */
    for (uint32_t i = 0; i < dispatchers->count; i++)
        os_thread_join(dispatchers->each[i].thread);
    for (uint32_t i = 0; i < dispatchers->count; i++) {
        os_cond_destroy(&dispatchers->each[i].wake);
        os_pages_free(dispatchers->each[i].bounce, unit->params.max_transfer_length);
    }
    while ((lent = dispatchers->lent)) {
        dispatchers->lent = lent->next;
        os_cond_destroy(&lent->wake);
        free(lent);
    }
    os_mutex_destroy(&dispatchers->lock);
    free(dispatchers->each);
    memset(dispatchers, 0, sizeof *dispatchers);
}
