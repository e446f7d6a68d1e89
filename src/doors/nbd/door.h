/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Inside of the NBD door: one loop, a bounded number of clients, and for each a bounded number of
 * commands and bytes. Each file calls only those before it in HACKING.md. */

#ifndef NBD_DOOR_H
#define NBD_DOOR_H

#include <sys/types.h>

#include "doors/nbd/credentials.h"
#include "doors/nbd/option.h"
#include "doors/nbd/protocol.h"
#include "doors/nbd/tls.h"
#include "lib/door.h"
#include "lib/local_socket.h"
#include "lib/loop.h"
#include "lib/session_log.h"

enum {
    NBD_CLIENTS_MAX = 32,
    NBD_PLACES = 2 * NBD_CLIENTS_MAX, /* also for clients that have gone while the device has their
                                       * requests */
    NBD_LISTENERS_MAX = 4,
    NBD_DEPTH = 64,                /* commands of a client at once */
    NBD_PIECE = 256 * 1024,        /* the memory of a client comes in these */
    NBD_PIECES = SPD_COMMAND_MAX / NBD_PIECE,
    NBD_INPUT = 16 * 1024,         /* requests that were read together; the longest option */
    NBD_PATIENCE_MS = 10 * 1000,   /* for the whole negotiation */
    NBD_PAUSE_MS = 1000,           /* without descriptors, until the door tries again */
    NBD_REQUESTS_PER_TURN = 128,   /* then other clients have theirs */
    NBD_REPLY_HEAD = NBD_EXTENDED_CHUNK_HEADER + 8,
    NBD_NAME_MAX = 160,            /* bytes of the text of a client's name */
    NBD_WHO_MAX = 96 + NBD_NAME_MAX,
};

struct nbd_client;
struct nbd_door;

/* A request: read into this structure, run from it and sent from it. */
struct nbd_command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct nbd_client *client;
    struct nbd_command *next;   /* on the free list, or among the replies to send */
    uint64_t cookie, offset, length; /* bytes */
    uint16_t type, flags;
    bool running;               /* the library has it */
    bool aborted;               /* by task management of another door */
    enum nbd_error error;       /* found before the data had come */
    uint64_t done;              /* bytes of a long trim, or of zeroes, that earlier steps did */
    struct scsi_range range;    /* TRIM */
    uint32_t piece_count;
    struct scsi_vec pieces[NBD_PIECES]; /* the data; the last may be short */
    size_t payload;             /* bytes of them that follow the head of the reply */
    size_t head_length;
    uint8_t head[NBD_REPLY_HEAD];
};

enum nbd_phase { NBD_FLAGS, NBD_OPTIONS, NBD_SECURING, NBD_TRANSMISSION };

/* A connection. Each has its own commands and memory, so that none can starve another. */
struct nbd_client {
    struct nbd_door *door;
    struct spd_loop_socket watch; /* no socket: gone, waiting for its running commands */
    struct nbd_tls *tls;          /* NULL: it speaks in the clear */
    struct spd_timer patience;
    enum nbd_phase phase;
    struct nbd_terms terms;
    bool readable;              /* the socket may have more */
    bool eof;                   /* nothing more is read: send the replies, then close */
    bool parting;               /* it has said that it goes */
    bool released;              /* replies have gone: there are commands and memory again */
    bool hurries;               /* it has requests that this turn did not come to */
    uint64_t number;            /* how many came before it */
    uint64_t began;             /* os_now_ns() */
    uint32_t turn, taken;       /* requests that were taken in this turn */
    char who[NBD_WHO_MAX];      /* for the log */
    char peer[OS_HOST_MAX];     /* for which its lines are counted */
    struct scsi_nexus nexus;

    uint8_t input[NBD_INPUT];
    size_t input_at, input_end;
    uint64_t skip;              /* bytes to read and forget */
    struct nbd_answer answer;   /* to an option */
    size_t answer_sent;

    struct nbd_command *receiving; /* its data comes */
    size_t received;
    struct nbd_command *sending;   /* replies, oldest first */
    struct nbd_command **sending_end;
    size_t sent;                   /* bytes of the oldest */

    struct nbd_command *free;
    uint32_t running;
    uint8_t *memory;               /* NBD_PIECES pieces */
    uint8_t *free_pieces[NBD_PIECES];
    uint32_t free_piece_count;
    struct nbd_command commands[NBD_DEPTH];
};

struct nbd_listener {
    struct nbd_door *door;
    struct spd_loop_socket watch;
    bool listening;
    bool accepting; /* somebody waits there */
    bool paused;    /* there was no descriptor for a client */
};

struct nbd_door {
    struct spd_door door; /* first */
    struct scsi_port port;
    struct nbd_credentials *credentials; /* NULL: there is no TLS */
    enum nbd_tls_use tls;
    char *export_name;
    char description[64];
    struct spd_loop loop;
    struct nbd_listener listeners[NBD_LISTENERS_MAX];
    unsigned listener_count;
    struct spd_timer listen_again;
    char *path;          /* the Unix socket, or NULL */
    dev_t path_device;   /* these tell its own socket file, which alone is removed */
    ino_t path_inode;
    uint32_t round;      /* task management: earlier tasks were aborted */
    bool owes_report;    /* and the library does not know yet that it has ended */
    struct nbd_client *clients[NBD_PLACES];
    uint64_t accepted;
};

static inline bool nbd_client_is_gone(const struct nbd_client *client)
{
    return client->watch.socket == OS_NO_SOCKET;
}

static inline struct scsi_unit *nbd_unit(const struct nbd_client *client)
{
    return spd_unit_scsi(client->door->door.unit);
}

/* export.c: describes the unit as it is now. */
void nbd_export_describe(const struct nbd_door *door, struct nbd_export *export);

/* outcome.c: the error number of a command's end. changes: it was to change the medium. */
enum nbd_error nbd_outcome_error(const struct scsi_outcome *outcome, bool changes);

/* wire.c */

/* The library gives back the commands that it has, or ends them soon. */
void nbd_client_cancel(struct nbd_client *client);
/* Drops the connection, and tells the log why; detail may be NULL. Commands that run are cancelled,
 * but not after NBD_CMD_DISC: the protocol wants them done. */
void nbd_client_kill(struct nbd_client *client, enum spd_ending ending, const char *detail);
/* The negotiation has ended. */
void nbd_session_begin(struct nbd_client *client);
/* As os_send() and os_receive(), through TLS where it is in use. Minus an error: the connection is
 * dropped, unless it is OS_NET_WOULD_BLOCK. */
ptrdiff_t nbd_wire_send(struct nbd_client *client, struct os_vec *vecs, unsigned count);
ptrdiff_t nbd_wire_receive(struct nbd_client *client, struct os_vec *vecs, unsigned count);
/* True: the library no longer has the command. */
bool nbd_command_cancel(struct nbd_command *command);

/* reply.c */

/* Memory for so many bytes. False: not now. */
bool nbd_command_reserve(struct nbd_command *command, size_t length);
void nbd_command_release(struct nbd_command *command);
/* The reply is on its way when the loop's turn ends. */
void nbd_reply(struct nbd_command *command, enum nbd_error error);
/* Sends what waits, as far as the socket takes it. */
void nbd_client_send(struct nbd_client *client);

/* command.c */

/* Checks a request; error: it is refused, when its data has been read. */
enum nbd_error nbd_command_check(const struct nbd_command *command);
/* Whether the header says that data follows. */
bool nbd_command_has_payload(const struct nbd_command *command);
/* The bytes that it needs of its client's memory. */
size_t nbd_command_memory(const struct nbd_command *command);
/* Its data has come, if it has any. */
void nbd_command_execute(struct nbd_command *command);
void nbd_command_prepare(struct nbd_client *client);
/* The library is done with a client's request. */
void nbd_command_completed(struct spd_request *request);
/* Aborts tasks that began before a round of task management. */
void nbd_client_abort(struct nbd_client *client, uint32_t round);
/* Whether an aborted task may still change the medium. */
bool nbd_client_changes(const struct nbd_client *client);

/* input.c */

/* Bytes that have come and are not taken. */
size_t nbd_input_buffered(const struct nbd_client *client);
/* The free end of the input buffer. */
struct os_vec nbd_input_room(struct nbd_client *client);
/* Makes one call of the system. False: nothing has come. */
bool nbd_input_receive(
    struct nbd_client *client, struct os_vec *vecs, unsigned count, size_t *length);
/* True when so many bytes are in the input buffer, which has room for them. */
bool nbd_input_have(struct nbd_client *client, size_t length);
/* True when all bytes to be forgotten have come. */
bool nbd_input_skip(struct nbd_client *client);

/* negotiate.c: each takes a step of a phase. False: it has to wait, or the client is gone. */
bool nbd_take_flags(struct nbd_client *client);
bool nbd_take_option(struct nbd_client *client);
bool nbd_take_handshake(struct nbd_client *client);

/* receive.c: takes options and requests, as far as there are bytes, memory and commands. */
void nbd_client_receive(struct nbd_client *client);

/* client.c */

/* Takes over a connected, non-blocking socket and greets. NULL: no memory, or it is gone already;
 * the socket is then closed. */
struct nbd_client *nbd_client_new(struct nbd_door *door, os_socket socket);
void nbd_client_free(struct nbd_client *client);
/* Receives and sends, and tells the loop for which events to wait. */
void nbd_client_pump(struct nbd_client *client);

/* listen.c: listens where the URI says, and gives the door its URI and name. 0 or a spd_error. */
struct spd_uri;
int nbd_listen_tcp(struct nbd_door *door, const struct spd_uri *uri);
int nbd_listen_local(struct nbd_door *door, const struct spd_uri *uri);

#endif
