/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The iSCSI door: RFC 7143, target side, error recovery level 0, one connection a session.
 *
 * A door has one thread and one polling loop. A turn of the loop reads what has arrived, runs every
 * command in it, and then writes all answers of a connection with one system call. A request that
 * the device ended on another thread comes back through the mailbox. Everything else belongs to the
 * door's thread, so there is no lock.
 *
 * No file is called by one that it calls: HACKING.md has their order. A lower file tells a higher
 * one by a callback, or by a flag here that the end of a turn reads.
 */

#ifndef ISCSI_DOOR_H
#define ISCSI_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/claim.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "lib/door.h"
#include "lib/loop.h"

struct iscsi_door {
    struct spd_door base; /* first */
    struct iscsi_config config;
    struct scsi_port port;
    uint8_t designators[CONFIG_DESIGNATORS_MAX];
    struct spd_loop loop;
    struct spd_loop_socket listener; /* OS_NO_SOCKET: none, as in tests */
    struct spd_timer tick;     /* a second, while there is anything that can grow old */
    bool listening; /* the listener is watched */
    bool draining;  /* it is being stopped */

    struct list connections;
    struct list dropped;
    struct list ready;
    struct list sessions;
    struct list waits;
    struct iscsi_claim claims[SCSI_REGISTRATIONS];
    uint32_t round;   /* of task management: what began before it was aborted */
    bool owes_report; /* and the library does not know yet that it has ended */
    struct iscsi_peers peers;
    uint32_t connection_count;
    uint16_t next_tsih;
    uint32_t last_busy; /* when anything last arrived */
    bool sessions_ended;
    bool tasks_ended;   /* one that was aborted did: functions may wait for it */
    bool data_given_up; /* a command ended that others may have waited for */
    struct list hungry; /* sessions with commands that wait for room or for their turn */
    uint32_t room[ROOMS]; /* bytes */
    bool room_freed;  /* some of it, since it was last given out */
    bool room_wanted; /* a session waits for what all share: nobody else gets more of it */
    bool deferred;    /* a command waits for the next turn alone */
    struct iscsi_buffer_pool pool;
    uint8_t *rx; /* ISCSI_RX_BUFFER; shared, since one connection reads at a time */
};

extern const struct spd_door_ops iscsi_door_ops;

/* The parts that tests and fuzzers drive without a thread. The config is the door's once it is
 * made. 0 or a spd_error with a detail. */
int iscsi_door_new(
    struct spd_unit *unit, const struct iscsi_config *config, struct iscsi_door **made);
void iscsi_door_free(struct iscsi_door *door);

#endif
