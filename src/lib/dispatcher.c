/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/dispatcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"

static struct spd_request *request_of(struct ioq_request *queued)
{
    return (struct spd_request *)((char *)queued - offsetof(struct spd_request, queued));
}

static struct spd_dispatcher *dispatcher_of(struct ioq_server *server)
{
    return (struct spd_dispatcher *)((char *)server - offsetof(struct spd_dispatcher, server));
}

/* A dispatcher answers by calling a function, not by sending a hint; so a delivered request leaves
 * the queue at once, and serving it takes the lock a single time. */
static struct spd_request *delivered(struct ioq *queue, uint64_t hint)
{
    return request_of(ioq_complete(queue, hint));
}

/* The lock is held. NULL: stopped. */
static struct spd_request *next_request(
    struct spd_dispatchers *dispatchers, struct spd_dispatcher *self)
{
    uint64_t hint = 0;

    self->request = NULL;
    if (ioq_wait(&dispatchers->queue, &self->server, &hint))
        return delivered(&dispatchers->queue, hint);
    while (self->server.waiting)
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
        spd_request_run(request, request->step, self->bounce);
        os_mutex_lock(&dispatchers->lock);
    }
    os_mutex_unlock(&dispatchers->lock);
}

void spd_dispatchers_serve(struct spd_unit *unit)
{
    struct spd_dispatchers *dispatchers = &unit->dispatchers;
    struct spd_dispatcher *self = calloc(1, sizeof *self);

    if (!self) {
        spd_unit_fail(unit, spd_fail(SPD_ERROR_NO_MEMORY, "for a thread that serves"));
        return;
    }
    self->unit = unit;
    os_cond_init(&self->wake);
    /* It stays until the end: whoever wakes us may be at it for longer than we sleep. */
    os_mutex_lock(&dispatchers->lock);
    self->next = dispatchers->lent;
    dispatchers->lent = self;
    os_mutex_unlock(&dispatchers->lock);
    dispatcher_main(self);
}

struct spd_request *spd_dispatchers_close(struct spd_dispatchers *dispatchers)
{
    struct spd_request *waiting = NULL, **end = &waiting;
    struct ioq_request *queued;
    struct ioq_server *server;

    os_mutex_lock(&dispatchers->lock);
    ioq_stop(&dispatchers->queue);
    while ((queued = ioq_drain_request(&dispatchers->queue))) {
        *end = request_of(queued);
        end = &(*end)->next;
    }
    *end = NULL;
    while ((server = ioq_drain_server(&dispatchers->queue)))
        os_cond_signal(&dispatcher_of(server)->wake);
    os_mutex_unlock(&dispatchers->lock);
    return waiting;
}

bool spd_dispatchers_post(struct spd_dispatchers *dispatchers, struct spd_request *request)
{
    struct ioq_server *server = NULL;
    struct spd_dispatcher *dispatcher = NULL;
    enum ioq_result result;
    uint64_t hint = 0;

    if (!dispatchers->slots)
        return false;
    os_mutex_lock(&dispatchers->lock);
    result = ioq_post(&dispatchers->queue, &request->queued, &server, &hint);
    if (result == IOQ_MATCHED) {
        dispatcher = dispatcher_of(server);
        dispatcher->request = delivered(&dispatchers->queue, hint);
    }
    os_mutex_unlock(&dispatchers->lock);

    /* Outside the lock, or the woken thread would run into it. */
    if (dispatcher)
        os_cond_signal(&dispatcher->wake);
    return result == IOQ_MATCHED || result == IOQ_QUEUED;
}

bool spd_dispatchers_cancel(struct spd_dispatchers *dispatchers, struct spd_request *request)
{
    bool cancelled;

    os_mutex_lock(&dispatchers->lock);
    cancelled = ioq_cancel(&dispatchers->queue, &request->queued);
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
    error = os_thread_create(&self->thread, "spd-dispatcher", dispatcher_main, self);
    if (error) {
        os_cond_destroy(&self->wake);
        os_pages_free(self->bounce, unit->params.max_transfer_length);
        return spd_fail(SPD_ERROR_THREADS, "creating a dispatcher thread: %s", strerror(error));
    }
    return 0;
}

int spd_dispatchers_start(struct spd_unit *unit, uint32_t threads)
{
    struct spd_dispatchers *dispatchers = &unit->dispatchers;
    int error = 0;

    dispatchers->slots = calloc(unit->params.queue_depth, sizeof *dispatchers->slots);
    dispatchers->each = calloc(threads + 1, sizeof *dispatchers->each);
    os_mutex_init(&dispatchers->lock);
    if (!dispatchers->slots || !dispatchers->each)
        error = spd_fail(SPD_ERROR_NO_MEMORY, "for %u dispatcher threads", threads);
    else
        ioq_init(&dispatchers->queue, dispatchers->slots, unit->params.queue_depth);

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

    if (!dispatchers->slots && !dispatchers->each)
        return;
    if (dispatchers->count)
        spd_dispatchers_close(dispatchers);
    /* All have ended before the first is taken apart: one may still be waking another. */
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
    free(dispatchers->slots);
    free(dispatchers->each);
    memset(dispatchers, 0, sizeof *dispatchers);
}
