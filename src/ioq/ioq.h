/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The I/O queue: requests wait for servers, servers wait for requests.
 *
 * It is a pure, intrusive data structure: no lock, no allocation, no copying. Every call is O(1)
 * save ioq_init(). Its caller guards it (a mutex in user mode, a spin lock in a kernel) and moves
 * data and completes requests after it has let go of the guard.
 *
 *            post                    delivered to a server              complete(hint)
 *   IDLE ------------> PENDING ------------------------------> SERVED ------------------> IDLE
 *     ^                   |                                      |  \___ requeue ___> PENDING
 * (head)
 *     |______ cancel _____|________________ cancel ______________|
 *
 * A request is named to the outside by its hint: slot index and generation, never an address. The
 * generation changes at every delivery, so a late, repeated or forged response finds nothing.
 */

#ifndef IOQ_IOQ_H
#define IOQ_IOQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ioq_link {
    struct ioq_link *next;
    struct ioq_link *prev;
};

enum ioq_state {
    IOQ_IDLE,
    IOQ_PENDING,
    IOQ_SERVED,
};

/* Embedded in the request that the caller queues. */
struct ioq_request {
    struct ioq_link link;
    uint32_t slot;
    uint8_t state; /* enum ioq_state */
};

/* Embedded in a structure of the server. */
struct ioq_server {
    struct ioq_link link;
    bool waiting;
};

struct ioq_slot {
    struct ioq_request *request; /* NULL: free */
    uint32_t generation;         /* never 0 in a hint, so a hint of 0 can mean none */
    uint32_t next_free;
};

struct ioq {
    struct ioq_link pending; /* oldest first */
    struct ioq_link served;
    struct ioq_link servers; /* the server that began to wait last is first: its caches are warm */
    struct ioq_slot *slots;  /* the caller's, slot_count of them */
    uint32_t slot_count;
    uint32_t free_slot;
    uint32_t pending_count;
    uint32_t served_count;
    bool stopped;
};

enum ioq_result {
    IOQ_QUEUED,  /* no server is waiting; the request is pending */
    IOQ_MATCHED, /* delivered: wake *server, which no longer waits */
    IOQ_FULL,    /* every slot is taken; the request is untouched */
    IOQ_STOPPED, /* the queue is stopped; the request is untouched */
};

void ioq_init(struct ioq *queue, struct ioq_slot *slots, uint32_t slot_count);

/* Requests. `request` is IDLE. On IOQ_MATCHED *server got the request and *hint names it. */
enum ioq_result ioq_post(
    struct ioq *queue, struct ioq_request *request, struct ioq_server **server, uint64_t *hint);

/* A server asks for work. Returns the oldest pending request with its hint. NULL: the server now
 * waits, unless the queue is stopped (queue->stopped). */
struct ioq_request *ioq_wait(struct ioq *queue, struct ioq_server *server, uint64_t *hint);

/* The oldest pending request, which stays where it is; NULL: there is none. */
struct ioq_request *ioq_peek(const struct ioq *queue);

/* The request that was delivered under this hint, or NULL; it is IDLE again and its slot free. */
struct ioq_request *ioq_complete(struct ioq *queue, uint64_t hint);

/* The same, without taking it out: for copying data to a request that is still being served. */
struct ioq_request *ioq_find(const struct ioq *queue, uint64_t hint);

/* A served request that needs another round (the next piece of a long transfer) goes to the head of
 * the pending list, or straight to a waiting server. Its old hint is dead. IOQ_STOPPED also when
 * the hint finds nothing. */
enum ioq_result ioq_requeue(
    struct ioq *queue, uint64_t hint, struct ioq_server **server, uint64_t *new_hint);

/* Takes a pending or served request out; false when it was IDLE already. */
bool ioq_cancel(struct ioq *queue, struct ioq_request *request);

/* Takes a waiting server out; false when it does not wait. */
bool ioq_cancel_wait(struct ioq *queue, struct ioq_server *server);

/* No new requests or waits from now on. Then drain: each call takes one out, NULL when none. */
void ioq_stop(struct ioq *queue);
struct ioq_request *ioq_drain_request(struct ioq *queue); /* pending and served */
struct ioq_server *ioq_drain_server(struct ioq *queue);

#endif
