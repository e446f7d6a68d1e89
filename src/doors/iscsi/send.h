/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * From answers to bytes. Queued items are sent at the end of the loop's turn, all of a connection
 * with one system call. `sent` tells the owner when the memory is no longer needed.
 */

#ifndef ISCSI_SEND_H
#define ISCSI_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "os/net.h"

struct iscsi_connection;

enum iscsi_send_kind {
    SEND_REPLY,   /* struct iscsi_reply */
    SEND_COMMAND, /* struct iscsi_command: Data-In, status */
    SEND_R2T,     /* struct iscsi_command; it is not in the sent list afterwards */
};

/* An item that waits to be sent. */
struct iscsi_send_item {
    /* In the session's `waiting`, the connection's queue or its sent list; alone when it is in
     * none. */
    struct list link;
    uint8_t kind;
    /* The kernel has its bytes, so its memory is its owner's again. The item is in no list.
     * Not for an R2T. */
    void (*sent)(struct iscsi_connection *c, struct iscsi_send_item *item);
    uint64_t end; /* in the sent list: the position in the byte stream where it ends */
};

/* An answer that belongs to no command: allocated, since these are rare. */
struct iscsi_reply {
    struct iscsi_send_item item;
    bool takes_stat_sn;
    bool plain;    /* login: no digests */
    uint8_t bhs[ISCSI_BHS];
    uint32_t length;
    uint8_t data[];
};

/* A batch holds the items of one write. */
struct iscsi_batch {
    uint32_t arena_used;
    uint32_t first;
    uint32_t count;
    struct os_vec vecs[ISCSI_TX_VECS];
    uint8_t arena[ISCSI_TX_ARENA];
};

struct iscsi_transmit {
    struct list queue; /* send_item.link; not yet in the batch */
    struct list sent;  /* in the batch: their memory is in use until it is written */
    struct iscsi_batch *batch; /* before login only while there is something to send; else NULL */
    uint64_t built;    /* position in the byte stream */
    uint64_t written;
    uint64_t queued;   /* bytes of data-in in the queue, about */
    uint32_t replies;
    uint32_t reply_bytes;
    uint32_t last_moved; /* second in which the socket last took something */
    bool blocked; /* the socket is full: OS_POLL_OUT is asked for */
};

void iscsi_send_init(struct iscsi_transmit *tx);
void iscsi_send_queue(struct iscsi_connection *c, struct iscsi_send_item *item);
void iscsi_send_flush(struct iscsi_connection *c);
void iscsi_send_drop(struct iscsi_connection *c); /* frees what is queued */
/* NULL, and the connection is dropped, when the peer reads none of its replies. */
struct iscsi_reply *iscsi_reply_new(
    struct iscsi_connection *c, enum iscsi_opcode opcode, uint32_t length);
void iscsi_reply_free(struct iscsi_connection *c, struct iscsi_reply *reply);

#endif
