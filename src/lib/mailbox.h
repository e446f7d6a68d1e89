/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Takes requests that other threads finished back to a door's event loop. Many threads push onto a
 * lock-free stack, and the loop empties it. They write the event descriptor only when the mailbox
 * was empty, so that a burst costs one wake.
 *
 * A thread may still be about to write the event when the loop has taken its request. So a door
 * closes its mailbox in close(), not in join(): between the two, the library waits until every such
 * thread has left.
 */

#ifndef SPD_LIB_MAILBOX_H
#define SPD_LIB_MAILBOX_H

struct spd_request;

struct spd_mailbox {
    struct spd_request *_Atomic head;
    int event; /* readable while there may be mail: for the loop's poller */
};

/* 0 or a spd_error. */
int spd_mailbox_open(struct spd_mailbox *mailbox);
void spd_mailbox_close(struct spd_mailbox *mailbox);

/* Any thread. Uses request->next. */
void spd_mailbox_post(struct spd_mailbox *mailbox, struct spd_request *request);

/* The same for several, linked by next from the newest to the oldest. */
void spd_mailbox_post_list(
    struct spd_mailbox *mailbox, struct spd_request *newest, struct spd_request *oldest);

/* Wakes the loop without mail. */
void spd_mailbox_wake(struct spd_mailbox *mailbox);

/* The loop's thread: everything posted so far, oldest first, linked by next; clears the event. */
struct spd_request *spd_mailbox_take(struct spd_mailbox *mailbox);

#endif
