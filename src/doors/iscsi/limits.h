/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* All bounds on the resources that an initiator can make a portal use. */

#ifndef ISCSI_LIMITS_H
#define ISCSI_LIMITS_H

enum {
    ISCSI_PORT = 3260,
    ISCSI_THREADS_MAX = 64,     /* loops of a portal */
    ISCSI_LUN_MAX = 255,        /* what peripheral addressing holds (SAM-5 4.7.7.2) */
    ISCSI_LUNS = ISCSI_LUN_MAX + 1,
    ISCSI_DEPTH_MAX = 16384,    /* commands of one session, of all its units together */

    /* share.c and roster.c divide these among peers, and make room. */
    ISCSI_SESSIONS_MAX = 256,    /* normal ones; more: login status 0302h */
    ISCSI_NAME_SESSIONS_MAX = 64, /* for one InitiatorName; the same */
    ISCSI_DISCOVERIES_MAX = 64,  /* discovery sessions; more: the longest idle ends */
    ISCSI_LOGINS_MAX = 1024,     /* connections that have not logged in; more: the oldest ends */
    ISCSI_BACKLOG = 4096,        /* connections that wait to be accepted */
    ISCSI_ACCEPTS_MAX = 64,      /* in one turn of the loop */

    ISCSI_LOGIN_SECONDS = 15,   /* a login that takes longer is dropped */
    ISCSI_WRITE_WAIT = 10,      /* seconds of a login for writes of its former session: less than
                                 * initiators wait for an answer, so that they read the reason */
    ISCSI_WAIT_TOLD = 3,        /* seconds after which the log says so, first */
    ISCSI_WAIT_TOLD_AGAIN = 30,
    ISCSI_LEFT_MAX = 8,         /* former sessions of one initiator whose reads were left behind;
                                 * with more its logins wait */
    ISCSI_REFUSAL_SECONDS = 1,  /* between two refusals to one peer */
    ISCSI_CLOSING_SECONDS = 2,  /* for a peer to read the last answers */
    ISCSI_NOP_INTERVAL = 30,    /* seconds of silence before we ping */
    ISCSI_NOP_TIMEOUT = 10,     /* seconds for the answer to a ping */
    ISCSI_SECONDS_MAX = 86400,  /* the most that the URI's query may ask of these */

    ISCSI_TEXT_MAX = 16384,     /* keys of one login or text exchange, before they are complete */
    ISCSI_KEY_MAX = 63,         /* RFC 7143 6.1: bytes of a key name */
    ISCSI_VALUE_MAX = 255,      /* and of a simple value */
    ISCSI_NAME_MAX = 223,       /* RFC 7143 4.2.7.1: bytes of an iSCSI name */
    ISCSI_HOST_MAX = 253,       /* RFC 1123 2.1: of a host name */
    ISCSI_PORTALS_MAX = 4,      /* in answers to SendTargets */
    ISCSI_SEGMENT_MIN = 512,    /* RFC 7143 13.12: the least MaxRecvDataSegmentLength */
    ISCSI_LOGIN_ROUNDS_MAX = 32, /* requests of one login */

    ISCSI_RECEIVE_MAX = 262144,         /* our MaxRecvDataSegmentLength after login */
    ISCSI_LOGIN_RECEIVE_MAX = 8192,     /* and during it (RFC 7143 13.12) */
    ISCSI_FIRST_BURST_MAX = 262144,
    ISCSI_BURST_MAX = 16776192,         /* the greatest that fits in 24 bits, in whole blocks */

    ISCSI_TRANSFER_MAX = 16 << 20,      /* data of one command */
    ISCSI_SESSION_DATA_MAX = 128 << 20, /* data of all commands of a session; transfer.c
                                         * has how more of it waits */
    ISCSI_DATA_MAX = 512 << 20,         /* and of all sessions; one peer has half of it */
    ISCSI_SESSION_DATA_SURE = 2 << 20,  /* room of each session, whatever others take */
    ISCSI_LOOP_ROOM_MIN = 32 << 20,     /* a loop's part of these two, if there are many loops */
    ISCSI_WINDOW_MAX = 256 << 20,       /* data that may come unasked, for all sessions */
    ISCSI_SESSION_WINDOW_SURE = 1 << 20, /* and a session's part of it, whatever others take */
    ISCSI_WINDOW_START = 16,            /* commands that an idle session is offered */
    ISCSI_PROGRESS_MIN = 65536,         /* bytes of a transfer within the allowed silence, if
                                         * others wait for its room */
    ISCSI_REPLY_MAX = 65536,            /* an answer of the engine that is copied */
    ISCSI_CACHE_MAX = 64 << 20,         /* free buffers that a portal keeps for the next command */
    ISCSI_COMMANDS_CHUNK = 8,           /* commands that a session gets memory for at a time */
    ISCSI_IMMEDIATE_MAX = 16,           /* immediate commands at once, beyond the command window */
    ISCSI_REPLIES_MAX = 64,             /* replies to a peer that does not read them */
    ISCSI_REPLY_BYTES_MAX = 1 << 20,    /* and their data */
    ISCSI_TMF_MAX = 64,                 /* task management functions that wait for tasks to end */

    ISCSI_TURN_WORK = 2 << 20,  /* bytes for one peer in one turn of the loop; more: in the next */
    ISCSI_TURN_SEND = 4 << 20,  /* bytes to one connection, likewise */
    ISCSI_PDU_WORK = 2048,      /* the cost of a PDU, in bytes moved */
    ISCSI_LOGIN_WORK = 65536,   /* and one of a login */

    ISCSI_RX_BUFFER = 131072, /* one for each portal: the most that a read takes from a socket */
    ISCSI_TX_EARLY = 524288,  /* queued data that is sent at once, while it is in the cache */
    ISCSI_TX_VECS = 256,      /* pieces of memory that one write gathers */
    ISCSI_TX_ARENA = 8192,    /* headers, sense and digests of one write */
};

#endif
