/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Inside of the tcmu: door: one ring, one loop, one nexus.
 *
 * The kernel's target passes the CDBs of a disk to us, and its loopback fabric makes the disk
 * /dev/sdX of it. The target does not say which initiator sent a command. Loopback has one, so all
 * commands share a nexus. Persistent reservations would need to know it: target.h.
 */

#ifndef DOORS_TCMU_DOOR_H
#define DOORS_TCMU_DOOR_H

#include <stdatomic.h>

#include "doors/tcmu/rescan.h"
#include "doors/tcmu/ring.h"
#include "doors/tcmu/target.h"
#include "lib/door.h"
#include "lib/loop.h"
#include "lib/session_log.h"

enum {
    TCMU_COMMANDS = 1024,      /* as many as the loopback fabric has at once */
    TCMU_COMMANDS_PER_TURN = 256,
    TCMU_URI_MAX = 64,
};

extern const struct spd_door_ops tcmu_door_ops;

struct tcmu_door;

struct tcmu_command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct tcmu_door *door;
    struct tcmu_command *next;  /* on the free list */
    struct scsi_vec *vecs;      /* its part of the door's memory: vec_room and one more */
    uint8_t *sink;              /* a block, for what a read moves past the initiator's buffer */
    uint32_t vec_count;
    uint64_t length;            /* bytes of data that the initiator moves */
    uint16_t id;
    bool running;               /* the library has it */
    bool aborted;
};

struct tcmu_door {
    struct spd_door door; /* first */
    struct scsi_port port;
    struct scsi_nexus nexus;
    struct tcmu_target target;
    struct tcmu_rescan rescan;
    char *former_uri;     /* until the disk appeared: others may still read it */
    struct spd_loop loop;
    struct spd_loop_socket watch; /* the UIO device; no socket: it has gone */
    struct tcmu_ring ring;
    _Atomic uint64_t began; /* os_now_ns(): when the disk came; 0: it has not, or it goes */
    bool failed;          /* the unit was told that the door cannot go on */
    uint32_t round;       /* task management's: earlier tasks were aborted */
    bool owes_report;     /* and the library does not know yet that it has ended */

    struct tcmu_command *free;
    uint32_t made;        /* commands that were used: the others' memory was never touched */
    uint32_t running;
    uint32_t vec_room;    /* vectors of a command */
    size_t stride;        /* bytes of vectors and sink of a command */
    uint8_t *buffers;
    struct tcmu_command *commands;
};

/* command.c: memory for the commands. 0 or a spd_error with its detail. */
int tcmu_commands_make(struct tcmu_door *door);
void tcmu_commands_free(struct tcmu_door *door);
/* Reads entries and starts their commands. True: there may be more. */
bool tcmu_commands_receive(struct tcmu_door *door);
/* The library is done with a request. */
void tcmu_command_completed(struct spd_request *request);
/* Aborts tasks that began before a round of task management. */
void tcmu_commands_abort(struct tcmu_door *door, uint32_t round);
/* Whether an aborted task may still change the medium. */
bool tcmu_commands_change(const struct tcmu_door *door);
/* The kernel's device is gone or makes no sense: tells the unit, once. */
void tcmu_commands_fail(struct tcmu_door *door, const char *why);
/* Nobody waits for an answer any more. */
void tcmu_commands_cancel(struct tcmu_door *door);

/* serve.c: the nexus, the ring and the loop, of a zeroed door with its unit. fd: readable when the
 * kernel has put entries, and takes four bytes for answers. fd and memory stay the caller's. The
 * caller starts the loop and stops it. 0 or a spd_error with its detail. */
int tcmu_serve_open(struct tcmu_door *door, int fd, void *memory, size_t size);
/* Also after a failed open. */
void tcmu_serve_close(struct tcmu_door *door);

#endif
