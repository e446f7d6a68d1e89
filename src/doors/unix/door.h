/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Inside of the unix: door: one loop, a bounded number of clients. */

#ifndef DOORS_UNIX_DOOR_H
#define DOORS_UNIX_DOOR_H

#include <stdatomic.h>
#include <sys/types.h>

#include "transact/block.h"
#include "lib/door.h"
#include "lib/local_socket.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/os.h"

enum {
    UNIX_CLIENTS_MAX = 16,
    UNIX_CLIENT_DEPTH_MAX = 32,          /* transactions of one client at once */
    UNIX_CLIENT_DEPTH_MIN = 2,
    UNIX_CLIENT_MEMORY = 16 * 1024 * 1024, /* data buffers of one client, at most */
};

struct unix_client;
struct unix_door;

/* A transaction: received into this structure, run from it and sent from it. */
struct unix_command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct unix_client *client;
    struct unix_command *next;  /* on the free list, or among the responses to send */
    struct transact_request message;
    struct scsi_vec data;
    uint8_t *buffer;
    uint64_t payload;           /* bytes that follow the header, first in, then out */
    bool busy;                  /* between header and response */
    bool running;               /* the library has it */
    bool aborted;               /* by task management of another door */
    uint8_t wire[TRANSACT_HEADER_LENGTH]; /* the response */
};

/* A connection. Each has its own commands, so that none can starve another. */
struct unix_client {
    struct unix_door *door;
    struct spd_loop_socket watch;         /* no socket: gone, waiting for its running commands */
    bool eof;                       /* nothing more comes; send the answers, then close */
    bool spoke;                     /* it has sent the header of a message */
    uint64_t number;                /* how many came before it */
    uint64_t began;                 /* os_now_ns() */
    char who[SPD_LOCAL_WHO_MAX];         /* for the log: its process and user */
    char user[SPD_LOCAL_USER_MAX];       /* the peer for which its lines are counted */
    struct scsi_nexus nexus;

    struct unix_command *receiving; /* has its header, but not its payload */
    size_t received;                /* bytes of the header, or of the payload when receiving */
    uint8_t header[TRANSACT_HEADER_LENGTH];

    struct unix_command *sending;   /* responses, oldest first */
    struct unix_command **sending_end;
    size_t sent;                    /* bytes of the oldest */

    struct unix_command *free;
    uint32_t depth;
    uint32_t running;
    uint8_t *buffers;
    size_t buffers_length;
    struct unix_command commands[];
};

struct unix_door {
    struct spd_door door; /* first */
    struct scsi_port port;
    char *path;
    dev_t path_device;    /* our own socket file's: only this file is removed */
    ino_t path_inode;
    struct spd_loop loop;
    struct spd_loop_socket listener;
    bool listening;       /* the listener is watched */
    bool accepting;       /* somebody waits there */
    int spare;            /* a descriptor kept back, to refuse clients when there are no more */
    uint32_t round;      /* task management's: earlier tasks were aborted */
    bool owes_report;    /* and the library does not know yet that it has ended */
    struct unix_client *clients[UNIX_CLIENTS_MAX];
    uint64_t accepted;
};

extern const struct spd_door_ops unix_door_ops;

/* client.c */

/* Takes over a connected, non-blocking socket and greets. NULL: no memory or it is gone already;
 * the socket is then closed. */
struct unix_client *unix_client_new(struct unix_door *door, os_socket socket);
void unix_client_free(struct unix_client *client);

static inline bool unix_client_is_gone(const struct unix_client *c)
{
    return c->watch.socket == OS_NO_SOCKET;
}

/* Sends waiting answers, and tells the loop for which events to wait. */
void unix_client_pump(struct unix_client *client);

/* Aborts tasks that began before a round of task management. */
void unix_client_abort(struct unix_client *client, uint32_t round);

/* Whether an aborted task may still change the medium. */
bool unix_client_changes(const struct unix_client *client);

/* Drops the connection, and tells the log why; detail may be NULL. Commands that run are cancelled
 * or waited for. */
void unix_client_kill(struct unix_client *client, enum spd_ending ending, const char *detail);

/* The library is done with a client's request. */
void unix_client_completed(struct spd_request *request);

#endif
