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
 * With threads=N an address has N such structures, which `next` links. The first one listens, and
 * all logins are on its thread. When a login has settled everything, roster.h chooses the loop of
 * the session, and handover.h moves the connection there. Each loop has its own targets and doors
 * (target.h), so everything above holds for each of them. Loops meet in three places only: rounds
 * of task management (lib/door.h), messages (member.h) and the roster.
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
#include "doors/iscsi/roster.h"
#include "lib/loop.h"
#include "os/net.h"
#include "os/os.h"

struct iscsi_door;

struct iscsi_portal {
    struct spd_loop loop;
    struct iscsi_portal *first; /* first loop of this address */
    struct iscsi_portal *next;  /* NULL: the last one */
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
    uint32_t threads;            /* loops of this address */
    bool handovers;              /* a login goes on at another loop */
    uint32_t last_busy; /* when anything last arrived */
    bool sessions_ended;
    bool tasks_ended;   /* an aborted command ended: functions may wait for it */
    bool data_given_up; /* a command ended that others may have waited for */
    bool units_left;    /* a unit that goes has one command or session less */
    bool units_changed; /* a unit has come, or begun to go */
    struct list hungry; /* nexuses with commands that wait for room or for their turn */
    uint32_t room[ROOMS]; /* bytes */
    uint32_t room_most[ROOMS];
    bool room_freed;  /* room became free since the last turn */
    bool room_wanted; /* a nexus waits for shared room: nobody else gets more of it */
    bool deferred;    /* a command waits for the next turn alone */
    struct iscsi_buffer_pool pool;
    uint8_t *rx; /* ISCSI_RX_BUFFER; shared, since one connection reads at a time */

    /* Messages to the loop: member.c. */
    atomic_bool mail;
    atomic_bool doomed; /* a session has to be dropped */
    os_mutex lock; /* guards the next three, and each door's `state` */
    os_cond moved; /* a door's state has changed */
    struct list moving; /* doors that will come or go */
    struct list arriving; /* connections of another loop; connection.link */

    /* The first loop's, for all. */
    struct iscsi_roster roster;

    /* The directory's: directory.c. */
    struct list link;
    struct list members; /* targets with a door that is open */
    os_mutex life;       /* guards the next, and the thread */
    uint32_t serving;    /* doors that are started */
};

/* With so many loops that have no thread, and no listener yet. NULL, with a detail: the system
 * lacks memory or another resource. */
struct iscsi_portal *iscsi_portal_new(const struct iscsi_times *times, uint32_t threads);
/* With all its loops. */
void iscsi_portal_free(struct iscsi_portal *portal);
/* Listens on the socket, which it then owns. 0 or a spd_error with a detail. */
int iscsi_portal_listen(struct iscsi_portal *portal, os_socket listener);
/* Its threads, which run from the first start to the last stop. 0 or a spd_error with a detail. */
int iscsi_portal_start(struct iscsi_portal *portal);
void iscsi_portal_stop(struct iscsi_portal *portal);

#endif
