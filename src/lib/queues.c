/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The queues of a unit. As many as the parameters say have threads of their own. With
 * SPD_DOOR_QUEUES each loop of a door has one more, which hands nothing over. It begins with the
 * first request that comes there, and its requests pass the others by.
 *
 * The loop of a door serves other units, too. So the queue ends when the unit ends, or when the
 * loop does if that is earlier.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/queue.h"

/* A queue with a thread. */
struct spd_queue_thread {
    struct spd_queue queue;
    struct spd_loop loop;
    os_thread thread;

    os_mutex lock; /* guards the rest */
    os_cond changed;
    bool tried;
    int error; /* spd_queue_begin()'s, with its detail */
    char detail[SPD_DETAIL_MAX];
};

uint32_t spd_queues_wanted(const spd_params *params, const spd_ops *ops)
{
    if (params->queues || !spd_is_asynchronous(ops))
        return params->queues;
    return params->flags & SPD_DOOR_QUEUES || ops->queue_begin || ops->queue_end ||
        ops->submit_many || ops->poll;
}

/* Queues of doors. */

static struct spd_queue *make_queue(struct spd_unit *unit, uint32_t index)
{
    struct spd_queue *queue = calloc(1, sizeof *queue);

    if (queue && spd_queue_init(queue, unit, index)) {
        free(queue);
        queue = NULL;
    }
    return queue;
}

/* NULL: the threads of queues take the loop's requests. */
static struct spd_queue *begin_at_door(
    struct spd_unit *unit, struct spd_loop *loop, uint32_t number)
{
    struct spd_queue *queue = make_queue(unit, unit->queue_count + number);

    if (!queue)
        return NULL;
    if (spd_queue_begin(queue, loop)) {
        spd_log(SPD_LOG_WARNING, "%s: a thread of the door has no queue of its own: %s",
            unit->doors[0]->uri, spd_error_detail());
        spd_queue_destroy(queue);
        free(queue);
        return NULL;
    }
    return queue;
}

/* NULL: none. Only the loop's thread uses the loop's entry. */
static struct spd_queue *queue_here(struct spd_unit *unit)
{
    struct spd_loop *loop = spd_loop_of_thread();
    struct spd_door_queue *entry;
    int number = loop ? spd_loop_number(loop) : -1;

    if (number < 0 || unit->queue_count + (uint32_t)number >= SPD_QUEUES_MAX)
        return NULL;
    entry = &unit->door_queues[number];
    if (!entry->tried) {
        entry->tried = true;
        entry->queue = begin_at_door(unit, loop, (uint32_t)number);
    }
    return entry->queue;
}

static void end_at_doors(struct spd_unit *unit)
{
    for (uint32_t i = 0; unit->door_queues && i < SPD_LOOPS_MAX; i++)
        if (unit->door_queues[i].queue)
            spd_guest_dismiss(&unit->door_queues[i].queue->guest);
}

/* Requests. */

static bool perform(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_unit *unit = request->unit;
    struct spd_queue *at_door = unit->door_queues ? queue_here(unit) : NULL;
    struct spd_queue_thread *own = &unit->queues[request->stream % unit->queue_count];

    (void)bounce;
    request->step = (uint8_t)step;
    request->held_of_queue = NULL;
    atomic_store(&request->state, SPD_REQUEST_MAILED);
    if (at_door)
        spd_queue_append(at_door, request);
    else if (spd_loop_here(&own->loop))
        spd_queue_append(&own->queue, request);
    else
        spd_loop_post(&own->loop, request);
    return false;
}

/* A unit without queues has not started, and nothing was written. */
static bool flush(struct spd_request *request)
{
    return !request->unit->queue_count || perform(request, SCSI_FLUSH, NULL);
}

/* Threads. */

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    struct spd_queue_thread *own = (struct spd_queue_thread *)(void *)((char *)loop -
        offsetof(struct spd_queue_thread, loop));

    spd_queue_append(&own->queue, request);
}

static bool settle(struct spd_loop *loop)
{
    (void)loop;
    return false;
}

static void stop_loop(struct spd_loop *loop)
{
    (void)loop; /* the unit stops it when all requests have ended */
}

static bool is_empty(const struct spd_loop *loop)
{
    (void)loop;
    return true;
}

static const struct spd_loop_ops loop_ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop_loop,
    .is_empty = is_empty,
};

static void run(void *argument)
{
    struct spd_queue_thread *own = argument;
    int error;

    if (own->queue.unit->params.flags & SPD_BIND_QUEUES)
        own->queue.cpu = os_thread_bind(own->queue.index);
    error = spd_queue_begin(&own->queue, &own->loop);
    os_mutex_lock(&own->lock);
    own->tried = true;
    own->error = error;
    if (error)
        snprintf(own->detail, sizeof own->detail, "%s", spd_error_detail());
    os_cond_signal(&own->changed);
    os_mutex_unlock(&own->lock);
    if (!error)
        spd_loop_run(&own->loop);
}

static int wait_begun(struct spd_queue_thread *own)
{
    int error;

    os_mutex_lock(&own->lock);
    while (!own->tried)
        os_cond_wait(&own->changed, &own->lock);
    error = own->error;
    os_mutex_unlock(&own->lock);
    if (!error)
        return 0;
    os_thread_join(own->thread);
    return spd_fail(error, "%s", own->detail);
}

static int begin_thread(struct spd_queue_thread *own, struct spd_unit *unit, uint32_t index)
{
    int error;

    error = spd_queue_init(&own->queue, unit, index);
    if (!error)
        error = spd_loop_open(&own->loop, &loop_ops);
    if (error)
        return error;
    error = os_thread_create(&own->thread, "spd-queue", run, own);
    if (error)
        return spd_fail(SPD_ERROR_THREADS, "queue %u: %s", index, strerror(error));
    return wait_begun(own);
}

/* Life. */

static int start(struct spd_unit *unit, uint32_t threads)
{
    uint32_t count = spd_queues_wanted(&unit->params, &unit->ops);
    int error = 0;

    (void)threads;
    unit->queues = calloc(count, sizeof *unit->queues);
    if (unit->queues && unit->params.flags & SPD_DOOR_QUEUES)
        unit->door_queues = calloc(SPD_LOOPS_MAX, sizeof *unit->door_queues);
    if (!unit->queues || (unit->params.flags & SPD_DOOR_QUEUES && !unit->door_queues))
        return spd_fail(SPD_ERROR_NO_MEMORY, "for %u queues", count);
    unit->queues_made = count;
    for (uint32_t i = 0; i < count; i++) {
        os_mutex_init(&unit->queues[i].lock);
        os_cond_init(&unit->queues[i].changed);
    }
    while (!error && unit->queue_count < count) {
        error = begin_thread(&unit->queues[unit->queue_count], unit, unit->queue_count);
        unit->queue_count += !error;
    }
    return error;
}

static void end_threads(struct spd_unit *unit)
{
    for (uint32_t i = 0; i < unit->queue_count; i++)
        spd_loop_stop(&unit->queues[i].loop);
    for (uint32_t i = 0; i < unit->queue_count; i++)
        os_thread_join(unit->queues[i].thread);
}

void spd_queues_free(struct spd_unit *unit)
{
    for (uint32_t i = 0; i < unit->queues_made; i++) {
        struct spd_queue_thread *own = &unit->queues[i];

        spd_loop_close(&own->loop);
        spd_queue_destroy(&own->queue);
        os_cond_destroy(&own->changed);
        os_mutex_destroy(&own->lock);
    }
    for (uint32_t i = 0; unit->door_queues && i < SPD_LOOPS_MAX; i++) {
        if (unit->door_queues[i].queue)
            spd_queue_destroy(unit->door_queues[i].queue);
        free(unit->door_queues[i].queue);
    }
    free(unit->door_queues);
    free(unit->queues);
}

const struct spd_executor spd_executor_queue = {
    .perform = perform,
    .flush = flush,
    .start = start,
    .stop = end_at_doors,
    .end = end_threads,
};
