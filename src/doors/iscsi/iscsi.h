/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The iSCSI door: RFC 7143, target side, error recovery level 0, one connection a session.
 *
 * One thread and one polling loop a door. A turn of the loop reads what has arrived, runs every
 * command in it, and then writes all answers of a connection with one system call:
 *
 *   receive.c     bytes to PDUs; large data segments go straight into a command's buffer
 *   pdu.c         what each PDU type needs before its data and does after it
 *   login.c       until a connection is in full feature phase: login_keys.c, keys.c, chap.c,
 *                 refusal.c
 *   peer.c        how much of the door one peer may take
 *   claim.c       whose an InitiatorName is, where CHAP proves accounts
 *   session.c     sessions, the command window, order by CmdSN
 *   command.c     SCSI commands; room.c memory for their data; data_out.c R2Ts and Data-Outs
 *   task.c        task management
 *   nop.c, text.c, logout.c, reject.c   the other requests and answers
 *   send.c        answers to bytes
 *   door.c        the loop, timers and the door's life
 *   address.c     where it listens; announce.c where initiators are told that it does
 *
 * A request that the device ended on another thread comes back through the mailbox. Everything
 * else belongs to the door's thread, so there is no lock.
 *
 * Errors: a function that finds its peer breaking the protocol calls connection_drop() or a
 * reject; a dropped connection stays in memory, its socket shut, until the end of the turn.
 */

#ifndef ISCSI_ISCSI_H
#define ISCSI_ISCSI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/chap.h"
#include "doors/iscsi/claim.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/peer.h"
#include "lib/door.h"
#include "lib/loop.h"
#include "lib/session_log.h"
#include "os/net.h"
#include "os/os.h"
#include "scsi/be.h"

/* Something that waits to be sent. */
enum send_kind {
    SEND_REPLY,   /* struct reply */
    SEND_COMMAND, /* struct command: Data-In, status */
    SEND_R2T,     /* struct command */
};

struct send_item {
    /* In the session's `waiting`, the connection's queue or its sent list; alone when in none. */
    struct list link;
    uint8_t kind;
    uint64_t end; /* in its sent list: the position in the byte stream where it ends */
};

/* An answer that is no command's: allocated, since these are rare. */
struct reply {
    struct send_item item;
    bool takes_stat_sn;
    bool plain;    /* login: no digests */
    uint8_t bhs[ISCSI_BHS];
    uint32_t length;
    uint8_t data[];
};

/* Why a command fails before the device sees it. */
enum command_fault {
    FAULT_NONE,
    FAULT_NO_ROOM, /* the system has no memory for its data */
    FAULT_TOO_LONG,
    FAULT_LOST, /* not all of its data arrived intact */
};

enum command_state {
    COMMAND_FREE,
    COMMAND_HELD,      /* arrived before its turn; aborted: its turn comes to nothing */
    COMMAND_WAITING,   /* started; map() waits for room, or for its turn: room.c */
    COMMAND_RECEIVING, /* started; map() waits for data-out */
    COMMAND_RUNNING,   /* started; the library or the device has it */
    COMMAND_ANSWERING, /* done; the answer waits, or is being sent */
};

struct command {
    struct spd_request request; /* first */
    struct send_item item;
    struct list link; /* session's free or active list */
    struct list tag;  /* session's tags, while it is not free */
    struct session *session;
    uint8_t state;       /* enum command_state */
    bool aborted;        /* no answer; freed when the device gives it back */
    bool unsolicited;    /* more unsolicited Data-Outs are to come */
    uint8_t fault;       /* enum command_fault */
    bool done;           /* the library is through with it */
    bool release;        /* and its reply is the library's memory */
    bool windowed;       /* it takes a place in the command window */
    uint16_t index;      /* of its session's commands */
    uint8_t bhs[ISCSI_BHS];
    uint8_t room;        /* enum room: what its buffer is counted as */
    struct buffer buffer;
    struct scsi_vec vec;
    uint32_t want;       /* bytes of data-out that matter */
    uint32_t received;   /* bytes of data-out seen, in order */
    uint32_t moved;      /* of these, when last a piece worth counting had come, */
    uint32_t moved_at;   /* and the second of that */
    uint32_t burst_end;  /* offset where the present burst must end */
    uint32_t ttt;        /* of the present R2T */
    uint32_t r2t_sn;
    uint32_t data_sn;    /* next expected of a burst; next to send */
    uint32_t sent;       /* bytes of data-in */
};

/* A task management function whose tasks have not all ended yet. */
struct task_wait {
    struct list link; /* door's */
    struct session *session;
    const struct command *command; /* ABORT TASK: this one; NULL: all that are aborted */
    bool all_sessions;
    uint32_t round; /* all_sessions: of the other doors, too */
    bool closes; /* the reply is the connection's last */
    bool logout; /* it answers one */
    struct reply *reply;
};

enum { SESSION_TAGS_SHIFT = 8, SESSION_TAGS = 1 << SESSION_TAGS_SHIFT };

struct session {
    struct list link; /* door's */
    struct iscsi_door *door;
    struct peer *peer;
    const char *account; /* that was proven; NULL: no CHAP, or a discovery session */
    struct connection *connection; /* NULL: the session has ended, its tasks have not */
    bool ended; /* and it is counted as such */
    uint32_t began; /* second */
    bool left;  /* none of those can change the medium: a new session may begin */
    struct scsi_nexus nexus;
    char initiator[ISCSI_NAME_MAX + 1];
    uint8_t isid[6];
    uint8_t transport_id[SCSI_TRANSPORT_ID_MAX];
    uint16_t tsih;
    struct iscsi_params params;

    uint32_t exp_cmd_sn;
    uint32_t max_cmd_sn; /* what the initiator was told */
    uint32_t burst;      /* room that a place in the window needs, for data that comes unasked */
    uint32_t depth;      /* places in the command window */
    uint32_t windowed;   /* taken ones */
    uint32_t immediate;  /* immediate commands under way */
    uint32_t running;    /* commands that are not free */
    uint32_t room[ROOMS]; /* bytes in buffers of commands, and offered */
    uint32_t next_ttt;
    uint32_t waits;      /* struct task_wait of this session */
    struct command **chunks; /* of ISCSI_COMMANDS_CHUNK each; NULL in a discovery session */
    uint32_t command_count;  /* in them; more are made when they are needed */
    uint32_t command_most;
    struct command **held;    /* by CmdSN modulo depth */
    struct command *barrier;  /* ORDERED: while it waits for its data nothing after it begins */
    struct list free;
    struct list active;
    struct list waiting; /* commands' item.link: the first that came is the first to begin */
    struct list hungry;  /* door's hungry, while `waiting` is not empty */
    struct list *tags; /* SESSION_TAGS of them: active ones by a hash of their task tag */
};

enum connection_state {
    CONNECTION_LOGIN,
    CONNECTION_DELAYED, /* login refused, the answer waits; input is thrown away */
    CONNECTION_WAITING, /* login done, but tasks of a former session still run */
    CONNECTION_FULL,
    CONNECTION_CLOSING, /* sends what is queued, then closes; input is thrown away */
    CONNECTION_DROPPED,
};

struct receive {
    uint8_t header[ISCSI_HEADER_MAX];
    uint32_t have; /* bytes of the header, or of the trailer */
    uint32_t need;
    uint8_t phase;
    bool header_digest;
    bool data_digest;
    bool large;          /* the last segment was, so the next may be: read its header alone */
    struct command *command; /* whose buffer `data` points into */
    struct buffer buffer;    /* of PDUs that are no command's */
    uint8_t *data;       /* where the next byte of the segment goes */
    uint32_t keep;       /* bytes that go there; those after them are thrown away */
    uint32_t left;       /* bytes of the segment still to come */
    uint32_t crc;
    uint8_t trailer[8];  /* padding and digest */
};

/* A batch holds what one write gathers. */
struct batch {
    uint32_t arena_used;
    uint32_t first;
    uint32_t count;
    struct os_vec vecs[ISCSI_TX_VECS];
    uint8_t arena[ISCSI_TX_ARENA];
};

struct transmit {
    struct list queue; /* send_item.link; not yet in the batch */
    struct list sent;  /* in the batch: their memory is in use until it is written */
    struct batch *batch; /* before login only while there is something to send; else NULL */
    uint64_t built;    /* position in the byte stream */
    uint64_t written;
    uint64_t queued;   /* bytes of data-in in the queue, about */
    uint32_t replies;
    uint32_t reply_bytes;
    uint32_t last_moved; /* second in which the socket last took something */
    bool blocked; /* the socket is full: OS_POLL_OUT is asked for */
};

struct connection {
    struct list link;  /* door's connections */
    struct list ready; /* door's ready: there is something to send */
    struct list hold_link; /* peer's held, by hold; alone when it was let go */
    struct iscsi_door *door;
    struct peer *peer;
    struct session *session; /* NULL before login */
    struct login *login;     /* NULL after it */
    struct spd_loop_socket watch;
    char host[OS_HOST_MAX]; /* the peer's */
    char port[OS_PORT_MAX];
    uint8_t state; /* enum connection_state */
    uint8_t hold;  /* enum hold; HOLDS: none */
    uint32_t held_since; /* second */
    bool told; /* the log has its end */
    uint16_t cid;
    uint32_t stat_sn;
    uint32_t deadline;  /* login and closing: second */
    uint32_t waiting_since; /* waiting: second, and when the log was last told */
    uint32_t waiting_told;
    uint32_t last_heard;
    bool pinged;
    uint32_t max_send;  /* RFC 7143 13.12, in whole words */
    char *text;         /* keys of a text request that goes on; ISCSI_TEXT_MAX */
    uint32_t text_length;
    struct receive rx;
    struct transmit tx;
};

/* A network portal (RFC 7143 3.1), as initiators name it. */
struct iscsi_portal {
    char host[ISCSI_HOST_MAX + 1]; /* without brackets */
    uint16_t port;                 /* 0: where the door listens */
};

struct iscsi_config {
    char target[ISCSI_NAME_MAX + 1];
    struct iscsi_portal portals[ISCSI_PORTALS_MAX]; /* that SendTargets tells of */
    uint32_t portal_count; /* 0: where the discovery came to */
    uint64_t lun; /* as a LUN field has it */
    struct chap_accounts chap;
    struct chap_accounts mutual;
    uint32_t nop_interval;
    uint32_t nop_timeout;
    uint32_t login_timeout;
    uint32_t write_wait; /* of a login, for what a former session writes */
    bool demand_mutual; /* an initiator that does not ask us to prove ourselves is refused */
    bool resets; /* target resets are carried out even while others use the unit */
};

struct iscsi_door {
    struct spd_door base; /* first */
    struct iscsi_config config;
    struct scsi_port port;
    uint8_t designators[3 * 256];
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
    struct claim claims[SCSI_REGISTRATIONS];
    uint32_t round;   /* of task management: what began before it was aborted */
    bool owes_report; /* and the library does not know yet that it has ended */
    struct peers peers;
    uint32_t connection_count;
    uint16_t next_tsih;
    uint32_t last_busy; /* when anything last arrived */
    bool sessions_ended;
    bool data_given_up; /* a command ended that others may have waited for */
    struct list hungry; /* sessions with commands that wait for room or for their turn */
    uint32_t room[ROOMS]; /* bytes */
    bool room_freed;  /* some of it, since it was last given out */
    bool room_wanted; /* a session waits for what all share: nobody else gets more of it */
    bool deferred;    /* a command waits for the next turn alone */
    struct buffer_pool pool;
    uint8_t *rx; /* ISCSI_RX_BUFFER; shared, since one connection reads at a time */
};

extern const struct spd_door_ops iscsi_door_ops;

/* address.c: 0 or a spd_error with a detail. guarded: an address that others reach is fine. */
int address_listen(const struct spd_uri *uri, bool guarded, os_socket *listener);
/* Gives the door, which listens, its URI and name; the caller frees both when it fails. */
int address_name(const struct spd_uri *uri, struct iscsi_door *door);

/* announce.c: config->portals, 0 or a spd_error with a detail. */
int announce_read(const struct spd_uri *uri, struct iscsi_config *config);
/* The TargetAddress keys that the initiator of this connection gets. */
void announce_put(const struct connection *c, struct iscsi_text *answer);

/* config.c */
int config_read(const struct spd_uri *uri, struct iscsi_config *config, bool *guarded);
void config_free(struct iscsi_config *config);
uint16_t config_designators(
    const struct iscsi_config *config, uint16_t port, uint8_t *designators);

/* door.c; the parts that tests and fuzzers drive without a thread. The config is the door's once
 * it is made. */
int iscsi_door_new(
    struct spd_unit *unit, const struct iscsi_config *config, struct iscsi_door **made);
void iscsi_door_free(struct iscsi_door *door);

/* connection.c: takes over the socket, also when it fails. */
struct connection *connection_new(struct iscsi_door *door, os_socket socket);
/* detail: what the ending does not say, or NULL. */
void connection_drop(struct connection *c, enum spd_ending ending, const char *detail);
/* Tells the log that its session begins. */
void connection_begins(const struct connection *c);
/* Tells the log why it ends, which later endings do not change. */
void connection_ends(struct connection *c, enum spd_ending ending, const char *detail);
/* Closes after everything that is queued was sent. */
void connection_close_after_send(struct connection *c);
void connection_reap(struct iscsi_door *door);
void connection_tick(struct connection *c);

/* receive.c */
void receive_init(struct receive *rx);
void receive_ready(struct connection *c); /* the socket is readable */
/* The segment's next `keep` bytes go to data, the rest nowhere. */
void receive_into(struct receive *rx, uint8_t *data, uint32_t keep);
/* The command's buffer goes away: what still arrives for it is thrown away. */
void receive_forget(struct connection *c, const struct command *command);

/* pdu.c: the header is complete and its digest right; false: dropped. Then, the same for data. */
bool pdu_begin(struct connection *c, uint32_t length);
void pdu_end(struct connection *c, uint32_t length);
/* Instead of pdu_end(), when the data digest is wrong. */
void pdu_damaged(struct connection *c, uint32_t length);
/* Acts on a request whose turn by CmdSN has come; also on one that was held. */
void pdu_deliver(struct connection *c, const uint8_t *bhs, uint8_t *data, uint32_t length);

/* send.c */
void send_init(struct transmit *tx);
void send_queue(struct connection *c, struct send_item *item);
void send_cancel(struct send_item *item);
void send_flush(struct connection *c);
void send_drop(struct connection *c); /* frees what is queued */
/* NULL, and the connection is dropped, when the peer reads none of its replies. */
struct reply *reply_new(struct connection *c, enum iscsi_opcode opcode, uint32_t length);
void reply_free(struct connection *c, struct reply *reply);

/* login.c */
struct login *login_new(void);
void login_free(struct login *login);
/* Claims hold what the initiator has said of itself so far, as it said it; the others are empty. */
struct login_claims {
    char initiator[ISCSI_NAME_MAX + 1];
    char target[ISCSI_NAME_MAX + 1];
    char user[CHAP_NAME_MAX + 1];
    char why[160]; /* of what comes to be refused; empty: the status says it all */
};
const struct login_claims *login_claims(const struct login *login);
/* Answers with that status, tells the log who was refused and why, and closes. why: NULL or empty
 * where the status says it all. An initiator that may not come in gets the answer later:
 * connection_tick(). */
void login_refuse_late(struct connection *c);
void login_refuse(struct connection *c, uint16_t status, const char *why);
/* The header of a login request has come, the first of which begins the login. */
void login_begin(struct connection *c, const uint8_t *bhs);
bool login_has_begun(const struct login *login);
void login_request(struct connection *c, const uint8_t *bhs, char *data, uint32_t length);
/* Continues a login that waited. */
void login_resume(struct connection *c);
const uint8_t *login_isid(const struct login *login);

/* waiting.c */
void waiting_begin(struct connection *c);
bool waiting_is_over(const struct connection *c);
void waiting_tick(struct connection *c); /* once a second */

/* refusal.c: the log's line for it. */
void refusal_report(const struct connection *c, uint16_t status, const char *why);

/* session.c */
struct session *session_new(struct connection *c, const struct iscsi_params *params);
/* Sessions of an initiator, those included that have ended and whose writes have not. */
uint32_t session_count(const struct iscsi_door *door, const char *initiator);
/* Whose it is: once, before its first command. */
void session_name(struct session *session, const char *initiator, const uint8_t isid[6]);
void session_end(struct session *session);
/* Leaves or frees sessions that have ended, as far as their tasks have; then resumes logins. */
void session_reap(struct iscsi_door *door);
/* Whether it is a session of this initiator port. */
bool session_is(const struct session *session, const char *initiator, const uint8_t isid[6]);
static inline struct command *session_command(const struct session *session, uint32_t index)
{
    return &session->chunks[index / ISCSI_COMMANDS_CHUNK][index % ISCSI_COMMANDS_CHUNK];
}
/* More free commands; false: it has all that it may, or there is no memory. */
bool session_grow(struct session *session);
struct session *session_find(struct iscsi_door *door, const char *initiator, const uint8_t isid[6]);
/* What to do with a request that has this CmdSN. */
enum order {
    ORDER_NOW,
    ORDER_LATER, /* within the window, but others are missing before it */
    ORDER_NEVER, /* outside the window: ignore it (RFC 7143 4.2.2.1) */
};
enum order session_order(const struct session *session, const uint8_t *bhs);
/* Counts a request that is acted upon now. */
void session_advance(struct session *session, const uint8_t *bhs);
/* Delivers held requests whose turn has come. */
void session_deliver(struct connection *c);
/* The same in all sessions, when a command ended that waited for its data. */
void session_deliver_all(struct iscsi_door *door);
/* Offers as many places in the window as there is room for, before a PDU tells the initiator. */
void session_offer(struct session *session);

/* command.c */
struct command *command_new(struct connection *c, const uint8_t *bhs, uint32_t length);
bool command_begin(struct connection *c, uint32_t length);
void command_start(struct command *command);
void command_end(struct command *command); /* frees; its answer was sent, or is not wanted */
/* Ends it without an answer: at once, or when the device gives it back. */
void command_abort(struct command *command);
void command_answer(struct command *command);
/* Ends a command that has a fault with the status that says so. */
void command_refuse(struct command *command);
void command_done(struct spd_request *request);
void command_mailed(struct spd_request *request);
/* The one that has this task tag, of several the newest: those before it were aborted. */
struct command *command_find(struct session *session, uint32_t itt);

/* Whether it has begun and its data has not all come, or has no place yet. */
static inline bool command_awaits_data(const struct command *command)
{
    return command->state == COMMAND_WAITING || command->state == COMMAND_RECEIVING;
}

/* room.c */
/* For the session; false: there is none now. */
bool room_take(struct session *session, enum room kind, uint32_t bytes);
void room_give(struct session *session, enum room kind, uint32_t bytes);
/* A buffer for the command, also beyond all limits; false: the system has no memory. */
bool room_buffer(struct command *command, enum room kind, uint32_t length);
/* Such a buffer for those of `length` bytes that may come before they are asked for. */
bool room_for_unsolicited(struct command *command, uint32_t length);
void room_drop(struct command *command);
/* spd_request_ops.map: true when the command can go on at once. */
bool room_map(struct command *command);
/* Whether it keeps room for data that it has not sent for so many seconds. */
bool room_is_idle(const struct session *session, uint32_t seconds);
/* Begins commands that waited, as far as there is room for them now. */
void room_serve(struct iscsi_door *door);

/* data_out.c */
bool data_out_begin(struct connection *c, uint32_t length);
void data_out_end(struct command *command, uint32_t length, bool final);
void data_out_progress(struct command *command);

/* task.c */
void task_request(struct connection *c, const uint8_t *bhs);
/* Ends the session's tasks; the reply is sent, as the connection's last, when they have ended. */
void task_logout(struct connection *c, struct reply *reply);
/* A task that was aborted has ended. */
void task_ended(struct iscsi_door *door);
void task_forget(struct session *session);
/* Looks at what other doors ask for, and at what they have done. */
void task_look(struct iscsi_door *door);
/* Whether a task of it that was aborted may still change the medium. */
bool task_any_changes(const struct session *session);

/* nop.c */
void nop_out(struct connection *c, const uint8_t *bhs, const uint8_t *data, uint32_t length);
void nop_ping(struct connection *c);

/* logout.c */
void logout_request(struct connection *c, const uint8_t *bhs);
void async_drop(struct connection *c);

/* reject.c */
void reject(struct connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason);
/* Reject, then close: the peer broke the protocol. */
void reject_and_close(struct connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason,
    const char *why);

/* text.c */
void text_request(struct connection *c, const uint8_t *bhs, const char *data, uint32_t length);

#endif
