/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A ring at work: kicks, chains, calls. */

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "doors/vhost/door.h"
#include "doors/vhost/inflight.h"
#include "doors/vhost/virtio.h"

enum { DESCRIPTOR_ALIGNMENT = 16, EVENT_ALIGNMENT = 4 };

static struct vhost_queue *queue_of(struct spd_loop_socket *watch)
{
    return (struct vhost_queue *)(void *)((char *)watch - offsetof(struct vhost_queue, kick));
}

static void unwatch(struct vhost_queue *queue)
{
    if (queue->kick.socket != OS_NO_SOCKET)
        spd_loop_close_socket(&queue->worker->loop, &queue->kick);
}

static void kicked(struct spd_loop_socket *watch, uint32_t flags)
{
    struct vhost_queue *queue = queue_of(watch);

    if (watch->socket == OS_NO_SOCKET)
        return;
    if (flags & OS_POLL_IN)
        os_event_clear(watch->socket);
    else if (flags & OS_POLL_GONE)
        unwatch(queue);
    queue->pending = true;
    if (queue->begun)
        vhost_ring_disarm(&queue->ring);
}

const char *vhost_event_prepare(int descriptor)
{
    int flags = descriptor < 0 ? 0 : fcntl(descriptor, F_GETFL);

    if (descriptor >= 0 && (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)))
        return "a descriptor that is no event's";
    return NULL;
}

const char *vhost_queue_kick(struct vhost_queue *queue, int descriptor)
{
    unwatch(queue);
    queue->polled = descriptor < 0;
    queue->started = true;
    queue->pending = true;
    if (descriptor < 0)
        return NULL;
    queue->kick = (struct spd_loop_socket){ .ready = kicked, .socket = descriptor };
    if (vhost_event_prepare(descriptor) ||
        spd_loop_add(&queue->worker->loop, &queue->kick, OS_POLL_IN)) {
        close(descriptor);
        queue->kick.socket = OS_NO_SOCKET;
        return "a kick's descriptor that nobody can wait for";
    }
    return NULL;
}

/* Placing a ring. */

static uint8_t *place(const struct vhost_queue *queue, uint64_t address, uint64_t length,
    uint64_t alignment)
{
    return address % alignment ?
        NULL : vhost_memory_of_user(&queue->worker->of->front.memory, address, length);
}

const char *vhost_queue_place(struct vhost_queue *queue)
{
    const struct vhost_front *front = &queue->worker->of->front;
    struct vhost_ring *ring = &queue->ring;
    uint8_t *descriptors, *driver, *device;
    uint64_t lengths[3];

    vhost_ring_lengths(ring, lengths);
    descriptors = place(queue, queue->address.descriptors, lengths[0], DESCRIPTOR_ALIGNMENT);
    driver = place(queue, queue->address.available, lengths[1],
        ring->packed ? EVENT_ALIGNMENT : EVENT_ALIGNMENT / 2);
    device = place(queue, queue->address.used, lengths[2], EVENT_ALIGNMENT);
    if (!descriptors || !driver || !device)
        return "a ring is not aligned, or not in the shared memory";
    ring->descriptors = descriptors;
    ring->driver = driver;
    ring->device = device;
    ring->dirty = vhost_has(front->features, VHOST_F_LOG_ALL) ? &front->dirty : NULL;
    ring->logs_itself = queue->address.flags & VHOST_RING_LOG;
    ring->log_address = queue->address.log;
    return NULL;
}

static void *inflight_of(const struct vhost_queue *queue)
{
    const struct vhost_front *front = &queue->worker->of->front;
    size_t stride = vhost_inflight_stride(front->inflight_size, queue->ring.packed);

    if (!front->inflight || queue->index >= front->inflight_queues ||
        queue->ring.size > front->inflight_size)
        return NULL;
    return front->inflight + queue->index * stride;
}

const char *vhost_queue_begin(struct vhost_queue *queue)
{
    const struct vhost_front *front = &queue->worker->of->front;
    struct vhost_ring *ring = &queue->ring;
    const char *why;

    if (queue->begun || !queue->enabled || !queue->started || ring->size == 0 ||
        !queue->address.descriptors)
        return NULL;
    ring->packed = vhost_has(front->features, VIRTIO_F_RING_PACKED);
    ring->event_index = vhost_has(front->features, VIRTIO_F_EVENT_IDX);
    ring->indirect = vhost_has(front->features, VIRTIO_F_INDIRECT_DESC);
    ring->memory = &front->memory;
    if (!ring->packed && ring->size & (ring->size - 1))
        return "the size of a split ring is no power of two";
    why = vhost_queue_place(queue);
    if (why)
        return why;
    if (!vhost_commands_make(queue))
        return "there is no memory for the commands of a ring";
    ring->inflight = inflight_of(queue);
    queue->in_order = !ring->packed && !ring->inflight;
    queue->oldest = NULL;
    queue->newest_end = &queue->oldest;
    queue->told_fault = false;
    vhost_ring_begin(ring, queue->base);
    queue->begun = queue->pending = true;
    return NULL;
}

void vhost_queue_stop(struct vhost_queue *queue)
{
    if (queue->begun)
        queue->base = vhost_ring_base(&queue->ring);
    queue->begun = queue->started = queue->stopping = false;
}

static void drop(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

void vhost_queue_forget(struct vhost_queue *queue)
{
    vhost_queue_stop(queue);
    unwatch(queue);
    drop(&queue->call);
    drop(&queue->error);
    vhost_commands_free(queue);
    queue->enabled = queue->polled = queue->pending = false;
    queue->base = 0;
    queue->address = (struct vhost_ring_address){ 0 };
    queue->ring = (struct vhost_ring){ 0 };
}

/* Working. */

/* The ring gives out nothing more; the guest has to begin it anew. */
static void tell_fault(struct vhost_queue *queue)
{
    static struct spd_log_limit limit = { .kind = "vhost-user: broken rings" };
    const struct vhost_door *door = queue->worker->of;

    if (queue->told_fault)
        return;
    queue->told_fault = true;
    spd_log_limited(&limit, door->front.user, SPD_LOG_WARNING,
        "%s: ring %u is stopped, since the guest broke the rules: %s",
        door->workers[0].door.uri, queue->index, queue->ring.fault);
    if (queue->error >= 0)
        os_event_signal(queue->error);
}

/* False: it has none, or no command for it. */
static bool take(struct vhost_queue *queue)
{
    struct vhost_command *command = vhost_command_take(queue);

    if (!command)
        return false;
    if (!vhost_ring_take(&queue->ring, &command->chain)) {
        vhost_command_drop(command);
        return false;
    }
    if (queue->in_order) {
        command->next = NULL;
        *queue->newest_end = command;
        queue->newest_end = &command->next;
    }
    queue->taken++;
    queue->worker->of->device->start(command);
    return true;
}

/* The guest need not kick before the chains of now are answered: it may have more by then. */
static bool take_chains(struct vhost_queue *queue)
{
    unsigned count = 0;

    if (queue->turn != queue->worker->loop.turn) {
        queue->turn = queue->worker->loop.turn;
        queue->taken = 0;
    }
    while (count < VHOST_BATCH && queue->taken < VHOST_PER_TURN && take(queue))
        count++;
    if (queue->ring.fault) {
        tell_fault(queue);
        queue->pending = false;
        return false;
    }
    if (count || queue->taken == VHOST_PER_TURN || queue->polled)
        return true;
    if (!queue->free)
        return false; /* the end of a command comes back here */
    queue->pending = vhost_ring_arm(&queue->ring);
    return queue->pending;
}

bool vhost_queue_serve(struct vhost_queue *queue, bool may_take)
{
    if (!queue->begun)
        return false;
    if (vhost_ring_publish(&queue->ring) && queue->call >= 0)
        os_event_signal(queue->call);
    return may_take && queue->pending && queue->enabled && !queue->stopping && take_chains(queue);
}
