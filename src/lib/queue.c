/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Queues of an asynchronous device. Each has a thread with an event loop: requests come by its
 * mailbox, and the descriptor that the device watches is one of its sockets. A turn takes all mail
 * first and hands it over at its end, so the device gets batches without asking for them.
 *
 * submit does not block, so a request in the mail is not taken out when it is aborted: the thread
 * finds that out when it is about to hand it over.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/loop.h"
#include "lib/unit.h"

struct spd_queue {
    struct spd_loop loop;
    struct spd_loop_socket socket; /* spd_queue_watch() */
    struct spd_unit *unit;
    uint32_t index;
    int cpu;
    unsigned char *area;
    struct spd_request *first, **last; /* for the device, at the end of the turn */
    _Atomic uint32_t held;             /* requests that the device has, if it `polls` */
    bool polls;                        /* poll is called while there are some */
    bool watches;
    os_thread thread;

    os_mutex lock; /* guards the rest */
    os_cond changed;
    bool begun;
    int error; /* queue_begin's */
};

static struct spd_queue *queue_of(struct spd_loop *loop)
{
    return (struct spd_queue *)(void *)((char *)loop - offsetof(struct spd_queue, loop));
}

uint32_t spd_queues_wanted(const spd_params *params, const spd_ops *ops)
{
    if (params->queues || !spd_is_asynchronous(ops))
        return params->queues;
    return ops->queue_begin || ops->queue_end || ops->submit_many || ops->poll ? 1 : 0;
}

/* Requests. */

static void append(struct spd_loop *loop, struct spd_request *request)
{
    struct spd_queue *queue = queue_of(loop);

    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
}

static bool perform(struct spd_request *request, enum scsi_step step, void *bounce)
{
    struct spd_unit *unit = request->unit;
    struct spd_queue *queue = &unit->queues[request->stream % unit->queue_count];

    (void)bounce;
    request->step = step;
    request->queue = queue;
    request->held_of_queue = NULL;
    atomic_store(&request->state, SPD_REQUEST_MAILED);
    if (spd_loop_here(&queue->loop))
        append(&queue->loop, request);
    else
        spd_loop_post(&queue->loop, request);
    return false;
}

/* A unit without queues has not started, and nothing was written. */
static bool flush(struct spd_request *request)
{
    return !request->unit->queue_count || perform(request, SCSI_FLUSH, NULL);
}

static void submit(struct spd_queue *queue, struct spd_request *const *requests, uint32_t count)
{
    struct spd_unit *unit = queue->unit, *outer = spd_enter_device(unit);

    if (unit->ops.submit_many)
        unit->ops.submit_many(&unit->device, queue, requests, count);
    for (uint32_t i = 0; i < count && !unit->ops.submit_many; i++)
        unit->ops.submit(&unit->device, requests[i]);
    spd_in_device = outer;
}

static void hand_over(struct spd_queue *queue, struct spd_request **requests, uint32_t count)
{
    if (!count)
        return;
    submit(queue, requests, count);
    for (uint32_t i = 0; i < count; i++)
        if (spd_device_handed(requests[i]))
            spd_request_come_back(requests[i]);
}

/* False: it has ended without the device. */
static bool hand(struct spd_queue *queue, struct spd_request *request)
{
    if (!spd_device_hand(request, (enum scsi_step)request->step))
        return false;
    if (!queue->polls)
        return true;
    request->held_of_queue = &queue->held;
    atomic_fetch_add_explicit(&queue->held, 1, memory_order_relaxed);
    return true;
}

/* Those that have come so far; others wait for the next turn. */
static void hand_over_all(struct spd_queue *queue)
{
    struct spd_request *request = queue->first, *next, *batch[SPD_BATCH_MAX];
    uint32_t count = 0;

    queue->first = NULL;
    queue->last = &queue->first;
    for (; request; request = next) {
        next = request->next;
        if (!hand(queue, request))
            spd_request_come_back(request);
        else
            batch[count++] = request;
        if (count == SPD_BATCH_MAX) {
            hand_over(queue, batch, count);
            count = 0;
        }
    }
    hand_over(queue, batch, count);
}

static void poll_device(struct spd_queue *queue)
{
    struct spd_unit *unit = queue->unit, *outer = spd_enter_device(unit);

    unit->ops.poll(&unit->device, queue);
    spd_in_device = outer;
}

static void is_readable(struct spd_loop_socket *socket, uint32_t flags)
{
    (void)flags;
    poll_device((struct spd_queue *)(void *)((char *)socket - offsetof(struct spd_queue, socket)));
}

static bool must_poll(const struct spd_queue *queue)
{
    return queue->polls && atomic_load_explicit(&queue->held, memory_order_relaxed);
}

/* The loop. */

static bool settle(struct spd_loop *loop)
{
    struct spd_queue *queue = queue_of(loop);

    hand_over_all(queue);
    if (must_poll(queue))
        poll_device(queue);
    return queue->first || must_poll(queue);
}

static void stop_loop(struct spd_loop *loop)
{
    (void)loop; /* the unit stops it when all requests have ended */
}

static bool is_empty(const struct spd_loop *loop)
{
    const struct spd_queue *queue = (const struct spd_queue *)(const void *)((const char *)loop -
        offsetof(struct spd_queue, loop));

    return !queue->first;
}

static const struct spd_loop_ops loop_ops = {
    .mailed = append,
    .settle = settle,
    .stop = stop_loop,
    .is_empty = is_empty,
};

/* Life. */

static int begin(struct spd_queue *queue)
{
    struct spd_unit *unit = queue->unit, *outer = spd_enter_device(unit);
    int error = 0;

    if (unit->params.flags & SPD_BIND_QUEUES)
        queue->cpu = os_thread_bind(queue->index);
    if (unit->ops.queue_begin)
        error = unit->ops.queue_begin(&unit->device, queue);
    spd_in_device = outer;
    queue->polls = unit->ops.poll && !queue->watches;
    return error;
}

static void end(struct spd_queue *queue)
{
    struct spd_unit *unit = queue->unit, *outer = spd_enter_device(unit);

    if (queue->watches)
        spd_loop_remove(&queue->loop, &queue->socket);
    if (unit->ops.queue_end)
        unit->ops.queue_end(&unit->device, queue);
    spd_in_device = outer;
}

static void run(void *argument)
{
    struct spd_queue *queue = argument;
    int error = begin(queue);

    os_mutex_lock(&queue->lock);
    queue->begun = true;
    queue->error = error;
    os_cond_signal(&queue->changed);
    os_mutex_unlock(&queue->lock);
    if (error)
        return;
    spd_loop_run(&queue->loop);
    end(queue);
}

static int wait_begun(struct spd_queue *queue)
{
    int error;

    os_mutex_lock(&queue->lock);
    while (!queue->begun)
        os_cond_wait(&queue->changed, &queue->lock);
    error = queue->error;
    os_mutex_unlock(&queue->lock);
    if (!error)
        return 0;
    os_thread_join(queue->thread);
    return spd_fail(SPD_ERROR_QUEUES, "queue %u: %s", queue->index,
        error > SPD_ERROR_NO_MEMORY ? strerror(error < 0 ? -error : error) : spd_strerror(error));
}

static void init(struct spd_queue *queue, struct spd_unit *unit, uint32_t index)
{
    queue->unit = unit;
    queue->index = index;
    queue->cpu = -1;
    queue->last = &queue->first;
    os_mutex_init(&queue->lock);
    os_cond_init(&queue->changed);
}

static int begin_thread(struct spd_queue *queue)
{
    uint32_t size = queue->unit->ops.queue_size;
    int error;

    if (size) {
        queue->area = os_pages_alloc(size);
        if (!queue->area)
            return spd_fail(SPD_ERROR_NO_MEMORY, "for queue %u", queue->index);
    }
    error = spd_loop_open(&queue->loop, &loop_ops);
    if (error)
        return error;
    error = os_thread_create(&queue->thread, "spd-queue", run, queue);
    if (error)
        return spd_fail(SPD_ERROR_THREADS, "queue %u: %s", queue->index, strerror(error));
    return wait_begun(queue);
}

static int start(struct spd_unit *unit, uint32_t threads)
{
    uint32_t count = spd_queues_wanted(&unit->params, &unit->ops);
    int error = 0;

    (void)threads;
    unit->queues = calloc(count, sizeof *unit->queues);
    if (!unit->queues)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for %u queues", count);
    unit->queues_made = count;
    for (uint32_t i = 0; i < count; i++)
        init(&unit->queues[i], unit, i);
    while (!error && unit->queue_count < count) {
        error = begin_thread(&unit->queues[unit->queue_count]);
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
        struct spd_queue *queue = &unit->queues[i];

        spd_loop_close(&queue->loop);
        if (queue->area)
            os_pages_free(queue->area, unit->ops.queue_size);
        os_cond_destroy(&queue->changed);
        os_mutex_destroy(&queue->lock);
    }
    free(unit->queues);
}

const struct spd_executor spd_executor_queue = {
    .perform = perform,
    .flush = flush,
    .start = start,
    .end = end_threads,
};

/* For devices. */

uint32_t spd_queue_index(const spd_queue *queue)
{
    SPD_NEEDS(queue);
    return queue->index;
}

int spd_queue_cpu(const spd_queue *queue)
{
    SPD_NEEDS(queue);
    return queue->cpu;
}

/* Each device of a stack has the sizes of those below in its own. */
void *spd_queue_area(const spd_queue *queue, const spd_device *device)
{
    uint32_t own;

    SPD_NEEDS(queue);
    SPD_NEEDS(device);
    own = SPD_HAS(device, queue_size) ? device->ops->queue_size : 0;
    return own ? queue->area + (queue->unit->ops.queue_size - own) : NULL;
}

spd_queue *spd_request_queue(const spd_request *request)
{
    SPD_NEEDS(request);
    return request->queue;
}

int spd_queue_watch(spd_queue *queue, intptr_t descriptor)
{
    int error;

    SPD_NEEDS(queue);
    if (!queue->unit->ops.poll)
        spd_misuse(__func__, "the device on top of the unit has no poll");
    if (queue->watches || queue->begun)
        spd_misuse(__func__, "it is called once, in queue_begin");
    queue->socket = (struct spd_loop_socket){
        .ready = is_readable, .socket = (os_socket)descriptor
    };
    error = spd_loop_add(&queue->loop, &queue->socket, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "queue %u, waiting for %lld: %s", queue->index,
            (long long)descriptor, os_net_text(error));
    queue->watches = true;
    return 0;
}
