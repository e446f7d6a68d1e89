/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "ioq/ioq.h"

enum { NO_SLOT = UINT32_MAX };

static void list_init(struct ioq_link *head)
{
    head->next = head;
    head->prev = head;
}

static void list_insert(struct ioq_link *prev, struct ioq_link *link)
{
    link->prev = prev;
    link->next = prev->next;
    prev->next->prev = link;
    prev->next = link;
}

static void list_remove(struct ioq_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = NULL;
    link->prev = NULL;
}

/* The link is the first member of both. */
static struct ioq_request *request_of(struct ioq_link *link)
{
    return (struct ioq_request *)link;
}

static struct ioq_server *server_of(struct ioq_link *link)
{
    return (struct ioq_server *)link;
}

static uint64_t hint_of(const struct ioq *queue, uint32_t slot)
{
    return (uint64_t)queue->slots[slot].generation << 32 | slot;
}

void ioq_init(struct ioq *queue, struct ioq_slot *slots, uint32_t slot_count)
{
    list_init(&queue->pending);
    list_init(&queue->served);
    list_init(&queue->servers);
    queue->slots = slots;
    queue->slot_count = slot_count;
    queue->free_slot = slot_count ? 0 : NO_SLOT;
    queue->pending_count = 0;
    queue->served_count = 0;
    queue->stopped = false;
    for (uint32_t i = 0; i < slot_count; i++)
        slots[i] = (struct ioq_slot){ .next_free = i + 1 < slot_count ? i + 1 : NO_SLOT };
}

/* The generation changes here, at the delivery, and skips 0: a hint of 0 means "none" outside. */
static uint64_t deliver(struct ioq *queue, struct ioq_request *request)
{
    struct ioq_slot *slot = &queue->slots[request->slot];

    slot->generation++;
    if (slot->generation == 0)
        slot->generation = 1;
    request->state = IOQ_SERVED;
    list_insert(queue->served.prev, &request->link);
    queue->served_count++;
    return hint_of(queue, request->slot);
}

static void enter_pending(struct ioq *queue, struct ioq_request *request, struct ioq_link *prev)
{
    request->state = IOQ_PENDING;
    list_insert(prev, &request->link);
    queue->pending_count++;
}

static void leave_pending(struct ioq *queue, struct ioq_request *request)
{
    list_remove(&request->link);
    queue->pending_count--;
}

static void leave_served(struct ioq *queue, struct ioq_request *request)
{
    list_remove(&request->link);
    queue->served_count--;
}

static void free_slot(struct ioq *queue, struct ioq_request *request)
{
    struct ioq_slot *slot = &queue->slots[request->slot];

    slot->request = NULL;
    slot->next_free = queue->free_slot;
    queue->free_slot = request->slot;
    request->state = IOQ_IDLE;
}

static struct ioq_server *take_server(struct ioq *queue)
{
    struct ioq_server *server;

    if (queue->servers.next == &queue->servers)
        return NULL;
    server = server_of(queue->servers.next);
    list_remove(&server->link);
    server->waiting = false;
    return server;
}

enum ioq_result ioq_post(
    struct ioq *queue, struct ioq_request *request, struct ioq_server **server, uint64_t *hint)
{
    uint32_t index = queue->free_slot;

    if (queue->stopped)
        return IOQ_STOPPED;
    if (index == NO_SLOT)
        return IOQ_FULL;
    queue->free_slot = queue->slots[index].next_free;
    queue->slots[index].request = request;
    request->slot = index;

    *server = take_server(queue);
    if (!*server) {
        enter_pending(queue, request, queue->pending.prev);
        return IOQ_QUEUED;
    }
    *hint = deliver(queue, request);
    return IOQ_MATCHED;
}

struct ioq_request *ioq_wait(struct ioq *queue, struct ioq_server *server, uint64_t *hint)
{
    struct ioq_request *request;

    if (queue->stopped)
        return NULL;
    if (queue->pending.next == &queue->pending) {
        list_insert(&queue->servers, &server->link);
        server->waiting = true;
        return NULL;
    }
    request = request_of(queue->pending.next);
    leave_pending(queue, request);
    *hint = deliver(queue, request);
    return request;
}

struct ioq_request *ioq_peek(const struct ioq *queue)
{
    return queue->pending_count ? request_of(queue->pending.next) : NULL;
}

struct ioq_request *ioq_find(const struct ioq *queue, uint64_t hint)
{
    uint32_t index = (uint32_t)hint;
    struct ioq_request *request;

    if (index >= queue->slot_count || queue->slots[index].generation != hint >> 32)
        return NULL;
    request = queue->slots[index].request;
    return request && request->state == IOQ_SERVED ? request : NULL;
}

struct ioq_request *ioq_complete(struct ioq *queue, uint64_t hint)
{
    struct ioq_request *request = ioq_find(queue, hint);

    if (request) {
        leave_served(queue, request);
        free_slot(queue, request);
    }
    return request;
}

enum ioq_result ioq_requeue(
    struct ioq *queue, uint64_t hint, struct ioq_server **server, uint64_t *new_hint)
{
    struct ioq_request *request = ioq_find(queue, hint);

    if (queue->stopped || !request)
        return IOQ_STOPPED;
    leave_served(queue, request);
    *server = take_server(queue);
    if (!*server) {
        enter_pending(queue, request, &queue->pending);
        return IOQ_QUEUED;
    }
    *new_hint = deliver(queue, request);
    return IOQ_MATCHED;
}

bool ioq_cancel(struct ioq *queue, struct ioq_request *request)
{
    if (request->state == IOQ_IDLE)
        return false;
    if (request->state == IOQ_PENDING)
        leave_pending(queue, request);
    else
        leave_served(queue, request);
    free_slot(queue, request);
    return true;
}

bool ioq_cancel_wait(struct ioq *queue, struct ioq_server *server)
{
    (void)queue;
    if (!server->waiting)
        return false;
    list_remove(&server->link);
    server->waiting = false;
    return true;
}

void ioq_stop(struct ioq *queue)
{
    queue->stopped = true;
}

struct ioq_request *ioq_drain_request(struct ioq *queue)
{
    struct ioq_request *request = NULL;

    if (queue->pending_count)
        request = request_of(queue->pending.next);
    else if (queue->served_count)
        request = request_of(queue->served.next);
    if (request)
        ioq_cancel(queue, request);
    return request;
}

struct ioq_server *ioq_drain_server(struct ioq *queue)
{
    return take_server(queue);
}
