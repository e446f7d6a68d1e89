/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The library's interface for doors.
 *
 * A door turns its input (PDUs, messages, rings) into requests. It embeds a struct spd_request
 * in its own command structure, of which it keeps a bounded number, and runs it:
 *
 *   spd_request_start(r) the engine reads the CDB; the library takes every step from there. A
 *                          door that has no CDBs calls spd_request_start_block(r, block)
 *     -> ops->map(r)       at most once: attach the data buffer (see below)
 *     -> ops->later(r)     any number of times: spd_request_go_on(r) in another turn of the loop
 *     -> ops->done(r)      exactly once: status, sense, outcome and data-in are in r->task
 *   spd_request_release(r) the door has sent or copied r->task.reply
 *
 * done may be called before the start returns (devices that never block) or later from a
 * dispatcher thread or a device's own thread. A door with an event loop hands it to that by
 * spd_loop_done() (loop.h). done neither blocks nor starts another request (that would
 * recurse).
 *
 * start, mapped, go_on and cancel of one request do not overlap: a door calls them from the one
 * thread that owns the command.
 */

#ifndef SPD_LIB_DOOR_H
#define SPD_LIB_DOOR_H

#include <stdatomic.h>

#include "lib/log.h"
#include "os/os.h"
#include "scsi/scsi.h"
#include "spd/spd.h"

struct spd_uri;
struct spd_door;

/* The most bytes of data of a command, which a door must be able to buffer. */
enum { SPD_COMMAND_MAX = 16 << 20 };

struct spd_request_ops {
    /* The command moves data in r->task.direction and needs the buffer now. Set r->task.data and
     * data_count: r->task.buffer_length bytes, which for DATA_OUT have arrived. Returns true when
     * it did. False: it will later, and then calls spd_request_mapped(). Always called from
     * within the start, before the request can be handed to any other thread. It is not called for
     * commands that move nothing, or whose data-in comes from the engine (task.reply). */
    bool (*map)(struct spd_request *request);
    /* Any thread, also from within the functions below: the request waits for its next turn. The
     * door calls spd_request_go_on() soon, but not from within this, unless it has cancelled the
     * request. A mailbox takes it as it takes finished requests. NULL: the door has a thread
     * for each command, which waits with it. */
    void (*later)(struct spd_request *request);
    void (*done)(struct spd_request *request);
};

/* The operation that the device had when a request was aborted. */
struct spd_held {
    uint8_t operation; /* spd_operation; 0: unknown */
    uint64_t lba;
    uint64_t since; /* os_now_ns() */
};

/* A device of a stack that has a request, or has passed it on. */
struct spd_frame {
    spd_device *device;
    void *_Atomic context; /* abort may ask for it while the device sets it */
    _Atomic uint32_t state; /* as spd_request.state, which is that of the first */
};

/* The door sets unit, ops, and the "In" part of task (scsi.h) save data and scratch; the rest is
 * the library's. Zero it once when its memory is made, and free it by spd_request_free(); the start
 * resets what needs resetting. */
struct spd_request {
    struct scsi_task task;
    struct spd_unit *unit;
    const struct spd_request_ops *ops;

    uint32_t stream; /* the door's: the number of the session, or of the ring, that it belongs to.
                      * Requests with one number go to one queue of the device */

    /* The library's. */
    struct spd_request *next;     /* lists, mailbox and free lists */
    struct ioq_waiter waiter;     /* at the gate, for scratch, or for a dispatcher */
    const struct spd_vec *op_vec; /* the scatter list of the present operation */
    uint32_t op_vec_count;
    uint8_t step; /* enum scsi_step that the request waits to take */
    uint8_t buffer_kind; /* spd_buffer_kind of op_vec */
    bool mapped;
    bool dispatched;  /* it is counted in its nexus's share of dispatchers */
    uint64_t spent;   /* bytes of its turn */
    struct spd_vec op_vec_inline[4];
    void *op_vec_borrowed; /* a longer scatter list, of unit->lists */
    struct spd_frame frames[1 + SPD_FILTERS_MAX]; /* device.c */
    _Atomic uint32_t level; /* the frame of the device that has it */
    _Atomic uint32_t holder; /* the same for questions of devices: it stays while an aborted request
                              * is held out to the device below, which does not get it */
    spd_status returned;    /* with which the device below has ended it */
    uint64_t started; /* ns, when the device was called */
    struct spd_call *call; /* watch.h: asynchronous devices */
    struct spd_queue *queue; /* takes it to the device; NULL: none */
    _Atomic uint32_t *held_of_queue; /* counts the request while the device has it; NULL: none */
    void *area;              /* spd_request_area() of the device on top */
    uint32_t area_size;      /* bytes of it */
    struct scsi_outcome outcome;
    _Atomic uint32_t state; /* request.c */
    atomic_bool aborted;    /* the door does not need it any more: it takes no further step */
    struct spd_held held;   /* for the door, after spd_request_cancel() */
    uint32_t round;         /* round of task management in which it began */
    bool told;              /* the device knows of its abort: it is in the unit's list */
    struct spd_request *told_next;
    struct spd_request **told_link;
};

void spd_request_start(struct spd_request *request);

/* The same for a block operation (scsi.h: struct scsi_block), in blocks of the unit, for a door
 * whose protocol is not SCSI. The door sets only unit, nexus and attribute in the task's "In" part.
 * block is not kept; its ranges are the library's until done() or a cancel that returns true. map()
 * is called only for a read and a write. Threads are as with spd_request_start(). The operation
 * meets the checks of the command that it resembles. Their answer, and the device's, is in
 * task.outcome. It is 5/21/00 with the LBA for a range that the unit does not have, and 5/20/00 for
 * an operation that it does not have. It is 5/24/00 for more data than SPD_COMMAND_MAX, 7/27/xx for
 * a write-protected unit, and RESERVATION CONFLICT by an initiator at another door. */
void spd_request_start_block(struct spd_request *request, const struct scsi_block *block);

/* Before its memory is freed, if it was ever started: it has ended. */
void spd_request_free(struct spd_request *request);

/* The data of map() has come. */
void spd_request_mapped(struct spd_request *request);

/* After later(). False: it is not that which the request waits for; where a mailbox takes both, it
 * is done. */
bool spd_request_go_on(struct spd_request *request);

/* After done(): the door no longer needs task.reply. Call it for every request that was done,
 * before its memory is used again; it costs nothing when there was no reply. */
void spd_request_release(struct spd_request *request);

/* The door does not need the request any more (the command was aborted, the connection died). It
 * ends now if it waits for data or in a queue; if the device has it, the library tells the device.
 * Returns true when done() will not be called: the request is the door's again, with nothing to
 * release. Returns false when done() was called, perhaps within this call, or will be. The status
 * of an aborted request does not matter: the door drops it. */
bool spd_request_cancel(struct spd_request *request);

/* After spd_request_cancel() has returned false, on the door's thread: the device has an operation
 * that changes nothing, such as a read, after which no step of the request follows. It cannot
 * change the medium any more, so only the owner of its memory need wait for it. */
static inline bool spd_request_is_left(const struct spd_request *request)
{
    return request->held.operation == SPD_READ || request->held.operation == SPD_FLUSH ||
        request->held.operation >= SPD_EXTENTS;
}

/*
 * Task management that reaches the tasks of all doors (SAM-5 7.5, 7.7) goes in rounds: a round ends
 * every task that began before it. The door that gets the function begins a round, ends its own
 * tasks, and raises the unit attention. It answers when its own tasks and those of the others have
 * ended. A door ends its tasks for other doors' rounds in the same way, on its own thread:
 * spd_door_ops.look.
 */
uint32_t spd_round_begin(struct spd_door *door);
bool spd_round_ended(const struct spd_door *door, uint32_t round); /* at all other doors */

/* The present round. */
uint32_t spd_round(const struct spd_door *door);
static inline bool spd_request_is_before(const struct spd_request *request, uint32_t round)
{
    return (int32_t)(round - request->round) > 0;
}

/* The tasks of this door from before the round have ended, or were left behind. */
void spd_round_report(struct spd_door *door, uint32_t round);

/* The effective parameters, which stay where they are; only the capacity changes. */
const spd_params *spd_unit_params_here(const struct spd_unit *unit);

/* The engine's unit; NULL is never returned. */
struct scsi_unit *spd_unit_scsi(struct spd_unit *unit);

/* A reset that arrived by a door: mode defaults, unit attentions. */
void spd_unit_reset(struct spd_unit *unit, enum scsi_attention why, struct scsi_nexus *except);

/* It has threads that are lent, which call serve() of its door. */
bool spd_unit_is_lent(const struct spd_unit *unit);

/* The argument of spd_unit_create_lent(), else NULL. */
void *spd_unit_native(const struct spd_unit *unit);

/* The door cannot go on: records the first such error for spd_unit_wait() and shuts down. */
void spd_unit_fail(struct spd_unit *unit, int error);

/* A type of door. All functions are called before or after the unit serves, except stop and
 * serve. */
struct spd_door_ops {
    const char *scheme;   /* "iscsi" */
    const char *synopsis; /* "iscsi://HOST[:PORT]/IQN[?chap=FILE...]": for --help and errors */
    /* Whether the name is this door's and no URI; NULL is the system's best door. open() gets it as
     * uri->path, and nothing else. Without this it has none. */
    bool (*takes)(const char *device_name);
    unsigned best; /* without a device name the doors with 1 to 3 are tried, in this order;
                    * uri is then that of "SCHEME:". 0: this door is not */
    bool has_grace; /* it may open for a unit that has a grace */
    /* Parses, checks, binds; *door is the door's own structure, which begins with struct spd_door.
     * On failure returns a spd_error and has set a detail with spd_fail(). */
    int (*open)(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **door);
    /* Starts serving: makes the door's thread. A door with serve() makes no thread for a unit with
     * lent threads. */
    int (*start)(struct spd_door *door);
    /* May be NULL. Serves on the calling thread, one of several, until the door has stopped. The
     * device of a unit with lent threads (serve.h) is called only from within the start. So such a
     * door starts no exclusive command, and none of two block operations. */
    void (*serve)(struct spd_door *door);
    /* The round, or other doors' progress with a round, has changed. Any thread; returns at
     * once. */
    void (*look)(struct spd_door *door);
    /* May be NULL. The capacity has changed: spd_unit_block_count() has the new one. The library
     * calls it after all doors of the unit have started, also for a resize before that, and not
     * after stop. Any thread, but one at a time. It returns at once and calls nothing that changes
     * the unit. Initiators of SCSI doors get a unit attention without it. */
    void (*resized)(struct spd_door *door);
    /* No new commands from now on; wakes the door's threads. Any thread; returns at once. Also for
     * a door that was never started. */
    void (*stop)(struct spd_door *door);
    /* After stop: joins the thread. When it returns, no request of the door is in flight: each was
     * done or cancelled. The library keeps its dispatchers running until then. */
    void (*join)(struct spd_door *door);
    /* Frees. Also for a door that was never started. */
    void (*close)(struct spd_door *door);
};

struct spd_door {
    const struct spd_door_ops *ops;
    struct spd_unit *unit; /* open() sets it where other threads know the door before open() ends */
    /* malloc'ed, freed by the library. uri: the place where initiators find the unit, ready for
     * them. name: the device name that makes this door again, with the values that were chosen at
     * run time. If open() leaves it NULL it becomes the given name. */
    char *uri;
    char *name;
    _Atomic uint32_t ended; /* spd_round_report() */
    _Atomic uint32_t nexuses; /* initiators and clients that use the unit by it now; the door counts
                               * them */
    /* The next part of a door, or NULL. A door with several loops has a part for each further one:
     * ops, unit, ended and nexuses. A round goes to all parts; everything else to the first, which
     * the unit knows. The list does not change while the unit serves. */
    struct spd_door *part;
};

/* Somebody uses the unit through another door. */
bool spd_door_has_others(const struct spd_door *door);
/* The unit has no other door, and will get none: once it starts. */
bool spd_door_is_alone(const struct spd_door *door);

/* doors.c; ends with NULL. */
extern const struct spd_door_ops *const spd_doors[];

enum { SPD_DETAIL_MAX = 512 }; /* bytes of spd_error_detail() */

/* Records a detail for spd_error_detail() and returns error. */
int spd_fail(int error, const char *format, ...) OS_PRINTF(2, 3);
/* The same, with the operating system's number for it: spd_error_system(). */
int spd_fail_system(int error, uint32_t system, const char *format, ...) OS_PRINTF(3, 4);

#endif
