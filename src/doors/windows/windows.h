/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The inside of the Windows door: messages of winspd/ioctl.h, through the driver or a pipe. */

#ifndef DOORS_WINDOWS_WINDOWS_H
#define DOORS_WINDOWS_WINDOWS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "transact/block.h"
#include "doors/windows/lead.h"
#include "doors/windows/native.h"
#include "lib/door.h"
#include "lib/session_log.h"
#include "os/os.h"

enum { WINDOWS_THREADS_MAX = 8 };

/* A message, from its arrival until its answer has been sent. The door keeps it and uses it again,
 * so that serving a message allocates nothing. */
struct windows_command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct scsi_vec data;
    struct windows_command *next;
    struct windows_door *door;
    _Atomic uint32_t owed; /* number of parties for which the answer waits: the request, and the
                            * thread that starts or ends it */
    _Atomic uint32_t round; /* the round of task management in which it began */
    atomic_int phase;       /* round.c */
    atomic_bool left;       /* it was aborted, and cannot change the medium any more */
    bool is_to_end;         /* it is in the door's list to_end */
    struct windows_command *next_to_end;
    struct windows_command *next_made;
    _Atomic UINT32 client; /* pipe: the number of the connection */
    SPD_IOCTL_TRANSACT_REQ message;
    SPD_IOCTL_STORAGE_UNIT_STATUS status;
    uint64_t since; /* os_now_ns() */
    HANDLE event;   /* its I/O completes on this event */
    UINT64 frame[]; /* received and sent: a header and MaxTransferLength bytes, or more */
};

/* Commands, first in, first out; by `next`. */
struct windows_queue {
    struct windows_command *first, **end;
};

struct windows_transport {
    size_t header; /* bytes of a frame before the data */
    DWORD (*open)(struct windows_door *door, PCWSTR name);
    /* Sends the answer, if there is one, and waits for a message, in any number of threads. *got:
     * the message, perhaps in another command than the answer. The data of a write or an unmap is
     * complete, and nothing is longer than MaxTransferLength. A status that is not GOOD
     * refuses it. */
    DWORD (*receive)(struct windows_command **command, bool answered, bool *got);
    /* Sends the answer. */
    DWORD (*send)(struct windows_command *command);
    /* receive and send end, with ERROR_OPERATION_ABORTED, now and ever after. Once at most. */
    void (*stop)(struct windows_door *door);
    /* A thread in receive, or the next that comes there, returns without a message. NULL: each
     * command of the door is a single call of the device. */
    void (*wake)(struct windows_door *door);
    /* No command is busy. The door's lock is held. NULL: that does not matter. */
    void (*idle)(struct windows_door *door);
    void (*close)(struct windows_door *door);
};

struct windows_pipe {
    HANDLE stop;
    HANDLE wake;    /* auto-reset: a command waits in the door's `later` */
    SRWLOCK reader; /* held while a thread waits for a message; guards the next two */
    bool connected;
    bool woken;     /* the wait has ended since `wake` was set */
    SRWLOCK connection; /* shared: answering; exclusive: hanging up, which changes client */
    _Atomic UINT32 client;
};

/* For the driver: answers that leave together, and requests that come together. */
struct windows_batches {
    DWORD room;                  /* bytes for entries; 0: the driver knows no batches */
    DWORD least;                 /* the longest entry */
    UINT32 crowded;              /* calls that still use all of the room */
    struct windows_queue ready;  /* answers for the next call */
    struct windows_queue taken;  /* requests that no thread has taken yet */
};

struct windows_door {
    struct spd_door door; /* first */
    const struct windows_transport *transport;
    const struct spd_request_ops *request_ops; /* for its commands */
    /* This part of a command's `owed` is done. The caller that does the last part sends the
     * answer. */
    void (*owes_less)(struct windows_command *command, uint32_t count);
    SPD_STORAGE_UNIT_PARAMS params;
    struct scsi_port port;
    struct scsi_nexus nexus;
    HANDLE handle; /* the device's or the pipe's */
    UINT32 btl;
    UINT32 version; /* the driver's */
    struct windows_pipe pipe;
    DWORD frame_length;
    SRWLOCK issuing; /* driver: shared while a transaction is handed over, exclusive for a batch */
    bool stopped;    /* driver: guarded by it */
    struct windows_batches batches; /* driver: guarded by it */
    struct windows_lead lead;       /* driver: who asks for batches */
    atomic_bool in_session; /* the log has its begin, and not its end */
    uint64_t began; /* os_now_ns(), of the session */
    char who[48];
    os_thread threads[WINDOWS_THREADS_MAX]; /* where none are lent */
    uint32_t thread_count;
    PTP_WORK work;           /* ends one command of to_end */
    atomic_bool owes_report; /* the library does not know yet that the round has ended */
    atomic_bool ending;      /* all commands are to end: the unit stops */
    os_mutex lock;           /* guards the rest */
    uint32_t round;          /* task management's: earlier commands have to end */
    struct windows_command *to_end;
    struct windows_queue later; /* later.c: go on on a thread that is lent */
    bool later_over;            /* no thread is any more */
    os_cond idle;
    struct windows_command *made; /* all of them */
    struct windows_command *free;
    uint32_t busy; /* commands that are not free */
};

static inline void windows_queue_init(struct windows_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static inline void windows_queue_put(struct windows_queue *queue, struct windows_command *command)
{
    command->next = NULL;
    *queue->end = command;
    queue->end = &command->next;
}

/* It is not empty. */
static inline struct windows_command *windows_queue_get(struct windows_queue *queue)
{
    struct windows_command *command = queue->first;

    queue->first = command->next;
    if (!queue->first)
        queue->end = &queue->first;
    return command;
}

static inline UCHAR *windows_data(struct windows_command *command)
{
    return (UCHAR *)command->frame + command->door->transport->header;
}

/*
 * The files, in the order of HACKING.md: each calls only those before it, and `tests/lint` checks
 * that. Earlier files call later ones by the transport's table, and by what the door keeps of
 * door.c.
 */

/* lengths.c. The longest transfers of units, for SpdIoctlTransact(). known: 0 if it is not. forget:
 * when units have gone. */
void windows_note_transfer_length(UINT32 btl, UINT32 length);
UINT32 windows_known_transfer_length(UINT32 btl);
void windows_forget_transfer_lengths(void);

/* ioctl.c */
/* SpdIoctlProvision(), and the version of the driver; 0: it is older than its versions. */
DWORD windows_provision(
    HANDLE device, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl, UINT32 *version);
HANDLE windows_event_take(void); /* manual-reset; NULL: none could be made */
void windows_event_give(HANDLE event);
/* The first begins a call, with overlapped->hEvent from windows_unported(); the other ends it. */
HANDLE windows_unported(HANDLE event);
DWORD windows_service_begin(
    HANDLE device, void *block, DWORD in, DWORD out, OVERLAPPED *overlapped);
DWORD windows_finish(HANDLE device, DWORD error, OVERLAPPED *overlapped, DWORD *got);
/* Both. */
DWORD windows_service(HANDLE device, void *block, DWORD in, DWORD out, DWORD *got);
DWORD windows_control(HANDLE device, DWORD code, void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *got);

/* message.c */
/* The parts of an answer that count: the rest of its structure comes from a program's stack. */
SPD_IOCTL_TRANSACT_RSP windows_answer(
    UINT64 hint, UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status);
void windows_block_init(SPD_IOCTL_TRANSACT_PARAMS *block, UINT32 btl, bool wants_request);
/* Whether the message fits into a frame, and has the length that it announces. */
bool windows_request_fits(
    const struct windows_door *door, const SPD_IOCTL_TRANSACT_REQ *request, DWORD length);

/* command.c */
/* NULL: there is no memory. */
struct windows_command *windows_command_take(struct windows_door *door);
void windows_command_give_back(struct windows_command *command);
/* Answers it with this status, replacing any other. */
void windows_refuse(struct windows_command *command, UINT8 asc);
/* None is busy. */
void windows_commands_free(struct windows_door *door);

/* session.c: lines of the log about users of the unit. The first of several ends counts. */
void windows_session_begins(struct windows_door *door);
/* error: of Windows; 0: none. */
void windows_session_ends(struct windows_door *door, enum spd_ending ending, DWORD error);

/* round.c */
/* Around the start of the request. The latter returns the part of `owed` that is done. */
void windows_command_begin(struct windows_command *command);
uint32_t windows_command_begun(struct windows_command *command);
bool windows_command_was_aborted(const struct windows_command *command);
/* spd_door_ops.look; also when a command has ended or was left behind. */
void windows_look(struct spd_door *door);
bool windows_round_open(struct windows_door *door);
/* Every command ends: running ones, and those that begin from now on. */
void windows_round_end_all(struct windows_door *door);
/* The same for commands of clients that have gone. */
void windows_round_end_gone(struct windows_door *door);
void windows_round_join(struct windows_door *door);
void windows_round_close(struct windows_door *door);

/* later.c */
void windows_later_init(struct windows_door *door);
/* spd_request_ops.later of units whose threads are lent. Any thread. */
void windows_later(struct spd_request *request);
/* On a lent thread: a command that waits for one goes on. False: none waits. */
bool windows_later_go_on(struct windows_door *door);
/* No thread is lent any more: waiting commands end, and so do those that would wait. */
void windows_later_end(struct windows_door *door);

/* batch.c */
void windows_batches_init(struct windows_batches *batches);
DWORD windows_batch_receive(struct windows_command **command, bool answered, bool *got);

/* driver.c and pipe.c */
extern const struct windows_transport windows_by_driver, windows_by_pipe;
bool windows_is_pipe(PCWSTR name);

#endif
