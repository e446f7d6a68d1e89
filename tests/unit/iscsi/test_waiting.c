/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logins that wait for what a former session is at: how long, and what is said of it. */

#include <stdlib.h>
#include <string.h>

#include "../log_lines.h"
#include "fixture.h"

static int open_short(void **state)
{
    (void)state;
    client.fd = other.fd = -1;
    disk_open_doors(&disk, "?write-wait=1", NULL, true);
    begin("");
    return 0;
}

static int open_long(void **state)
{
    (void)state;
    client.fd = other.fd = -1;
    disk_open_doors(&disk, "?write-wait=3600", NULL, true);
    begin("");
    return 0;
}

static void a_login_waits_for_a_write_no_longer_than_the_bound(void **state)
{
    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    log_lines_begin();
    client_connect(&other, &disk);
    assert_int_equal(LOGIN_UNAVAILABLE, client_login_step(&other, 0x87, NAMES));
    client_expect_closed(&other);
    log_lines_wait("login refused (0301h): it waited # s for 1 write of its former session, "
                   "LBA 0, ");
    disk_release(&disk);
    client_login(&other, &disk, "");
}

/* The former session is gone, but not what it wrote. */
static void so_does_the_next_one(void **state)
{
    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    for (int i = 0; i < 2; i++) {
        client_connect(&other, &disk);
        assert_int_equal(LOGIN_UNAVAILABLE, client_login_step(&other, 0x87, NAMES));
        client_close(&other);
    }
}

static void the_log_says_what_a_login_waits_for(void **state)
{
    (void)state;
    client_give_write(&client);
    client_give_write(&client);
    disk_wait_held(&disk, 2);
    log_lines_begin();
    client_connect(&other, &disk);
    client_send_login(&other, 0x87, NAMES);
    log_lines_wait("login of " INITIATOR " waits for 2 writes of its former session, LBA 0, ");
    disk_release(&disk);
    client_expect(&other, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(0, be16_get(other.bhs + LOGIN_STATUS));
}

/* Each session has a read in the device when it ends. */
static void an_initiator_leaves_only_so_many_reads_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ISCSI_LEFT_MAX; i++) {
        client_start_read(&client);
        disk_wait_held(&disk, i + 1);
        client_close(&client);
        disk_wait_aborted(&disk, i + 1);
        if (i + 1 < ISCSI_LEFT_MAX) {
            client_login(&client, &disk, "");
            client_settle(&client);
        }
    }
    log_lines_begin();
    client_connect(&other, &disk);
    assert_int_equal(LOGIN_OUT_OF_RESOURCES, client_login_step(&other, 0x87, NAMES));
    client_close(&other);
    log_lines_wait("(0302h): it waited # s for reads of its 8 former sessions");
    disk_release(&disk);
    client_login(&other, &disk, "");
    client_settle(&other);
}

/* As many reads of the whole disk as its session may have, left behind `sessions` times. */
static void leave_long_reads(unsigned sessions, unsigned held)
{
    uint8_t bhs[ISCSI_BHS];

    for (unsigned i = 0; i < sessions; i++) {
        client_login(&client, &disk, "");
        client_settle(&client);
        for (unsigned j = 0; j < QUEUE_DEPTH; j++) {
            client_read10(&client, bhs, 0, BLOCKS);
            client_send(&client, bhs, NULL, 0);
        }
        held += QUEUE_DEPTH;
        disk_wait_held(&disk, held);
        client_close(&client);
        disk_wait_aborted(&disk, held);
    }
}

/* The buffers of reads that were left behind stay with the device. */
static void an_initiator_leaves_only_so_many_bytes_behind(void **state)
{
    enum { FULL = ISCSI_SESSION_DATA_MAX / (QUEUE_DEPTH * BLOCKS * BLOCK) };

    (void)state;
    assert_true(FULL + 1 < ISCSI_LEFT_MAX);
    client_close(&client);
    leave_long_reads(FULL, 0);
    leave_long_reads(1, FULL * QUEUE_DEPTH);
    log_lines_begin();
    client_connect(&other, &disk);
    assert_int_equal(LOGIN_OUT_OF_RESOURCES, client_login_step(&other, 0x87, NAMES));
    client_close(&other);
    log_lines_wait("(0302h): it waited # s for reads of its 5 former sessions");
    disk_release(&disk);
    client_login(&other, &disk, "");
}

static int close_quiet(void **state)
{
    spd_log_set(NULL, NULL);
    return close_disk(state);
}

#define WAITING(OPEN, TEST) cmocka_unit_test_setup_teardown(TEST, OPEN, close_quiet)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAITING(open_short, a_login_waits_for_a_write_no_longer_than_the_bound),
        WAITING(open_short, so_does_the_next_one),
        WAITING(open_long, the_log_says_what_a_login_waits_for),
        WAITING(open_short, an_initiator_leaves_only_so_many_reads_behind),
        WAITING(open_short, an_initiator_leaves_only_so_many_bytes_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
