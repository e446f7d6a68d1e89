/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The mailbox: many post, one takes. */

#include <poll.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/door.h"
#include "lib/mailbox.h"
#include "os/os.h"

enum { THREADS = 3, EACH = 20000 };

static struct spd_mailbox mailbox;

static int setup(void **state)
{
    (void)state;
    return spd_mailbox_open(&mailbox);
}

static int teardown(void **state)
{
    (void)state;
    spd_mailbox_close(&mailbox);
    return 0;
}

static bool readable(void)
{
    struct pollfd event = { .fd = mailbox.event, .events = POLLIN };

    return poll(&event, 1, 0) == 1;
}

static void mail_comes_oldest_first(void **state)
{
    static struct spd_request request[3];
    struct spd_request *taken;

    (void)state;
    assert_false(readable());
    for (int i = 0; i < 3; i++)
        spd_mailbox_post(&mailbox, &request[i]);
    assert_true(readable());
    taken = spd_mailbox_take(&mailbox);
    for (int i = 0; i < 3; i++, taken = taken->next)
        assert_ptr_equal(taken, &request[i]);
    assert_null(taken);
    assert_false(readable());
    assert_null(spd_mailbox_take(&mailbox));
}

/* Sees how often the event was written since it was last cleared. */
static void a_burst_of_mail_costs_one_wake(void **state)
{
    static struct spd_request request[3];
    uint64_t writes = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        spd_mailbox_post(&mailbox, &request[i]);
    assert_int_equal(read(mailbox.event, &writes, sizeof writes), sizeof writes);
    assert_int_equal(writes, 1);
    assert_non_null(spd_mailbox_take(&mailbox));
    spd_mailbox_post(&mailbox, &request[0]);
    assert_true(readable());
    spd_mailbox_take(&mailbox);
}

static void a_wake_brings_no_mail(void **state)
{
    (void)state;
    spd_mailbox_wake(&mailbox);
    assert_true(readable());
    assert_null(spd_mailbox_take(&mailbox));
    assert_false(readable());
}

static void poster_main(void *argument)
{
    struct spd_request *requests = argument;

    for (int i = 0; i < EACH; i++)
        spd_mailbox_post(&mailbox, &requests[i]);
}

/* Sleeps on the event alone, so a lost wake hangs the test. */
static void no_mail_is_lost_and_each_sender_stays_in_order(void **state)
{
    struct spd_request *requests = calloc(THREADS * EACH, sizeof *requests);
    int next[THREADS] = { 0 }, total = 0;
    os_thread threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(
            os_thread_create(&threads[i], "poster", poster_main, requests + i * EACH), 0);
    while (total < THREADS * EACH) {
        os_event_wait(mailbox.event);
        for (struct spd_request *at = spd_mailbox_take(&mailbox), *after; at; at = after) {
            long index = at - requests;

            after = at->next;
            assert_int_equal(index % EACH, next[index / EACH]++);
            total++;
        }
    }
    for (int i = 0; i < THREADS; i++)
        os_thread_join(threads[i]);
    assert_null(spd_mailbox_take(&mailbox));
    free(requests);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(mail_comes_oldest_first),
        TEST(a_burst_of_mail_costs_one_wake),
        TEST(a_wake_brings_no_mail),
        TEST(no_mail_is_lost_and_each_sender_stays_in_order),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
