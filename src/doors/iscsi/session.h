/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sessions: their begin and end (RFC 7143 4.4.1, 6.3.5). */

#ifndef ISCSI_SESSION_H
#define ISCSI_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/peer.h"
#include "scsi/scsi.h"

struct iscsi_command;
struct iscsi_connection;
struct iscsi_door;
struct iscsi_login;
struct iscsi_nexus;
struct iscsi_portal;
struct iscsi_target;

enum { SESSION_TAGS_SHIFT = 8, SESSION_TAGS = 1 << SESSION_TAGS_SHIFT };

struct iscsi_session {
    struct list link; /* portal's */
    struct iscsi_portal *portal;
    struct iscsi_target *target; /* in a discovery session: the target whose account was proven, or
                                  * NULL */
    struct iscsi_peer *peer;
    const char *account; /* the proven account; NULL: no CHAP */
    struct iscsi_connection *connection; /* NULL: the session has ended, its tasks have not */
    struct iscsi_entry *entry; /* the roster's */
    bool used;      /* it has had a command */
    uint32_t began; /* second */
    bool left;  /* no task can change the medium: a new session may begin */
    struct iscsi_nexus *nexuses[ISCSI_LUNS]; /* by LUN; NULL: there is none */
    uint32_t nexus_count;
    uint32_t barriers; /* those of these that have one */
    char initiator[ISCSI_NAME_MAX + 1];
    uint8_t isid[6];
    uint8_t transport_id[SCSI_TRANSPORT_ID_MAX];
    uint16_t transport_id_length;
    uint16_t tsih;
    struct iscsi_params params;

    uint32_t exp_cmd_sn;
    uint32_t max_cmd_sn; /* what the initiator was told */
    uint32_t burst;      /* room for a place in the window, for data that comes unasked */
    uint32_t depth;      /* places in the command window */
    uint32_t windowed;   /* taken ones */
    uint32_t immediate;  /* running immediate commands */
    uint32_t running;    /* commands that are not free */
    uint32_t room[ROOMS]; /* bytes in buffers of commands, and offered */
    uint32_t next_ttt;
    uint32_t waits;      /* struct iscsi_task_wait of this session */
    struct iscsi_command **chunks; /* each ISCSI_COMMANDS_CHUNK long; NULL in a discovery session */
    uint32_t command_count;  /* commands in them; more are made on demand */
    uint32_t command_most;
    struct iscsi_command **held;    /* requests before their turn, by CmdSN modulo depth */
    uint32_t held_count;
    struct list free;
    struct list active;
    struct list *tags; /* SESSION_TAGS of them: active ones by a hash of their task tag */
};

/* A session of the connection's peer, with what its login has settled, and with the connection's
 * place in the roster; NULL: not enough memory. */
struct iscsi_session *iscsi_session_new(
    struct iscsi_connection *c, const struct iscsi_login *login);
/* Its target has a further unit. False: not enough memory. */
bool iscsi_session_add(struct iscsi_session *session, struct iscsi_door *door);
/* It has lost its connection: ends its commands. iscsi_session_reap() frees it when they have
 * ended. */
void iscsi_session_end(struct iscsi_session *session);
/* Frees sessions that have ended, if their tasks have; leaves others. */
void iscsi_session_reap(struct iscsi_portal *portal);
/* Drops the sessions that the roster has doomed. */
void iscsi_session_drop_doomed(struct iscsi_portal *portal);
/* Whether it is a session of this initiator port with this target. */
bool iscsi_session_is(const struct iscsi_session *session, const struct iscsi_target *target,
    const char *initiator, const uint8_t isid[6]);
/* The session of this initiator port that has a connection; NULL: there is none. */
struct iscsi_session *iscsi_session_find(
    const struct iscsi_target *target, const char *initiator, const uint8_t isid[6]);

#endif
