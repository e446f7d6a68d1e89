/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The commands of a ring, between its chains and the library.
 *
 * A guest knows no task management: a command that another initiator's reset has ended begins
 * again, as an initiator would send it again.
 *
 * Without a region of requests in flight, a front end that lost its server goes on at the used
 * index. So the answers then go out in the order of the chains: what the next server finds after
 * that index is what was not answered.
 */

#include <string.h>

#include "doors/vhost/door.h"

enum { PAGE = 4096 };

static bool map(struct spd_request *request);
static void later(struct spd_request *request);
static void done(struct spd_request *request);

static const struct spd_request_ops request_ops = {
    .map = map,
    .later = later,
    .done = done,
};

static struct vhost_command *command_of(struct spd_request *request)
{
    return (struct vhost_command *)(void *)request;
}

static bool map(struct spd_request *request)
{
    struct vhost_chain *chain = &command_of(request)->chain;
    bool in = request->task.direction == SCSI_DATA_IN;

    request->task.data = in ? vhost_chain_in(chain) : vhost_chain_out(chain);
    request->task.data_count = in ? chain->in_count : chain->out_count;
    return true;
}

static void later(struct spd_request *request)
{
    spd_loop_post(&command_of(request)->queue->worker->loop, request);
}

static void done(struct spd_request *request)
{
    spd_loop_done(&command_of(request)->queue->worker->loop, request);
}

/* Memory. */

static size_t length_of(uint32_t depth)
{
    return (depth * sizeof(struct vhost_command) + PAGE - 1) / PAGE * PAGE;
}

bool vhost_commands_make(struct vhost_queue *queue)
{
    uint32_t depth = queue->ring.size < VHOST_DEPTH ? queue->ring.size : VHOST_DEPTH;

    if (queue->commands && queue->depth == depth)
        return true;
    vhost_commands_free(queue);
    queue->commands = os_pages_alloc(length_of(depth));
    if (!queue->commands)
        return false;
    queue->depth = depth;
    /* The first ones are used most, so that few pages are. */
    for (uint32_t i = depth; i-- > 0;) {
        struct vhost_command *command = &queue->commands[i];

        command->queue = queue;
        command->request.unit = vhost_unit(queue->worker->of);
        command->request.ops = &request_ops;
        command->request.stream = queue->index;
        command->next = queue->free;
        queue->free = command;
    }
    return true;
}

void vhost_commands_free(struct vhost_queue *queue)
{
    if (!queue->commands)
        return;
    for (uint32_t i = 0; i < queue->depth; i++)
        spd_request_free(&queue->commands[i].request);
    os_pages_free(queue->commands, length_of(queue->depth));
    queue->commands = queue->free = NULL;
    queue->depth = 0;
}

struct vhost_command *vhost_command_take(struct vhost_queue *queue)
{
    struct vhost_command *command = queue->free;

    if (command) {
        queue->free = command->next;
        queue->running++;
        command->aborted = command->answered = false;
    }
    return command;
}

void vhost_command_drop(struct vhost_command *command)
{
    struct vhost_queue *queue = command->queue;

    command->next = queue->free;
    queue->free = command;
    queue->running--;
}

/* Answers. */

static void give(struct vhost_command *command)
{
    vhost_ring_give(&command->queue->ring, &command->chain, command->written);
    vhost_command_drop(command);
}

void vhost_command_answer(struct vhost_command *command, uint32_t written)
{
    struct vhost_queue *queue = command->queue;

    command->written = written;
    if (!queue->in_order) {
        give(command);
        return;
    }
    command->answered = true;
    while (queue->oldest && queue->oldest->answered) {
        struct vhost_command *oldest = queue->oldest;

        queue->oldest = oldest->next;
        if (!queue->oldest)
            queue->newest_end = &queue->oldest;
        give(oldest);
    }
}

/* Running. */

void vhost_command_run(struct vhost_command *command)
{
    struct scsi_task *task = &command->request.task;
    struct vhost_door *door = command->queue->worker->of;

    if (command->block.range_count) {
        memcpy(command->left, command->ranges,
            command->block.range_count * sizeof command->ranges[0]);
        command->block.ranges = command->left;
    }
    task->unit = spd_unit_scsi(command->request.unit);
    task->nexus = &door->nexus;
    task->attribute = SCSI_SIMPLE;
    command->aborted = false;
    command->running = true;
    spd_request_start_block(&command->request, &command->block);
}

static bool is_ending(const struct vhost_queue *queue)
{
    return atomic_load_explicit(&queue->worker->order, memory_order_relaxed) == VHOST_END;
}

void vhost_command_completed(struct spd_request *request)
{
    struct vhost_command *command = command_of(request);

    command->running = false;
    if (is_ending(command->queue)) {
        spd_request_release(request);
        vhost_command_drop(command);
    } else if (command->aborted) {
        spd_request_release(request);
        vhost_command_run(command);
    } else {
        command->queue->worker->of->device->done(command);
        spd_request_release(request);
    }
}

void vhost_queue_abort(struct vhost_queue *queue, uint32_t round)
{
    for (uint32_t i = 0; i < queue->depth; i++) {
        struct vhost_command *command = &queue->commands[i];

        if (!command->running || command->aborted ||
            !spd_request_is_before(&command->request, round))
            continue;
        command->aborted = true;
        if (spd_request_cancel(&command->request))
            vhost_command_run(command);
    }
}

bool vhost_queue_changes(const struct vhost_queue *queue)
{
    for (uint32_t i = 0; i < queue->depth; i++) {
        const struct vhost_command *command = &queue->commands[i];

        if (command->running && command->aborted && !spd_request_is_left(&command->request))
            return true;
    }
    return false;
}

void vhost_queue_cancel(struct vhost_queue *queue)
{
    /* Those that wait for others to be answered first. */
    for (struct vhost_command *c = queue->oldest, *next; c; c = next) {
        next = c->next;
        if (c->answered)
            vhost_command_drop(c);
    }
    queue->oldest = NULL;
    queue->newest_end = &queue->oldest;
    for (uint32_t i = 0; i < queue->depth; i++) {
        struct vhost_command *command = &queue->commands[i];

        if (!command->running || !spd_request_cancel(&command->request))
            continue;
        command->running = false;
        vhost_command_drop(command);
    }
}
