/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Inside of the vhost-user doors. A door has a socket, one front end at a time, and rings, which
 * are spread over its loops. Each ring, with its commands, belongs to the thread of its loop. The
 * first loop has the front end's socket. It carries out a message itself, or lets the ring's loop
 * do so, or waits until all loops rest. It reads the next message afterwards.
 *
 * Each file calls only those before it in HACKING.md.
 */

#ifndef VHOST_DOOR_H
#define VHOST_DOOR_H

#include <stdatomic.h>
#include <sys/types.h>

#include "doors/vhost/dirty.h"
#include "doors/vhost/memory.h"
#include "doors/vhost/message.h"
#include "doors/vhost/ring.h"
#include "lib/door.h"
#include "lib/local_socket.h"
#include "lib/loop.h"
#include "lib/session_log.h"

enum {
    VHOST_QUEUES_MAX = 64,
    VHOST_QUEUES = 16,           /* offered unless the URI says otherwise */
    VHOST_THREADS_MAX = 16,
    VHOST_DEPTH = 256,           /* commands of a ring at once */
    VHOST_BATCH = 32,            /* chains that are taken before answers are shown */
    VHOST_PER_TURN = 256,        /* and before others have their turn */
    VHOST_MESSAGES = 16,         /* those of a front end, the same */
    VHOST_SEGMENTS = 126,        /* a request's most: a ring of 128 has room for it */
    VHOST_SEGMENT_BYTES = 128 << 10,
    VHOST_RANGES = 16,           /* a discard's most */
    VHOST_PATIENCE_MS = 10 * 1000, /* for the rest of a message */
};
_Static_assert(VHOST_SEGMENTS * VHOST_SEGMENT_BYTES <= SPD_COMMAND_MAX, "a request fits");

struct vhost_door;
struct vhost_queue;
struct vhost_worker;

/* A request of the guest, from its chain to its answer. */
struct vhost_command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct vhost_queue *queue;
    struct vhost_command *next; /* on the free list, or taken after this one */
    bool running;               /* the library has it */
    bool aborted;               /* by task management: it begins again */
    bool answered;              /* it waits for those that were taken before it */
    uint8_t type;
    uint32_t written;           /* bytes, for the ring */
    struct scsi_block block;
    struct scsi_range ranges[VHOST_RANGES]; /* as the guest wants them */
    struct scsi_range left[VHOST_RANGES];   /* the engine's copy */
    struct vhost_chain chain;
};

/* The device that the guest sees. */
struct vhost_device_ops {
    uint64_t (*features)(const struct vhost_door *door);
    /* Its configuration space; the rest is zeros. */
    void (*configure)(const struct vhost_door *door, uint8_t config[VHOST_CONFIG_MAX]);
    /* A chain has been taken: the command runs, or is answered by vhost_command_answer(). */
    void (*start)(struct vhost_command *command);
    /* The library is done with it. */
    void (*done)(struct vhost_command *command);
    uint16_t own_queues; /* before those of requests */
};
extern const struct vhost_device_ops vhost_blk_ops;
extern const struct spd_door_ops vhost_blk_door_ops;

struct vhost_queue {
    struct vhost_worker *worker;
    uint16_t index;
    bool enabled, started;       /* by the front end */
    bool begun;                  /* the ring may be used */
    bool stopping;               /* its base is asked for: no chain is taken */
    bool polled;                 /* there are no kicks */
    bool pending;                /* the ring may have chains */
    bool in_order;               /* answers go out in the order of the chains */
    bool told_fault;
    uint32_t turn, taken;        /* chains that were taken in this turn */
    uint32_t base;
    struct vhost_ring_address address;
    struct vhost_ring ring;
    struct spd_loop_socket kick;
    int call, error;             /* descriptors, or -1 */
    uint32_t running;            /* commands that have been taken and not been given back */
    uint32_t depth;
    struct vhost_command *commands, *free;
    struct vhost_command *oldest, **newest_end;
};

/* The first loop's order to a loop. The loop changes it to the next one when it has obeyed. */
enum vhost_order {
    VHOST_WORK,
    VHOST_DO,     /* the message of the front end; then VHOST_WORK */
    VHOST_REST,
    VHOST_RESTS,
    VHOST_END,
    VHOST_ENDED,
};

/* A loop, and the part of the door that task management knows. */
struct vhost_worker {
    struct spd_door door; /* first */
    struct vhost_door *of;
    uint32_t number;
    struct spd_loop loop;
    uint32_t round;
    bool owes_report;
    _Atomic uint32_t order;    /* enum vhost_order */
    struct vhost_queue *named; /* by the message of VHOST_DO */
};

enum vhost_result {
    VHOST_OK,
    VHOST_FAILED, /* `why` of the front has the reason */
    VHOST_ANSWERED, /* the payload is the answer */
    VHOST_LATER,
};

/* The front end, and what it has set. */
struct vhost_front {
    struct spd_loop_socket watch; /* no socket: there is none */
    struct spd_timer patience;
    bool readable;
    bool executing;               /* a message waits for a loop */
    bool ending;                  /* it has gone, and the loops are to forget it */
    uint64_t began;               /* os_now_ns() */
    char who[SPD_LOCAL_WHO_MAX], user[SPD_LOCAL_USER_MAX];
    struct vhost_message message;
    enum vhost_result result;
    const char *why;
    int answer;                   /* a descriptor for the answer, or -1 */
    uint64_t features, protocol_features;
    struct vhost_memory memory;
    struct vhost_dirty dirty;
    int log_event;                /* or -1 */
    int channel;                  /* for messages of the back end, or -1 */
    uint8_t *inflight;            /* NULL: none */
    void *inflight_mapping;
    size_t inflight_length;       /* bytes of the mapping */
    uint16_t inflight_queues, inflight_size;
};

struct vhost_door {
    const struct vhost_device_ops *device;
    struct scsi_port port;
    struct scsi_nexus nexus;
    char *path;
    dev_t path_device; /* these tell its own socket file, which alone is removed */
    ino_t path_inode;
    struct spd_loop_socket listener;
    bool listening, accepting, stopping;
    bool ends_with_front; /* exit-on-disconnect */
    atomic_bool resized;  /* and the front end does not know it */
    struct vhost_front front;
    uint32_t queue_count, worker_count;
    struct vhost_queue queues[VHOST_QUEUES_MAX];
    struct vhost_worker workers[]; /* worker_count */
};

static inline struct spd_unit *vhost_unit(const struct vhost_door *door)
{
    return door->workers[0].door.unit;
}

static inline bool vhost_has(uint64_t features, unsigned bit)
{
    return features >> bit & 1;
}

/* command.c */

/* Starts its block operation, or starts it again. */
void vhost_command_run(struct vhost_command *command);
/* The answer is in the guest's memory; so many bytes were written. */
void vhost_command_answer(struct vhost_command *command, uint32_t written);
/* The library is done with it. */
void vhost_command_completed(struct spd_request *request);
/* Takes a command for a chain; NULL: all are in use. */
struct vhost_command *vhost_command_take(struct vhost_queue *queue);
/* Gives it back: there was no chain. */
void vhost_command_drop(struct vhost_command *command);
/* Memory for the commands of a ring. False: there is none. */
bool vhost_commands_make(struct vhost_queue *queue);
void vhost_commands_free(struct vhost_queue *queue);
/* Aborts those that began before a round of task management; they begin again. */
void vhost_queue_abort(struct vhost_queue *queue, uint32_t round);
/* Whether an aborted one may still change the medium. */
bool vhost_queue_changes(const struct vhost_queue *queue);
/* The guest is not to get answers any more: takes back what the library gives. */
void vhost_queue_cancel(struct vhost_queue *queue);

/* queue.c: on the thread of the queue's loop, or while all loops rest. */

/* Shows answers, and takes chains if it may. True: there is more to take. */
bool vhost_queue_serve(struct vhost_queue *queue, bool may_take);
/* Makes the ring ready if it has all that it needs. NULL, or why it cannot be used. */
const char *vhost_queue_begin(struct vhost_queue *queue);
/* The addresses of the ring again, after its memory has changed. NULL, or why they are wrong. */
const char *vhost_queue_place(struct vhost_queue *queue);
/* Stops the ring, which can begin again. Nothing runs. */
void vhost_queue_stop(struct vhost_queue *queue);
/* The kick's descriptor, which is the queue's from now on; -1: the ring is polled. NULL, or why
 * not. */
const char *vhost_queue_kick(struct vhost_queue *queue, int descriptor);
/* Makes a descriptor of a front end one that never blocks; -1 is none. NULL, or why not. */
const char *vhost_event_prepare(int descriptor);
/* Forgets what a front end has set. Nothing runs. */
void vhost_queue_forget(struct vhost_queue *queue);

/* backend.c */

/* The needs of a message. */
enum vhost_scope { VHOST_SCOPE_FRONT, VHOST_SCOPE_QUEUE, VHOST_SCOPE_ALL };
/* The scope of the message; *queue: the one that it names. False: `why` of the front says what is
 * wrong with it. */
bool vhost_backend_scope(
    struct vhost_door *door, enum vhost_scope *scope, struct vhost_queue **queue);
/* Carries the message out, on the right thread. queue: NULL if it names none. */
enum vhost_result vhost_backend_execute(struct vhost_door *door, struct vhost_queue *queue);
/* Forgets what the front end has set; the loops have forgotten their part. */
void vhost_backend_forget(struct vhost_door *door);

/* worker.c */

/* All loops get the order; `one` alone, if it is not NULL. Only the first loop gives orders, and
 * only VHOST_END while another is not carried out. The first loop carries it out at once if it
 * can. */
void vhost_order(struct vhost_door *door, struct vhost_worker *one, enum vhost_order order);
/* Every loop has carried out its order. */
bool vhost_obeyed(const struct vhost_door *door);
/* A loop's turn: orders, task management, rings. True: there is more to do. */
bool vhost_worker_settle(struct vhost_worker *worker);
/* Ends everything. True: nothing is left. */
bool vhost_worker_end(struct vhost_worker *worker);
bool vhost_worker_is_empty(const struct vhost_worker *worker);
void vhost_worker_mailed(struct spd_loop *loop, struct spd_request *request);
/* The ops of all loops but the first. */
extern const struct spd_loop_ops vhost_worker_ops;

/* front.c */

/* Takes over a connected socket. */
void vhost_front_begin(struct vhost_door *door, int socket);
/* Receives messages and answers them; sees that the loops forget a front end that has gone. */
bool vhost_front_serve(struct vhost_door *door);
void vhost_front_kill(struct vhost_door *door, enum spd_ending ending, const char *detail);
/* There is none, and nothing of one is left. */
static inline bool vhost_front_is_free(const struct vhost_door *door)
{
    return door->front.watch.socket == OS_NO_SOCKET && !door->front.ending;
}

#endif
