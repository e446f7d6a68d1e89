/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sessions on several loops of a portal: threads=N. Each test has sessions on both of two loops. */

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

#define OTHER_NAMES "InitiatorName=" INITIATOR "2\nTargetName=" TARGET "\nSessionType=Normal\n"

static struct client third, fourth;
static uint8_t data[BLOCK];

static int open_loops(void **state)
{
    (void)state;
    third.fd = fourth.fd = -1;
    open_with("?threads=2&resets=all");
    begin("ImmediateData=No\n");
    client_login_port(&other, &disk, 9, "ImmediateData=No\n");
    client_settle(&other);
    return 0;
}

static int open_held_loops(void **state)
{
    (void)state;
    client.fd = other.fd = third.fd = fourth.fd = -1;
    disk_open_doors(&disk, "?threads=2&resets=all", NULL, true);
    begin("ImmediateData=No\n");
    client_login_port(&other, &disk, 9, "ImmediateData=No\n");
    client_settle(&other);
    return 0;
}

static int close_loops(void **state)
{
    client_close(&third);
    client_close(&fourth);
    return close_units(state);
}

#define WITH_LOOPS(TEST) cmocka_unit_test_setup_teardown(TEST, open_loops, close_loops)
#define WITH_HELD_LOOPS(TEST) cmocka_unit_test_setup_teardown(TEST, open_held_loops, close_loops)

/* The thread of the session's loop, which calls a device that never blocks. */
static uintptr_t loop_of(struct client *c)
{
    assert_int_equal(0, client_read(c, 0, 1, data));
    return atomic_load(&disk.thread);
}

static void begin_port(struct client *c, uint8_t port)
{
    client_login_port(c, &disk, port, "ImmediateData=No\n");
    client_settle(c);
}

static void request(struct client *c, uint8_t function)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    client_send(c, bhs, NULL, 0);
}

static int ask(struct client *c, uint8_t function)
{
    request(c, function);
    client_expect(c, ISCSI_TASK_RESPONSE);
    return c->bhs[BHS_RESPONSE];
}

static bool says_something(const struct client *c)
{
    struct pollfd poller = { .fd = c->fd, .events = POLLIN };

    return poll(&poller, 1, 0) != 0;
}

static void a_session_is_on_the_loop_with_the_fewest(void **state)
{
    uintptr_t loops[4];

    (void)state;
    begin_port(&third, 1);
    begin_port(&fourth, 2);
    loops[0] = loop_of(&client);
    loops[1] = loop_of(&other);
    loops[2] = loop_of(&third);
    loops[3] = loop_of(&fourth);
    assert_true(loops[0] != loops[1]);
    assert_true(loops[0] == loops[2]);
    assert_true(loops[1] == loops[3]);
}

static void one_loop_is_the_default(void **state)
{
    (void)state;
    begin("");
    client_login_other(&other, &disk);
    assert_true(loop_of(&client) == loop_of(&other));
}

/* The new session meets the former one, although another loop has fewer sessions. */
static void a_session_that_begins_anew_stays_on_its_loop(void **state)
{
    uintptr_t loop = loop_of(&other);
    uint16_t tsih = other.tsih;

    (void)state;
    begin_port(&third, 1);
    client_connect(&fourth, &disk);
    fourth.isid[5] = 9;
    fourth.tsih = tsih; /* its connection is replaced: RFC 7143 6.3.4 */
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&fourth, 0x87, NAMES));
    assert_int_equal(tsih, be16_get(fourth.bhs + LOGIN_TSIH));
    client_expect_closed(&other);
    client_settle(&fourth);
    assert_true(loop == loop_of(&fourth));
}

static void a_session_to_join_must_be_there_on_any_loop(void **state)
{
    (void)state;
    client_connect(&third, &disk);
    third.isid[5] = 9;
    third.tsih = (uint16_t)(other.tsih + 77);
    assert_int_equal(LOGIN_NO_SESSION, client_login_step(&third, 0x87, NAMES));
    client_close(&third);
    client_connect(&third, &disk);
    third.isid[5] = 9;
    third.tsih = other.tsih;
    third.cid = (uint16_t)(other.cid + 1);
    assert_int_equal(LOGIN_TOO_MANY_CONNECTIONS, client_login_step(&third, 0x87, NAMES));
    third.tsih = third.cid = 0;
    client_ping(&other);
}

static void a_session_that_begins_anew_waits_for_writes_of_the_former(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    client_connect(&third, &disk);
    third.isid[5] = 9;
    client_send_login(&third, 0x87, NAMES "SessionType=Normal\n");
    client_expect_closed(&other);
    disk_wait_aborted(&disk, 1);
    client_ping(&client); /* the other loop does its work, */
    assert_false(says_something(&third)); /* and this one waits */
    disk_release(&disk);
    client_expect(&third, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(LOGIN_SUCCESS, be16_get(third.bhs + LOGIN_STATUS));
    client_settle(&third);
}

static void bytes_that_follow_a_login_too_early_are_refused(void **state)
{
    uint8_t bhs[2 * ISCSI_BHS] = { ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL };

    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    client_connect(&third, &disk);
    third.isid[5] = 9;
    client_send_login(&third, 0x87, NAMES "SessionType=Normal\n");
    client_expect_closed(&other); /* so the login is with the other loop */
    client_send_bytes(&third, bhs, sizeof bhs);
    client_expect(&third, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(LOGIN_INVALID_DURING_LOGIN, be16_get(third.bhs + LOGIN_STATUS));
}

static void a_reset_ends_commands_on_the_other_loop(void **state)
{
    static const struct {
        uint8_t function;
        uint16_t sense;
    } rows[] = { { TASK_CLEAR_SET, 0x2f00 }, { TASK_LUN_RESET, 0x2903 },
        { TASK_WARM_RESET, 0x2902 } };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t ttt, tag = client_start_write(&other, 1, &ttt);

        memset(data, 0x77, sizeof data);
        assert_int_equal(TASK_COMPLETE, ask(&client, rows[i].function));
        client_data_out(&other, tag, ttt, 0, 0, data, BLOCK, true); /* was on its way */
        client_ping(&other); /* and no answer to the write before this */
        assert_int_equal(rows[i].sense, client_sense(&other));
        assert_int_equal(0, client_sense(&other));
        client_sense(&client); /* perhaps its own */
        assert_int_equal(0, client_read(&client, 0, 1, data));
        assert_int_equal(0, data[0]);
    }
}

static void a_reset_waits_for_writes_on_the_other_loop(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    request(&client, TASK_LUN_RESET);
    disk_wait_aborted(&disk, 1);
    client_ping(&client); /* and no response yet */
    client_ping(&other);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
    client_ping(&other); /* and no status before this */
    assert_int_equal(0x2903, client_sense(&other));
}

/* Both loops begin a round, and each waits for the other's. */
static void resets_on_both_loops_wait_for_each_other(void **state)
{
    (void)state;
    client_give_write(&client);
    client_give_write(&other);
    disk_wait_held(&disk, 2);
    request(&client, TASK_LUN_RESET);
    request(&other, TASK_LUN_RESET);
    disk_wait_aborted(&disk, 2);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    client_expect(&other, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
    assert_int_equal(TASK_COMPLETE, other.bhs[BHS_RESPONSE]);
}

static void a_cold_reset_ends_the_sessions_of_both_loops(void **state)
{
    (void)state;
    assert_int_equal(TASK_COMPLETE, ask(&other, TASK_COLD_RESET));
    client_expect_closed(&other);
    assert_false(client_receive(&client)); /* before a ping, whose answer would be missed */
    begin_port(&third, 1);
}

static void a_target_reset_regards_initiators_of_the_other_loop(void **state)
{
    (void)state;
    client.fd = other.fd = third.fd = fourth.fd = -1;
    open_with("?threads=2");
    begin("");
    begin_port(&other, 9); /* the same initiator: RFC 7143 4.4.1 */
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_WARM_RESET));
    client_connect(&third, &disk);
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&third, 0x87, OTHER_NAMES));
    client_settle(&third);
    assert_int_equal(TASK_NOT_AUTHORIZED, ask(&other, TASK_WARM_RESET));
    assert_int_equal(TASK_NOT_AUTHORIZED, ask(&client, TASK_WARM_RESET));
}

static void a_unit_that_comes_or_goes_is_told_on_both_loops(void **state)
{
    (void)state;
    open_beside(TARGET "/1?threads=2&resets=all", false);
    assert_int_equal(LUNS_CHANGED, sense_at(&client, 0));
    assert_int_equal(LUNS_CHANGED, sense_at(&other, 0));
    assert_int_equal(3, report_luns(&client));
    assert_int_equal(0, sense_at(&client, 0));
    assert_int_equal(POWER_ON, sense_at(&other, 1));
    assert_int_equal(0, sense_at(&other, 1));
    close_beside();
    assert_int_equal(LUNS_CHANGED, sense_at(&client, 0));
    assert_int_equal(LUNS_CHANGED, sense_at(&other, 0));
    assert_int_equal(NOT_SUPPORTED, sense_at(&other, 1));
    assert_int_equal(1, report_luns(&other));
}

static void the_end_of_a_unit_ends_sessions_of_both_loops(void **state)
{
    (void)state;
    client_give_write(&client);
    client_give_write(&other);
    client_start_read(&other);
    disk_wait_held(&disk, 3);
    spd_unit_shutdown(disk.unit);
    client_expect_closed(&client);
    client_expect_closed(&other);
    disk_wait_aborted(&disk, 3);
}

/* The login has gone to the loop of its former session when that loop ends. */
static void the_end_of_a_unit_ends_a_login_that_waits(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    client_connect(&third, &disk);
    third.isid[5] = 9;
    client_send_login(&third, 0x87, NAMES "SessionType=Normal\n");
    client_expect_closed(&other);
    spd_unit_shutdown(disk.unit);
    client_expect_closed(&third);
}

static void units_of_an_address_have_the_same_loops(void **state)
{
    const spd_ops ops = { .size = sizeof ops, .submit = spd_inbox_submit };
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit;
    char name[512];

    (void)state;
    params.block_count = BLOCKS;
    disk_name_beside(name, &disk, OTHER_TARGET "?threads=3");
    assert_int_equal(SPD_ERROR_URI_PARAMETER,
        spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
    assert_memory_equal("threads", spd_error_detail(), strlen("threads"));
}

/* Whatever ends on another thread comes back to the right loop. */
static void loops_come_and_go(void **state)
{
    static const char *const numbers[] = { "?threads=1", "?threads=2", "?threads=64" };

    (void)state;
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        open_with(numbers[i]);
        begin("");
        begin_port(&other, 9);
        memset(data, 0x40 + (int)i, sizeof data);
        assert_int_equal(0, client_write(&client, 3, 1, data));
        assert_int_equal(0, client_read(&other, 3, 1, data));
        assert_int_equal(0x40 + i, data[BLOCK - 1]);
        client_close(&client);
        client_close(&other);
        disk_close(&disk);
    }
    open_with("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOPS(a_session_is_on_the_loop_with_the_fewest),
        WITH_DISK(one_loop_is_the_default),
        WITH_LOOPS(a_session_that_begins_anew_stays_on_its_loop),
        WITH_LOOPS(a_session_to_join_must_be_there_on_any_loop),
        WITH_HELD_LOOPS(a_session_that_begins_anew_waits_for_writes_of_the_former),
        WITH_HELD_LOOPS(bytes_that_follow_a_login_too_early_are_refused),
        WITH_LOOPS(a_reset_ends_commands_on_the_other_loop),
        WITH_HELD_LOOPS(a_reset_waits_for_writes_on_the_other_loop),
        WITH_HELD_LOOPS(resets_on_both_loops_wait_for_each_other),
        WITH_LOOPS(a_cold_reset_ends_the_sessions_of_both_loops),
        cmocka_unit_test_setup_teardown(
            a_target_reset_regards_initiators_of_the_other_loop, NULL, close_loops),
        WITH_LOOPS(a_unit_that_comes_or_goes_is_told_on_both_loops),
        WITH_HELD_LOOPS(the_end_of_a_unit_ends_sessions_of_both_loops),
        WITH_HELD_LOOPS(the_end_of_a_unit_ends_a_login_that_waits),
        WITH_LOOPS(units_of_an_address_have_the_same_loops),
        cmocka_unit_test_setup_teardown(loops_come_and_go, NULL, close_loops),
    };

    return cmocka_run_group_tests_name("iscsi loops", tests, NULL, NULL);
}
