/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Target resets, which end what others are at: who may do that, and what is promised of it. */

#include <string.h>

#include "fixture.h"

#define STRANGER "iqn.2026-01.org.example:stranger"

static int open_for_resets(void **state)
{
    (void)state;
    open_with("?resets=all");
    return 0;
}

static int open_without(void **state)
{
    (void)state;
    open_with("?resets=none");
    return 0;
}

static void login_stranger(void)
{
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87,
        "InitiatorName=" STRANGER "\nTargetName=" TARGET "\nSessionType=Normal\n"));
    client_settle(&other);
}

static int ask(struct client *c, uint8_t function)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_TASK_RESPONSE);
    return c->bhs[BHS_RESPONSE];
}

/* REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, byte 0. */
static uint8_t offered(struct client *c)
{
    uint8_t bhs[ISCSI_BHS], cdb[12] = { 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4 };

    client_command(c, bhs, ISCSI_FINAL | COMMAND_READ, 4, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_DATA_IN);
    assert_int_equal(4, c->length);
    return c->data[0];
}

static void a_target_reset_is_refused_while_another_initiator_is_there(void **state)
{
    (void)state;
    begin("");
    login_stranger();
    assert_int_equal(TASK_NOT_AUTHORIZED, ask(&client, TASK_WARM_RESET));
    assert_int_equal(TASK_NOT_AUTHORIZED, ask(&client, TASK_COLD_RESET));
    assert_int_equal(0, client_sense(&other)); /* it has noticed nothing */
    assert_int_equal(0, client_sense(&client));
}

static void a_logical_unit_reset_is_never_refused(void **state)
{
    (void)state;
    begin("");
    login_stranger();
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_LUN_RESET));
    assert_int_equal(0x2903, client_sense(&other));
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_CLEAR_SET));
}

static void an_initiator_that_is_alone_may_reset_the_target(void **state)
{
    (void)state;
    begin("");
    login_stranger();
    client_close(&other);
    client_login_port(&other, &disk, 9, ""); /* its own second path */
    client_settle(&other);
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_WARM_RESET));
    assert_int_equal(0x2902, client_sense(&other));
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_COLD_RESET));
    client_expect_closed(&client);
}

static void a_discovery_session_does_not_count(void **state)
{
    (void)state;
    begin("");
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87,
        "InitiatorName=" STRANGER "\nSessionType=Discovery\n"));
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_WARM_RESET));
}

static void where_all_may_a_target_reset_reaches_all(void **state)
{
    (void)state;
    begin("");
    login_stranger();
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_WARM_RESET));
    assert_int_equal(0x2902, client_sense(&client));
    assert_int_equal(0x2902, client_sense(&other));
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_COLD_RESET));
    client_expect_closed(&client);
    client_expect_closed(&other);
}

/* SPC-4 6.36: byte 0, bit 1. */
static void a_target_reset_is_offered_where_it_is_never_refused(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(0xda, offered(&client));
}

static void a_target_reset_is_not_offered_elsewhere(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(0xd8, offered(&client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(a_target_reset_is_refused_while_another_initiator_is_there),
        WITH(open_without, a_target_reset_is_refused_while_another_initiator_is_there),
        WITH_DISK(a_logical_unit_reset_is_never_refused),
        WITH_DISK(an_initiator_that_is_alone_may_reset_the_target),
        WITH_DISK(a_discovery_session_does_not_count),
        WITH(open_for_resets, where_all_may_a_target_reset_reaches_all),
        WITH(open_for_resets, a_target_reset_is_offered_where_it_is_never_refused),
        WITH_DISK(a_target_reset_is_not_offered_elsewhere),
        WITH(open_without, a_target_reset_is_not_offered_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
