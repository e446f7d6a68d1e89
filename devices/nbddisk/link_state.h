/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Between link.c, which has the requests of a link, and reconnect.c, which has its connection. */

#ifndef DEVICES_NBDDISK_LINK_STATE_H
#define DEVICES_NBDDISK_LINK_STATE_H

#include "link.h"

/* Milliseconds of a clock that only goes forward. */
int64_t link_now(void);

/* In link.c: ends requests that are finished. dead: those that failed have no answer, and wait
 * again. */
void link_end_finished(struct link *link, bool dead);

/* The journal has got an entry, or changes have become durable: other links have to know. */
void link_account(struct link *link);

/* Another link has made a connection: this one sends nothing until all agree. */
bool link_has_to_stop(const struct link *link);
void link_drain(struct link *link);
/* The connection is of no use any more. */
void link_lose(struct link *link, const char *why);
/* A link that is not up does all that it can do now. */
void link_reconnect(struct link *link);
/* The timer has fired. */
void link_tick(struct link *link);
void link_set_timer(struct link *link);

#endif
