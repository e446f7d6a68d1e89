/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Task management, against a device that holds on to what it is given. */

#include <string.h>

#include "fixture.h"

static uint32_t requested; /* the tag of the last function */

static void request(struct client *c, uint8_t function, uint32_t tag, uint8_t lun)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    be32_put(bhs + TASK_REFERENCED_TAG, tag);
    bhs[BHS_LUN + 1] = lun;
    client_send(c, bhs, NULL, 0);
    requested = c->itt;
}

static int response(struct client *c)
{
    client_expect(c, ISCSI_TASK_RESPONSE);
    assert_int_equal(requested, be32_get(c->bhs + BHS_ITT));
    return c->bhs[BHS_RESPONSE];
}

static void an_abort_is_answered_when_the_device_is_done(void **state)
{
    uint32_t tag = client_give_write(&client);

    (void)state;
    disk_wait_held(&disk, 1);
    request(&client, TASK_ABORT, tag, 0);
    client_ping(&client); /* and no response yet, although the NOP came later */
    disk_release(&disk);
    assert_int_equal(TASK_COMPLETE, response(&client));
    client_ping(&client); /* nothing of the task itself */
}

static void a_logout_is_answered_when_the_device_is_done(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    client_send(&client, bhs, NULL, 0);
    client_ping(&client); /* and no response yet, although the NOP came later */
    disk_release(&disk);
    client_expect(&client, ISCSI_LOGOUT_RESPONSE);
    assert_int_equal(0, client.bhs[BHS_RESPONSE]);
    assert_false(client_receive(&client));
}

static void a_task_that_waits_for_data_is_aborted_at_once(void **state)
{
    uint8_t bhs[ISCSI_BHS], data[BLOCK] = { 1 };
    uint32_t tag, ttt;

    (void)state;
    client_write10(&client, bhs, 0, 1);
    client_send(&client, bhs, NULL, 0);
    tag = client.itt;
    client_expect(&client, ISCSI_R2T);
    ttt = be32_get(client.bhs + BHS_TTT);
    request(&client, TASK_ABORT, tag, 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    client_data_out(&client, tag, ttt, 0, 0, data, BLOCK, true); /* was on its way */
    client_ping(&client);
    assert_int_equal(0, disk.memory[0]);
}

static void an_ordered_command_waits_for_the_data_of_those_before_it(void **state)
{
    static const uint8_t data[BLOCK];
    uint32_t ttt, writer = client_start_write(&client, 1, &ttt);
    uint32_t ordered = client_start_test(&client, 2);

    (void)state;
    client_ping(&client);
    client_data_out(&client, writer, ttt, 0, 0, data, BLOCK, true);
    assert_int_equal(0, client_status(&client, ordered));
    disk_wait_held(&disk, 1);
    disk_release(&disk);
    assert_int_equal(0, client_status(&client, writer));
}

static void those_after_an_ordered_command_wait_for_its_data(void **state)
{
    static const uint8_t data[BLOCK];
    uint32_t ttt, writer = client_start_write(&client, 2, &ttt);
    uint32_t simple = client_start_test(&client, 1);

    (void)state;
    client_ping(&client);
    client_data_out(&client, writer, ttt, 0, 0, data, BLOCK, true);
    assert_int_equal(0, client_status(&client, simple));
    disk_wait_held(&disk, 1);
    disk_release(&disk);
    assert_int_equal(0, client_status(&client, writer));
}

/* The commands that waited for it learn of the reset: it came before them. */
static void a_reset_lets_those_begin_that_waited_for_data(void **state)
{
    static const struct {
        uint8_t function;
        uint16_t sense;
    } rows[] = { { TASK_CLEAR_SET, 0x2f00 }, { TASK_LUN_RESET, 0x2903 },
        { TASK_WARM_RESET, 0x2902 } };
    uint32_t ttt, test;

    (void)state;
    client_login_other(&other, &disk);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint8_t attribute = 1; attribute <= 2; attribute++) {
            client_start_write(&client, attribute, &ttt);
            test = client_start_test(&client, attribute ^ 3);
            client_ping(&client);
            request(&other, rows[i].function, 0, 0);
            assert_int_equal(TASK_COMPLETE, response(&other));
            assert_int_equal(2, client_status(&client, test)); /* and nothing from us meanwhile */
            assert_int_equal(rows[i].sense, be16_get(client.data + 14));
            if (rows[i].function != TASK_CLEAR_SET)
                assert_int_equal(rows[i].sense, client_sense(&other));
        }
}

static void an_abort_lets_those_begin_that_waited_for_data(void **state)
{
    uint32_t ttt, writer = client_start_write(&client, 2, &ttt);
    uint32_t simple = client_start_test(&client, 1);

    (void)state;
    client_ping(&client);
    request(&client, TASK_ABORT, writer, 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    assert_int_equal(0, client_status(&client, simple));
}

static void a_command_that_waits_for_its_turn_can_be_aborted(void **state)
{
    static const uint8_t data[BLOCK];
    uint32_t ttt, writer = client_start_write(&client, 1, &ttt);
    uint32_t ordered = client_start_test(&client, 2);

    (void)state;
    request(&client, TASK_ABORT, ordered, 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    client_data_out(&client, writer, ttt, 0, 0, data, BLOCK, true);
    disk_wait_held(&disk, 1);
    disk_release(&disk);
    assert_int_equal(0, client_status(&client, writer));
    /* Its CmdSN is counted. */
    assert_int_equal(0, client_status(&client, client_start_test(&client, 1)));
}

static void abort_task_set_ends_commands_that_wait_for_their_turn(void **state)
{
    uint32_t ttt;

    (void)state;
    client_start_write(&client, 1, &ttt);
    client_start_test(&client, 2);
    client_start_test(&client, 1);
    request(&client, TASK_ABORT_SET, 0, 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    assert_int_equal(0, client_status(&client, client_start_test(&client, 1)));
}

static void a_session_may_end_while_commands_wait_for_their_turn(void **state)
{
    uint32_t ttt;

    (void)state;
    client_start_write(&client, 2, &ttt);
    request(&client, TASK_ABORT, client_start_test(&client, 1), 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    client_start_test(&client, 1);
    client_close(&client);
    client_login_other(&other, &disk);
}

static void a_logout_ends_commands_that_wait_for_their_turn(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    uint32_t ttt;

    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    client_start_write(&client, 2, &ttt);
    client_start_test(&client, 1);
    client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    client_send(&client, bhs, NULL, 0);
    client_ping(&client); /* and no status before it, although the write is gone */
    disk_release(&disk);
    client_expect(&client, ISCSI_LOGOUT_RESPONSE);
}

static void aborting_no_task_says_so(void **state)
{
    (void)state;
    request(&client, TASK_ABORT, 0x4242, 0);
    assert_int_equal(TASK_NO_TASK, response(&client));
}

static void abort_task_set_ends_ones_own_tasks_only(void **state)
{
    uint32_t tag;

    (void)state;
    client_login_other(&other, &disk);
    client_give_write(&client);
    client_give_write(&client);
    tag = client_start_read(&other);
    disk_wait_held(&disk, 3);
    request(&client, TASK_ABORT_SET, 0, 0);
    client_ping(&client); /* it has begun, and waits */
    disk_release(&disk);
    assert_int_equal(TASK_COMPLETE, response(&client));
    client_expect(&other, ISCSI_DATA_IN);
    assert_int_equal(tag, be32_get(other.bhs + BHS_ITT));
    assert_int_equal(0, client_sense(&other));
}

static void clear_task_set_ends_all_and_tells_the_others(void **state)
{
    (void)state;
    client_login_other(&other, &disk);
    client_give_write(&client);
    client_give_write(&other);
    disk_wait_held(&disk, 2);
    request(&client, TASK_CLEAR_SET, 0, 0);
    client_ping(&client); /* it has begun, and waits */
    disk_release(&disk);
    assert_int_equal(TASK_COMPLETE, response(&client));
    assert_int_equal(0, client_sense(&client));
    assert_int_equal(0x2f00, client_sense(&other));
    assert_int_equal(0, client_sense(&other));
}

static void a_reset_ends_all_and_tells_everybody(void **state)
{
    static const struct {
        uint8_t function;
        uint16_t sense;
    } rows[] = { { TASK_LUN_RESET, 0x2903 }, { TASK_WARM_RESET, 0x2902 } };

    (void)state;
    client_login_other(&other, &disk);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_give_write(&client);
        client_give_write(&other);
        disk_wait_held(&disk, 2);
        request(&client, rows[i].function, 0, 0);
        client_ping(&client); /* it has begun, and waits */
        disk_release(&disk);
        assert_int_equal(TASK_COMPLETE, response(&client));
        assert_int_equal(rows[i].sense, client_sense(&client));
        assert_int_equal(rows[i].sense, client_sense(&other));
    }
}

static void a_cold_reset_ends_all_sessions(void **state)
{
    (void)state;
    client_login_other(&other, &disk);
    request(&client, TASK_COLD_RESET, 0, 0);
    assert_int_equal(TASK_COMPLETE, response(&client));
    assert_false(client_receive(&client));
    assert_false(client_receive(&other));
}

static void what_cannot_be_done_is_answered_with_the_reason(void **state)
{
    static const struct {
        uint8_t function;
        uint8_t lun;
        uint8_t response;
    } rows[] = {
        { TASK_ABORT_SET, 1, TASK_NO_LUN },
        { TASK_LUN_RESET, 1, TASK_NO_LUN },
        { TASK_CLEAR_ACA, 0, TASK_NOT_SUPPORTED },
        { TASK_REASSIGN, 0, TASK_NO_REASSIGN },
        { 9, 0, TASK_NOT_SUPPORTED },
        { 0x7f, 0, TASK_NOT_SUPPORTED },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        request(&client, rows[i].function, 0, rows[i].lun);
        assert_int_equal(rows[i].response, response(&client));
    }
}

static void several_functions_wait_for_the_same_task(void **state)
{
    uint32_t tag = client_give_write(&client);

    (void)state;
    disk_wait_held(&disk, 1);
    request(&client, TASK_ABORT, tag, 0);
    request(&client, TASK_ABORT_SET, 0, 0);
    request(&client, TASK_LUN_RESET, 0, 0);
    client_ping(&client);
    disk_release(&disk);
    for (int i = 0; i < 3; i++) {
        client_expect(&client, ISCSI_TASK_RESPONSE);
        assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
    }
}

static void a_session_may_go_while_its_functions_wait(void **state)
{
    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    request(&client, TASK_LUN_RESET, 0, 0);
    client_ping(&client);
    client_close(&client);
    client_login_other(&other, &disk);
    disk_release(&disk);
    client_ping(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HELD_SESSION(an_abort_is_answered_when_the_device_is_done),
        WITH_HELD_SESSION(a_logout_is_answered_when_the_device_is_done),
        WITH_HELD_SESSION(a_task_that_waits_for_data_is_aborted_at_once),
        WITH_HELD_SESSION(an_ordered_command_waits_for_the_data_of_those_before_it),
        WITH_HELD_SESSION(those_after_an_ordered_command_wait_for_its_data),
        WITH_HELD_SESSION(a_reset_lets_those_begin_that_waited_for_data),
        WITH_HELD_SESSION(an_abort_lets_those_begin_that_waited_for_data),
        WITH_HELD_SESSION(a_command_that_waits_for_its_turn_can_be_aborted),
        WITH_HELD_SESSION(abort_task_set_ends_commands_that_wait_for_their_turn),
        WITH_HELD_SESSION(a_session_may_end_while_commands_wait_for_their_turn),
        WITH_HELD_SESSION(a_logout_ends_commands_that_wait_for_their_turn),
        WITH_HELD_SESSION(aborting_no_task_says_so),
        WITH_HELD_SESSION(abort_task_set_ends_ones_own_tasks_only),
        WITH_HELD_SESSION(clear_task_set_ends_all_and_tells_the_others),
        WITH_HELD_SESSION(a_reset_ends_all_and_tells_everybody),
        WITH_HELD_SESSION(a_cold_reset_ends_all_sessions),
        WITH_HELD_SESSION(what_cannot_be_done_is_answered_with_the_reason),
        WITH_HELD_SESSION(several_functions_wait_for_the_same_task),
        WITH_HELD_SESSION(a_session_may_go_while_its_functions_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
