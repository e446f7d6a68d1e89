/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The begin of a test of the door: a disk, an initiator that uses it, and another. */

#ifndef TEST_ISCSI_FIXTURE_H
#define TEST_ISCSI_FIXTURE_H

#include "client.h"

extern struct disk disk;
extern struct client client, other;

/* A disk with this query in its URI; nobody is connected. */
void open_with(const char *query);
/* Logs client in with these keys, settled. */
void begin(const char *keys);

/* cmocka's set-ups, and what undoes all of them. */
int open_disk(void **state);
/* Its device answers only on the test's command. */
int open_held(void **state);
/* The same, and client has begun: the data of its writes waits to be asked for. */
int open_held_session(void **state);
/* It looks after its initiators once a second. */
int open_watchful(void **state);
int open_pinging(void **state);
int close_disk(void **state);

#define WITH(OPEN, TEST) cmocka_unit_test_setup_teardown(TEST, OPEN, close_disk)
#define WITH_DISK(TEST) WITH(open_disk, TEST)
#define WITH_HELD(TEST) WITH(open_held, TEST)
#define WITH_HELD_SESSION(TEST) WITH(open_held_session, TEST)
#define WITH_WATCHFUL(TEST) WITH(open_watchful, TEST)
#define WITH_PINGING(TEST) WITH(open_pinging, TEST)

#endif
