/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Messages for the program that uses the library. They never make a door wait: neither a peer that
 * provokes lines nor a program or a pipe that takes none must stop the I/O of others.
 *
 *   spd_log()          formats a line, makes it fit to print and leaves it in a ring of
 *                      SPD_LOG_LINES lines. A line that finds the ring full is lost and counted.
 *   spd_log_limited() the same for lines that a peer can provoke, which nearly all lines of a door
 *                      are. Each peer has a few lines of a kind, then a line now and then, and all
 *                      peers together have a bound. The other lines are counted, and the count is a
 *                      line of its own.
 *
 * A thread of the library takes the lines to the function of spd_log_set() (log.c). It runs from
 * the start of the first unit, or from the first line, to the end of the last unit. Then it waits
 * at most SPD_LOG_PATIENCE_MS for the program to take the remaining lines.
 *
 * A caller may put a peer's text into a line unchanged. spd_log() writes control characters,
 * characters that turn the direction of text, and bytes that are no UTF-8 as \xHH. So a name can
 * neither forge a line nor control a terminal. A line that is too long ends with "...".
 *
 * A call that fails in spd_unit_create() and spd_unit_start() leaves its message in
 * spd_error_detail() (door.h), not here: the program reports it itself.
 */

#ifndef SPD_LIB_LOG_H
#define SPD_LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/os.h"

enum { SPD_LOG_ERROR, SPD_LOG_WARNING, SPD_LOG_INFO, SPD_LOG_DEBUG };

enum {
    SPD_LOG_LINE_MAX = 1024, /* bytes, with the NUL */
    SPD_LOG_LINES = 256,
    SPD_LOG_PATIENCE_MS = 2000,
};

/* Any thread, and within any lock but a log function's. Keeps errno. */
void spd_log(int level, const char *format, ...) OS_PRINTF(2, 3);

/* Tokens, each worth one line. */
struct spd_log_bucket {
    bool used;      /* before that it is full */
    uint32_t lines; /* left */
    uint64_t since; /* ns: when `lines` was right */
};

/* A kind of line, a static variable at the place that writes it:
 *
 *     static struct spd_log_limit refused = { .kind = "iscsi: refused logins" };
 *     spd_log_limited(&refused, c->host, SPD_LOG_WARNING, "iscsi: %s: ...", c->peer, ...);
 *
 * and later, when there were more: "iscsi: refused logins: 939 more of 192.0.2.1". */
struct spd_log_limit {
    const char *kind;
    struct spd_log_bucket all; /* the rest is log_limit.c's */
    uint64_t uncounted;        /* lines left out, of peers that no longer have an entry */
};

enum {
    SPD_LOG_PEER_LINES = 10,     /* lines of a kind and peer at once, then one each */
    SPD_LOG_PEER_SECONDS = 10,
    SPD_LOG_KIND_LINES = 50,     /* lines of a kind at once, of all peers, then one each */
    SPD_LOG_KIND_SECONDS = 1,
    SPD_LOG_SUMMARY_SECONDS = 10, /* between two counts of one kind and peer */
    SPD_LOG_PEERS = 64,           /* kinds and peers that have an entry */
    SPD_LOG_PEER_MAX = 64,        /* bytes of its name that matter, with the NUL */
};

/* peer: counts the line for this peer, an address without its port, since all of its connections
 * are the same peer. NULL: nobody in particular. */
void spd_log_limited(struct spd_log_limit *limit, const char *peer, int level, const char *format,
    ...) OS_PRINTF(4, 5);

/* misuse.c: the last line of a process that is about to abort. It goes to standard error and,
 * within the patience, to the function that the program has set. */
void spd_log_last(const char *line);
/* The calling thread is the one that calls that function. */
bool spd_log_is_own_thread(void);

enum { SPD_LOG_NEVER = -1 };

/* Work for the thread of the log while there is no line. */
struct spd_log_errand {
    /* Called without a lock of the log, and may log. Returns the milliseconds to the next call,
     * which spd_log_begin() brings forward, or SPD_LOG_NEVER. */
    int64_t (*run)(void);
    /* Around fork(): take and release the lock that run() takes. */
    void (*before_fork)(void);
    void (*after_fork)(bool child);
};

/* Any thread, before it first takes the errand's lock. There is one errand, static, and it is the
 * log's from then on. */
void spd_log_take_errand(const struct spd_log_errand *errand);

/* unit.c: a unit was started, after spd_watch_add(); a started unit is gone. The last unit waits
 * for the remaining lines, within the patience. */
void spd_log_begin(void);
void spd_log_end(void);

/* log_text.c: raw as a line that is fit to print. */
void spd_log_escape(const char *raw, char *line, size_t size);
/* The bytes of the character of UTF-8 at text (RFC 3629 4); 0: it is none, or cannot be seen. */
size_t spd_printable(const char *text);

/* log_limit.c, within the lock of log.c. True: this line may be written. Else it was counted. */
bool spd_limit_take(struct spd_log_limit *limit, const char *peer, uint64_t now);
/* Some counts have not been logged. */
bool spd_limit_pending(void);
/* Makes a line of a count that is due, or of any: true. False: there is none. */
bool spd_limit_report(bool any, uint64_t now, char *line, size_t size);
/* Forgets the counts so far. */
void spd_limit_forget(void);

#endif
