/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A door without a wire: tests run commands through it on their own threads. The program that links
 * it has this one door, loop:NAME; served:NAME is the same with threads that are lent.
 */

#ifndef TESTS_UNIT_LIB_LOOP_DOOR_H
#define TESTS_UNIT_LIB_LOOP_DOOR_H

#include "lib/door.h"

enum { LOOP_VECS = 12 };

struct loop_door;

/* A command and its memory. Zero it, set what the test needs, loop_start() it. */
struct loop_command {
    struct spd_request request;
    struct loop_door *door;
    struct scsi_nexus *nexus; /* NULL: the door's */
    struct scsi_vec vec[LOOP_VECS]; /* the data, in pieces */
    uint32_t vec_count;
    bool defer_map; /* map() says "later"; loop_mapped() follows */
    bool map_waits;
    unsigned maps;          /* how often map() was called */
    _Atomic unsigned dones; /* how often done() was */
    bool cancelled;
    bool listed;
    bool tried;                /* join() has come by */
    bool pinned;               /* join() is at it: its memory must stay */
    struct loop_command *next; /* list of the running ones */
    struct loop_command *previous;
};

/* The door of a unit; its nexus has taken the POWER ON attention. */
struct loop_door *loop_door_of(spd_unit *unit);
/* The same of several, the last one. */
struct loop_door *loop_door_last(spd_unit *unit);

/* False when the door has stopped: the command was not started. */
bool loop_start(struct loop_door *door, struct loop_command *command, const uint8_t *cdb,
    uint8_t cdb_length, enum scsi_direction direction, uint64_t expected);
/* The same for a block operation. */
bool loop_start_block(
    struct loop_door *door, struct loop_command *command, const struct scsi_block *block);
void loop_mapped(struct loop_command *command); /* does nothing when it was cancelled */
/* Commands that wait for their next turn do not get it until they are let go. */
void loop_hold_turns(struct loop_door *door, bool hold);
/* How often a command gave way to others. */
unsigned loop_turns(struct loop_door *door);
/* How often the door was told of a resize, and the capacity that it found the last time. */
unsigned loop_resizes(struct loop_door *door, uint64_t *blocks);
bool loop_cancel(struct loop_command *command); /* true also when join() has cancelled it */
/* Until done; releases. Returns the status. */
uint8_t loop_wait(struct loop_command *command);

/* READ(16) or WRITE(16) of whole blocks in one buffer, started only. */
bool loop_start_read(struct loop_door *door, struct loop_command *command, void *buffer,
    uint64_t lba, uint32_t blocks, uint32_t block_length);
bool loop_start_write(struct loop_door *door, struct loop_command *command, void *buffer,
    uint64_t lba, uint32_t blocks, uint32_t block_length);

/* served: calls it on a lent thread that has nothing to do. False when the door has stopped. */
struct loop_work {
    void (*call)(struct loop_work *work);
    struct loop_work *next;
};
bool loop_lend(struct loop_door *door, struct loop_work *work);

/* Commands that were started and neither done nor cancelled. */
unsigned loop_in_flight(struct loop_door *door);

/* The result of the next open or start; back to 0 afterwards. */
extern int loop_open_error, loop_start_error;
/* Called by the next start, unless NULL. */
extern void (*loop_start_hook)(spd_unit *unit);
/* The name of doors that are opened from now on. */
extern const char *loop_uri;
/* Doors that are open now. */
extern int loop_open_count;

#endif
