/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * submit does not block, so a request that waits for the end of the turn is not taken out when it
 * is aborted: the thread finds that out when it is about to hand it over.
 */

#include "lib/queue.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* Requests. */

void spd_queue_append(struct spd_queue *queue, struct spd_request *request)
{
    request->queue = queue;
    request->next = NULL;
    *queue->last = request;
    queue->last = &request->next;
    spd_guest_is_due(&queue->guest);
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

/* Life. */

static struct spd_queue *queue_of(struct spd_guest *guest)
{
    return (struct spd_queue *)(void *)((char *)guest - offsetof(struct spd_queue, guest));
}

static bool settle(struct spd_guest *guest)
{
    struct spd_queue *queue = queue_of(guest);

    hand_over_all(queue);
    if (must_poll(queue))
        poll_device(queue);
    return must_poll(queue);
}

static void leave(struct spd_guest *guest)
{
    struct spd_queue *queue = queue_of(guest);
    struct spd_unit *unit = queue->unit, *outer;

    if (queue->watches)
        spd_loop_remove(queue->guest.loop, &queue->socket);
    if (!unit->ops.queue_end)
        return;
    outer = spd_enter_device(unit);
    unit->ops.queue_end(&unit->device, queue);
    spd_in_device = outer;
}

int spd_queue_init(struct spd_queue *queue, struct spd_unit *unit, uint32_t index)
{
    uint32_t size = unit->ops.queue_size;

    queue->guest = (struct spd_guest){ .settle = settle, .leave = leave };
    queue->unit = unit;
    queue->index = index;
    queue->cpu = -1;
    queue->last = &queue->first;
    if (size)
        queue->area = os_pages_alloc(size);
    return size && !queue->area ? spd_fail(SPD_ERROR_NO_MEMORY, "for queue %u", index) : 0;
}

void spd_queue_destroy(struct spd_queue *queue)
{
    if (queue->area)
        os_pages_free(queue->area, queue->unit->ops.queue_size);
}

static int begin_device(struct spd_queue *queue)
{
    struct spd_unit *unit = queue->unit, *outer = spd_enter_device(unit);
    int error = unit->ops.queue_begin(&unit->device, queue);

    spd_in_device = outer;
    if (!error)
        return 0;
    if (queue->watches)
        spd_loop_remove(queue->guest.loop, &queue->socket);
    return spd_fail(SPD_ERROR_QUEUES, "queue %u: %s", queue->index,
        error > SPD_ERROR_NO_MEMORY ? strerror(error < 0 ? -error : error) : spd_strerror(error));
}

int spd_queue_begin(struct spd_queue *queue, struct spd_loop *loop)
{
    int error = 0;

    queue->guest.loop = loop;
    if (queue->unit->ops.queue_begin)
        error = begin_device(queue);
    if (error)
        return error;
    queue->begun = true;
    queue->polls = queue->unit->ops.poll && !queue->watches;
    spd_loop_host(loop, &queue->guest);
    return 0;
}

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
    error = spd_loop_add(queue->guest.loop, &queue->socket, OS_POLL_IN);
    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "queue %u, waiting for %lld: %s", queue->index,
            (long long)descriptor, os_net_text(error));
    queue->watches = true;
    return 0;
}
