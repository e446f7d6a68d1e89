/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A storage unit from the inside. Doors see only door.h. */

#ifndef SPD_LIB_UNIT_H
#define SPD_LIB_UNIT_H

#include "lib/dispatcher.h"
#include "lib/door.h"
#include "lib/executor.h"
#include "lib/gate.h"
#include "lib/misuse.h"
#include "lib/pool.h"
#include "lib/scratch.h"
#include "lib/statistics.h"
#include "lib/trouble.h"
#include "lib/watch.h"

enum {
    SPD_DOORS_MAX = 16,
    SPD_LISTS_LIMIT = 64, /* scatter lists that do not fit into their requests */
    SPD_LIST_LENGTH = 128 << 10, /* bytes of one of them */
};

enum spd_unit_state {
    SPD_UNIT_CREATED,
    SPD_UNIT_STARTING,
    SPD_UNIT_RUNNING,
    SPD_UNIT_STOPPING, /* shut down, nobody has joined the threads yet */
    SPD_UNIT_JOINING,  /* one thread does */
    SPD_UNIT_STOPPED,
};

struct spd_unit {
    struct scsi_unit scsi;
    spd_params params;
    spd_ops ops;
    spd_device device; /* the one on top: ops, and the program's context */
    void *native; /* serve.h */
    const struct spd_executor *executor;
    uint32_t block_shift;
    uint32_t fua; /* SPD_FUA when the device has no cache, so that every operation carries it */

    struct spd_gate gate;
    struct spd_scratch scratch;
    struct spd_pool lists;  /* SPD_LISTS_LIMIT scatter lists, for asynchronous devices */
    struct spd_pool bounce; /* contiguous buffers for simple devices, off the dispatcher threads */
    struct spd_dispatchers dispatchers;
    struct spd_queue_thread *queues; /* queues.c */
    uint32_t queues_made, queue_count; /* count: those that have begun */
    struct spd_door_queue *door_queues; /* queues.c: by number of the loop; NULL: there are none */
    struct spd_shard *shards;
    struct spd_troubles troubles;
    struct spd_watch watch;
    spd_status flush_status; /* the result of the last flush */
    _Atomic uint32_t completing; /* threads that complete or abort requests */
    _Atomic uint32_t round;      /* task management's */
    os_mutex told_lock;          /* guards the next */
    struct spd_request *told;    /* requests of the device whose abort it knows */
    _Atomic uint64_t flushing;   /* os_now_ns() when the last flush was called; 0: it is not */

    os_mutex lock; /* guards the rest */
    os_cond changed;
    enum spd_unit_state state;
    bool started;         /* it counts for the log */
    bool shutdown_wanted; /* shut down while it was starting */
    bool resize_wanted;   /* resized while it was starting: its doors do not know */
    bool flushed;         /* the last flush of an asynchronous device has ended */
    uint32_t serving;     /* threads within spd_unit_serve() */
    uint32_t waiting;     /* threads within spd_unit_wait() and spd_unit_wait_for() */
    bool has_stopper;     /* a thread of spd_unit_wait_for() tears it down */
    os_thread stopper;
    int error;            /* the first error, and its detail on the thread that met it */
    uint32_t system_error;
    char *detail;
    int last_error; /* error and detail of the last call that failed */
    char last_detail[SPD_DETAIL_MAX];
    struct spd_door *doors[SPD_DOORS_MAX];
    uint32_t door_count;

    struct spd_unit *next_watched; /* process.c: the next that a signal ends */

    /* misuse.c */
    struct spd_unit *next_unit;
    uint32_t forks; /* spd_forks of the process that has created it */
    bool deleting;
};

/* params.c: checked copies with the defaults filled in; nothing is written on failure. */
int spd_params_import(const spd_params *from, spd_params *params, struct scsi_unit_params *scsi);
int spd_ops_import(const spd_ops *from, const spd_params *params, spd_ops *ops);

/* params.c: fills in a structure of a program whose header may be older or newer. It begins with
 * its size: copies as much, and zeros for unknown members. 0 or SPD_ERROR_SIZE. */
int spd_export(void *to, const void *from, size_t known, const char *name);

/* doorway.c: finds the door for a device name and opens it. */
int spd_door_open(struct spd_unit *unit, const char *device_name, struct spd_door **door);

/* process.c: from now on a signal that ends programs calls on_signal() instead, on a thread of its
 * own, for this unit as well. 0 or a spd_error with a detail. */
int spd_unit_watch_signal(struct spd_unit *unit, void (*on_signal)(void *unit));
/* Does nothing to one that is not watched for; NULL: all. */
void spd_unit_forget_signal(struct spd_unit *unit);
/* Warns of the service manager's sockets that no door has taken. */
void spd_tell_left_sockets(void);

/* query.c: keeps the error, and its detail, for spd_unit_last_error(); returns it. */
int spd_unit_keep_error(struct spd_unit *unit, int error);
void spd_unit_keep_locked(struct spd_unit *unit, int error) OS_REQUIRES(unit->lock);
/* query.c: the doors learn of a new capacity. */
void spd_unit_tell_resized(struct spd_unit *unit) OS_REQUIRES(unit->lock);

/* request.c: takes a request on from a step. bounce: a buffer of max_transfer_length on a
 * dispatcher thread, which may block; NULL on all others. */
void spd_request_run(struct spd_request *request, enum scsi_step step, void *bounce);

/* request.c: its outcome is that of an aborted request; true. */
bool spd_request_end_aborted(struct spd_request *request);

/* request.c: a line of the log: it has waited at the gate for `inside` others, and did not get
 * in. */
void spd_request_tell_waited(
    const struct spd_request *request, uint32_t inside, const char *outcome);

/* request.c: its door goes on with it from this step, by spd_request_ops.later. */
void spd_request_put_off(struct spd_request *request, enum scsi_step step);

/* request.c: runs requests that the gate has let in, linked by next. */
void spd_requests_run(struct spd_request *granted);

/* request.c: ends requests that waited, a list of their own. */
void spd_requests_abort(struct spd_request *waiting);

/* submit.c: makes the operation of this step ready for an asynchronous device. False: it has ended,
 * with request->outcome. True: the device must get the request now, and then
 * spd_device_handed(). */
bool spd_device_hand(struct spd_request *request, enum scsi_step step);
/* submit.c: the device has got it. True: it has ended it, and the request is this thread's. */
bool spd_device_handed(struct spd_request *request);
/* submit.c: the operation has ended, and the request goes on. */
void spd_request_come_back(struct spd_request *request);

/* The queue at a loop of a door; queue is NULL if it was tried and could not be made. */
struct spd_door_queue {
    struct spd_queue *queue;
    bool tried;
};

/* queues.c: the number of queues with threads of a device; 0 for one that has none. */
uint32_t spd_queues_wanted(const spd_params *params, const spd_ops *ops);
/* queues.c: before the unit is freed. */
void spd_queues_free(struct spd_unit *unit);

/* device.c: the unit in whose device's operation the calling thread is; NULL: none. */
extern _Thread_local struct spd_unit *spd_in_device;

/* Around every call of the device: put the result back afterwards. */
static inline struct spd_unit *spd_enter_device(struct spd_unit *unit)
{
    struct spd_unit *outer = spd_in_device;

    spd_in_device = unit;
    return outer;
}

/* The state of the device at this level of the stack. */
static inline _Atomic uint32_t *spd_level_state(struct spd_request *request, uint32_t level)
{
    return level ? &request->frames[level].state : &request->state;
}

/* submit.c: the device at this level has ended the request, and the filter above it gets it. */
void spd_request_return(struct spd_request *request, uint32_t level);

/* Whether a device, which may be older than this header, has the operation. */
#define SPD_HAS(device, operation)                                                                 \
    ((device)->ops->size >= offsetof(spd_ops, operation) + sizeof (device)->ops->operation &&      \
        (device)->ops->operation)

/* A request that no door has made: only the last flush is one. */
static inline bool spd_request_is_internal(const struct spd_request *request)
{
    return !request->ops;
}

/* device.c. HARDWARE ERROR, INTERNAL TARGET FAILURE: the device or a door broke its contract. */
extern const struct scsi_outcome spd_internal_failure;
extern const struct scsi_outcome spd_no_room; /* TASK SET FULL */

/* device.c: the device is about to get the request. False: it was aborted. A thread that aborts it
 * meanwhile sees the state, or this thread sees the abort. */
bool spd_device_begin_handing(struct spd_request *request);
/* device.c: the watch over a call that begins. here: it ends on this thread. */
struct spd_call *spd_device_watch(
    const struct spd_request *request, enum scsi_step step, bool here);
/* device.c: the device's answer becomes request->outcome, and is counted. */
void spd_device_judge(
    struct spd_request *request, enum scsi_step step, const spd_status *status);

/* device.c: the last flush of a simple device, on this thread; true. */
bool spd_device_flush_here(struct spd_request *request);

/* device.c, for executors: their choices for a step. The same is returned, but by
 * spd_device_call() with SPD_NOWAIT: false, it would block.
 * Calls a simple device on this thread. nowait: SPD_NOWAIT or 0. */
bool spd_device_call(struct spd_request *request, enum scsi_step step, uint32_t nowait);
/* The same on a dispatcher thread, where it may block. */
bool spd_device_call_on_own(struct spd_request *request, enum scsi_step step, void *bounce);
/* Passes the request on to the dispatchers. */
bool spd_device_post(struct spd_request *request, enum scsi_step step);
/* submit.c: submits the operation to an asynchronous device on this thread. */
bool spd_device_submit(struct spd_request *request, enum scsi_step step);

/* The operations that a device may lack, whose steps the engine then does not take. */
static inline bool spd_is_asynchronous(const spd_ops *ops)
{
    return ops->submit || ops->submit_many;
}

static inline bool spd_has_verb(const spd_ops *ops, spd_operation operation)
{
    return ops->submits >> operation & 1;
}

static inline bool spd_step_moves_data(enum scsi_step step)
{
    return step == SCSI_READ || step == SCSI_WRITE;
}

/* The flags that the operation of this step has. */
static inline uint32_t spd_step_flags(const struct spd_request *request, enum scsi_step step)
{
    const struct scsi_op *op = &request->task.op;
    uint32_t fua = (op->fua ? SPD_FUA : 0) | request->unit->fua;

    if (spd_step_moves_data(step))
        return fua;
    if (step != SCSI_WRITE_ZEROES)
        return 0;
    return fua | (op->flags & SCSI_BLOCK_MAY_UNMAP ? SPD_MAY_UNMAP : 0) |
        (op->flags & SCSI_BLOCK_FAST_ONLY ? SPD_FAST_ONLY : 0);
}

/* held.c: the operation that the device has; its abort is about to be called. */
struct spd_held spd_held_of(const struct spd_request *request);
void spd_held_add(struct spd_request *request);

/* held.c: the request has come back from the device, and is this thread's. */
void spd_device_take_back(struct spd_request *request);

enum { SPD_HELD_TEXT_MAX = 128 };

/* held.c: the aborted requests that the device still has: "2 operations, ..."; empty: none. */
void spd_device_list_held(struct spd_unit *unit, char *text, size_t size);

/* device.c: everything that was written is made durable; the unit is quiet. 0 or a spd_error. */
int spd_device_flush_all(struct spd_unit *unit);

/* Values of spd_request.state. The door's thread reads it to find the place for a cancel. */
enum {
    SPD_REQUEST_RUNNING,    /* a thread of the library works on it */
    SPD_REQUEST_MAPPING,    /* it waits for spd_request_mapped() */
    SPD_REQUEST_WAITING,    /* for scratch, perhaps */
    SPD_REQUEST_PARKED,     /* at the gate, perhaps */
    SPD_REQUEST_QUEUED,     /* for a dispatcher, perhaps */
    SPD_REQUEST_MAILED,     /* to the thread of a queue, which sees whether it was aborted */
    SPD_REQUEST_LATER,      /* it waits for spd_request_go_on() */
    SPD_REQUEST_SUBMITTING, /* it is being handed to the device */
    SPD_REQUEST_SUBMITTED,  /* the device has it */
    SPD_REQUEST_TELLING,    /* the same, and its abort is being called: it stays until then */
    SPD_REQUEST_COMPLETED,
    SPD_REQUEST_DONE,
};

#endif
