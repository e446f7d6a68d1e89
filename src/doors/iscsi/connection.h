/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Connections: their structure, their begin and end, and their clock. wire.h drops them. */

#ifndef ISCSI_CONNECTION_H
#define ISCSI_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "doors/iscsi/receive.h"
#include "doors/iscsi/send.h"
#include "lib/loop.h"
#include "os/net.h"

struct iscsi_portal;
struct iscsi_login;
struct iscsi_session;

enum iscsi_connection_state {
    CONNECTION_LOGIN,
    CONNECTION_DELAYED, /* login refused, the answer waits; input is discarded */
    CONNECTION_WAITING, /* login done, but tasks of a former session still run */
    CONNECTION_FULL,
    CONNECTION_CLOSING, /* sends the queue, then closes; input is discarded */
    CONNECTION_DROPPED,
};

struct iscsi_connection {
    struct list link;  /* portal's connections */
    struct list ready; /* portal's ready: there is something to send */
    struct list hold_link; /* peer's held, by hold; alone when it was let go */
    struct iscsi_portal *portal;
    struct iscsi_peer *peer;
    struct iscsi_session *session; /* NULL before login */
    struct iscsi_login *login;     /* NULL after it */
    struct iscsi_entry *entry;     /* from the end of the login until the session has it */
    struct spd_loop_socket watch;
    char host[OS_HOST_MAX]; /* the peer's */
    char port[OS_PORT_MAX];
    uint8_t state; /* enum iscsi_connection_state */
    uint8_t hold;  /* enum iscsi_hold; HOLDS: none */
    uint32_t held_since; /* second */
    bool told; /* the log has its end */
    uint16_t cid;
    uint32_t stat_sn;
    uint32_t deadline;  /* login and closing: second */
    uint32_t waiting_since; /* waiting: second, and when the log was last told */
    uint32_t waiting_told;
    uint32_t last_heard;
    bool pinged;
    uint32_t max_send;  /* RFC 7143 13.12, in whole words */
    char *answer;       /* answer to a text request, and the part that was sent; NULL: all was
                         * sent */
    uint32_t answer_length;
    uint32_t answer_sent;
    char *text;         /* keys of a text request that goes on; ISCSI_TEXT_MAX */
    uint32_t text_length;
    struct iscsi_receive rx;
    struct iscsi_transmit tx;
};

/* Takes over the socket, also when it fails: then NULL. */
struct iscsi_connection *iscsi_connection_new(struct iscsi_portal *portal, os_socket socket);
/* Frees those that were dropped, at the end of the turn. */
void iscsi_connection_reap(struct iscsi_portal *portal);
/* Once a second. */
void iscsi_connection_tick(struct iscsi_connection *c);

#endif
