/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A door's event loop: a thread that waits for sockets, for timers and for requests that other
 * threads post. Each turn ends with settle(), in which a door sends all answers and frees
 * everything that has ended. So a batch costs one system call, and no event points at freed memory.
 *
 *   spd_loop_open()    before anything is watched; a door embeds the loop
 *   spd_loop_start()   its thread; tests and fuzzers take turns of their own instead
 *   spd_loop_stop()    any thread: from now on stop() is called, until is_empty() says so
 *   spd_loop_join()    the thread has ended
 *   spd_loop_close()   in the door's close(), for the reason that mailbox.h gives
 *
 * A function is for the loop's thread, or for the opener before the start, unless its comment says
 * otherwise.
 */

#ifndef SPD_LIB_LOOP_H
#define SPD_LIB_LOOP_H

#include <stdatomic.h>

#include "lib/mailbox.h"
#include "lib/outbox.h"
#include "os/net.h"
#include "os/os.h"

struct spd_loop;
struct spd_request;

enum { SPD_LOOPS_MAX = 64 }; /* loops with numbers */

/* A socket that the loop waits for. Its owner embeds it, sets `ready` and `socket`, and keeps it
 * until settle(): events of the same turn may still come after the watch has ended. */
struct spd_loop_socket {
    /* flags: OS_POLL_IN, OS_POLL_OUT and OS_POLL_GONE, as far as they are true. */
    void (*ready)(struct spd_loop_socket *watch, uint32_t flags);
    os_socket socket;
    uint32_t flags; /* the loop's: the events that it waits for */
};

/* Zeroed before it is first started. */
struct spd_timer {
    void (*fire)(struct spd_timer *timer);
    uint64_t due;           /* os_now_ns(); 0: it is not started */
    struct spd_timer *next; /* the loop's: started ones, soonest first */
};

/* Somebody else who works on a loop's thread, such as the queue of a device at the loop of a door.
 * The owner embeds it, sets `settle` and `leave`, and keeps it until spd_guest_dismiss() or
 * spd_loop_join() has returned. */
struct spd_guest {
    /* After spd_guest_is_due(), at the end of the turn, before the loop's own settle(). True: it is
     * due again in the next turn, which does not wait. */
    bool (*settle)(struct spd_guest *guest);
    /* Once: it was dismissed, or the loop ends. */
    void (*leave)(struct spd_guest *guest);

    /* The loop's own. */
    struct spd_loop *loop;
    struct spd_guest *next, *next_due;
    bool due;
    atomic_bool dismissed, gone;
};

struct spd_loop_ops {
    /* The library is done with a request. */
    void (*mailed)(struct spd_loop *loop, struct spd_request *request);
    /* The end of a turn; called again if requests ended in it. True: there is more to do, so the
     * next turn does not wait. */
    bool (*settle)(struct spd_loop *loop);
    /* Again and again after spd_loop_stop(): begins to end everything. */
    void (*stop)(struct spd_loop *loop);
    bool (*is_empty)(const struct spd_loop *loop);
    /* NULL: a turn waits in the poller. Otherwise it waits here, for at most timeout milliseconds
     * or for ever (-1). It ends when the poller's own descriptor is readable, or when the door has
     * work from elsewhere, which it takes here. True: the poller may have events. */
    bool (*wait)(struct spd_loop *loop, int timeout);
};

struct spd_loop {
    const struct spd_loop_ops *ops;
    uint32_t now;  /* begin of this turn: seconds, monotonic */
    uint32_t turn; /* the number of turns so far */

    /* The loop's own. */
    uint64_t now_ns;
    int number; /* plus 1; 0: none yet, -1: none is left */
    struct os_poller poller;
    struct spd_mailbox mailbox;
    struct spd_outbox outbox; /* mail for other loops, until the turn ends */
    struct spd_loop_socket mail;
    struct spd_timer *timers;
    struct spd_guest *guests, *due, *due_again;
    atomic_bool dismisses; /* some guests are dismissed */
    struct spd_request *done, **done_end; /* by spd_loop_done(), oldest first */
    os_thread thread;
    bool opened, started, hurries;
    atomic_bool stopping;
};

/* The loop is zeroed. 0 or a spd_error with its detail. */
int spd_loop_open(struct spd_loop *loop, const struct spd_loop_ops *ops);
/* Does nothing to a loop that is not open. */
void spd_loop_close(struct spd_loop *loop);
/* 0 or a spd_error with its detail. Again after spd_loop_join(), if need be. */
int spd_loop_start(struct spd_loop *loop, const char *name);
/* Any thread. */
void spd_loop_stop(struct spd_loop *loop);
/* Any thread but the loop's. Does nothing to a loop that was not started. */
void spd_loop_join(struct spd_loop *loop);

/* flags: OS_POLL_IN, OS_POLL_OUT, both or 0; level-triggered. 0 or an error of os/net.h. */
int spd_loop_add(struct spd_loop *loop, struct spd_loop_socket *watch, uint32_t flags);
int spd_loop_change(struct spd_loop *loop, struct spd_loop_socket *watch, uint32_t flags);
/* The socket stays open. */
void spd_loop_remove(struct spd_loop *loop, struct spd_loop_socket *watch);
/* Ends the watch; watch->socket is OS_NO_SOCKET. */
void spd_loop_close_socket(struct spd_loop *loop, struct spd_loop_socket *watch);

/* fire() is called once, that many milliseconds from the beginning of this turn or a little later.
 * A timer that is started already begins again. */
void spd_timer_start(struct spd_loop *loop, struct spd_timer *timer, uint32_t milliseconds);
void spd_timer_stop(struct spd_loop *loop, struct spd_timer *timer);
static inline bool spd_timer_is_started(const struct spd_timer *timer)
{
    return timer->due != 0;
}

/* Any thread. mailed() gets the request in another turn; a command that only gave way (door.h,
 * later()) goes on there. Mail of one turn for another loop leaves at the end of the turn, in one
 * piece. Uses request->next. */
void spd_loop_post(struct spd_loop *loop, struct spd_request *request);
/* Any thread. The same, but in this turn if the thread is the loop's. It does not run within the
 * call, which may be below the door's own work on the request. */
void spd_loop_done(struct spd_loop *loop, struct spd_request *request);
/* Any thread: a turn with nothing in the mail. */
void spd_loop_wake(struct spd_loop *loop);
/* Any thread: the loop whose turn it is in; NULL: none. */
struct spd_loop *spd_loop_of_thread(void);
/* Any thread: whether it is the loop's, within a turn. */
bool spd_loop_here(const struct spd_loop *loop);

/* A number below SPD_LOOPS_MAX that no other open loop has, or -1: there is none left. The loop
 * keeps it, from the first call on. */
int spd_loop_number(struct spd_loop *loop);

/* Guests. */
void spd_loop_host(struct spd_loop *loop, struct spd_guest *guest);
void spd_guest_is_due(struct spd_guest *guest);
/* Any other thread. Waits until leave() has been called. */
void spd_guest_dismiss(struct spd_guest *guest);

/* The steps of the loop's thread, for callers with a thread of their own or with none. A turn waits
 * at most timeout milliseconds, or for ever (-1). A drain ends everything; true: nothing is left.
 * spd_loop_run() takes turns until spd_loop_stop() is called and nothing is left. */
void spd_loop_turn(struct spd_loop *loop, int timeout);
bool spd_loop_drain(struct spd_loop *loop);
void spd_loop_run(struct spd_loop *loop);

#endif
