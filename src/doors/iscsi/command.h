/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SCSI commands: RFC 7143 11.3. */

#ifndef ISCSI_COMMAND_H
#define ISCSI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/pdu.h"
#include "doors/iscsi/send.h"
#include "lib/door.h"

struct iscsi_connection;
struct iscsi_nexus;
struct iscsi_session;

/* Reasons for which a command fails before the device sees it. */
enum iscsi_command_fault {
    FAULT_NONE,
    FAULT_NO_ROOM, /* the system has no memory for its data */
    FAULT_TOO_LONG,
    FAULT_LOST, /* not all of its data arrived intact */
    FAULT_FULL, /* the unit has as many commands of its initiator as it takes */
    FAULT_GONE, /* the unit goes */
};

enum iscsi_command_state {
    COMMAND_FREE,
    COMMAND_HELD,      /* arrived before its turn; aborted: its turn does nothing */
    COMMAND_WAITING,   /* started; map() waits for room, or for its turn: transfer.c */
    COMMAND_RECEIVING, /* started; map() waits for data-out */
    COMMAND_RUNNING,   /* started; the library or the device has it */
    COMMAND_ANSWERING, /* done; the answer waits, or is being sent */
};

struct iscsi_command {
    struct spd_request request; /* first */
    struct iscsi_send_item item;
    struct list link; /* session's free or active list */
    struct list tag;  /* session's tags, while it is not free */
    struct iscsi_session *session;
    struct iscsi_nexus *nexus; /* the nexus whose unit has it; NULL: none yet, or none any more */
    uint8_t state;       /* enum iscsi_command_state */
    bool aborted;        /* no answer; freed when the device gives it back */
    bool unsolicited;    /* more unsolicited Data-Outs are to come */
    uint8_t fault;       /* enum iscsi_command_fault */
    bool done;           /* the library is done with it */
    bool release;        /* and its reply is the library's memory */
    bool windowed;       /* it takes a place in the command window */
    uint16_t index;      /* among its session's commands */
    uint8_t bhs[ISCSI_BHS];
    uint8_t room;        /* enum iscsi_room: the kind of its buffer */
    struct iscsi_buffer buffer;
    struct scsi_vec vec;
    uint32_t want;       /* bytes of data-out that matter */
    uint32_t received;   /* bytes of data-out seen, in order */
    uint32_t moved;      /* counted bytes of these at the last piece, */
    uint32_t moved_at;   /* and the second of that */
    uint32_t burst_end;  /* offset where the present burst must end */
    uint32_t ttt;        /* the present R2T's */
    uint32_t r2t_sn;
    uint32_t data_sn;    /* next expected of a burst; next to send */
    uint32_t sent;       /* bytes of data-in */
};

static inline bool iscsi_command_awaits_data(const struct iscsi_command *command)
{
    return command->state == COMMAND_WAITING || command->state == COMMAND_RECEIVING;
}

/* A command's header has come; false: the connection closes. */
bool iscsi_command_begin(struct iscsi_connection *c, uint32_t length);
/* Its turn by CmdSN has come. */
void iscsi_command_start(struct iscsi_command *command);
/* Ends it without an answer: at once, or when the device gives it back. */
void iscsi_command_abort(struct iscsi_command *command);
/* Its unit goes: the answer says so, at once or when the device gives it back. */
void iscsi_command_lose(struct iscsi_command *command);
/* The request is the door's again; on the portal's thread. */
void iscsi_command_mailed(struct spd_request *request);


#endif
