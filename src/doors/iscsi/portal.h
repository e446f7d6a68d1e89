/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The iSCSI door: RFC 7143, target side, error recovery level 0, one connection for each session.
 *
 * A portal is an address and port where initiators connect (RFC 7143 3.1). It has one listener, one
 * thread and one polling loop. The units of the process that name this address share it: their
 * targets are in target.h, each with a table of logical units. A turn of the loop reads what has
 * arrived, runs every command in it, and then writes all answers of a connection with one system
 * call. A request that the device ended on another thread comes back through the mailbox. Units
 * come and go by messages to the loop (member.h). Everything else belongs to the portal's thread,
 * so no command takes a lock.
 *
 * No file is called by one that it calls: HACKING.md has their order. A lower file tells a higher
 * one by a callback, or by a flag here that the end of a turn reads.
 */

#ifndef ISCSI_PORTAL_H
#define ISCSI_PORTAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "lib/loop.h"
#include "os/net.h"
#include "os/os.h"

struct iscsi_door;

struct iscsi_portal {
    struct spd_loop loop;
    struct spd_loop_socket listener; /* OS_NO_SOCKET: none, as in tests */
    struct spd_timer tick;     /* a second, while anything can grow old */
    struct iscsi_times times;  /* for all its targets: they matter before one is named */
    char host[OS_HOST_MAX];    /* address and port of the listener, in numbers; "" without a
                                * listener */
    char port[OS_PORT_MAX];
    bool listening; /* the listener is watched */

    struct list targets; /* targets with a unit that serves */
    struct list doors;   /* such units */
    struct list connections;
    struct list dropped;
    struct list ready;
    struct list sessions;
    struct list waits;
    struct iscsi_peers peers;
    uint32_t connection_count;
    uint16_t next_tsih;
    uint32_t last_busy; /* when anything last arrived */
    bool sessions_ended;
    bool tasks_ended;   /* an aborted command ended: functions may wait for it */
    bool data_given_up; /* a command ended that others may have waited for */
    bool units_left;    /* a unit that goes has one command or session less */
    bool units_changed; /* a unit has come, or begun to go */
    struct list hungry; /* nexuses with commands that wait for room or for their turn */
    uint32_t room[ROOMS]; /* bytes */
    bool room_freed;  /* room became free since the last turn */
    bool room_wanted; /* a nexus waits for shared room: nobody else gets more of it */
    bool deferred;    /* a command waits for the next turn alone */
    struct iscsi_buffer_pool pool;
    uint8_t *rx; /* ISCSI_RX_BUFFER; shared, since one connection reads at a time */

    /* Messages to the loop: member.c. */
    atomic_bool mail;
    os_mutex lock; /* guards the next two, and each door's `state` */
    os_cond moved; /* a door's state has changed */
    struct list moving; /* doors that will come or go */

    /* The directory's: directory.c. */
    struct list link;
    struct list members; /* targets with a door that is open */
    os_mutex life;       /* guards the next, and the thread */
    uint32_t serving;    /* doors that are started */
};

/* With a loop that has no thread, and no listener yet. NULL, with a detail: the system lacks memory
 * or another resource. */
struct iscsi_portal *iscsi_portal_new(const struct iscsi_times *times);
void iscsi_portal_free(struct iscsi_portal *portal);
/* Listens on the socket, which it then owns. 0 or a spd_error with a detail. */
int iscsi_portal_listen(struct iscsi_portal *portal, os_socket listener);
/* Its thread, which runs from the first start to the last stop. 0 or a spd_error with a detail. */
int iscsi_portal_start(struct iscsi_portal *portal);
void iscsi_portal_stop(struct iscsi_portal *portal);

#endif
