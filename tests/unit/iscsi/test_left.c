/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reads that the device does not give back: nobody waits for them once they are aborted. */

#include <string.h>

#include "fixture.h"

static int ask(struct client *c, uint8_t function, uint32_t tag)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    be32_put(bhs + TASK_REFERENCED_TAG, tag);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_TASK_RESPONSE);
    return c->bhs[BHS_RESPONSE];
}

static void their_abort_is_answered_at_once(void **state)
{
    static const uint8_t functions[] = { TASK_ABORT, TASK_ABORT_SET, TASK_CLEAR_SET,
        TASK_LUN_RESET, TASK_WARM_RESET };

    (void)state;
    for (unsigned i = 0; i < sizeof functions; i++) {
        uint32_t tag = client_start_read(&client);

        disk_wait_held(&disk, i + 1);
        assert_int_equal(TASK_COMPLETE, ask(&client, functions[i], tag));
        assert_int_equal(i + 1, disk_aborted());
        if (functions[i] >= TASK_LUN_RESET)
            client_sense(&client);
    }
    client_ping(&client); /* and no data before it */
    disk_release(&disk);
    client_ping(&client);
    assert_int_equal(0, client_sense(&client));
}

static void a_logout_is_answered_at_once(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    client_start_read(&client);
    disk_wait_held(&disk, 1);
    client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_LOGOUT_RESPONSE);
    assert_false(client_receive(&client));
}

static void their_initiator_gets_in_at_once(void **state)
{
    uint32_t tag;

    (void)state;
    client_start_read(&client);
    disk_wait_held(&disk, 1);
    client_close(&client);
    client_login(&client, &disk, "");
    client_settle(&client);
    tag = client_start_read(&client);
    disk_wait_held(&disk, 2);
    disk_release(&disk);
    client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(tag, be32_get(client.bhs + BHS_ITT));
    client_ping(&client); /* nothing of the former session */
}

/* An exclusive task waits until it is alone with the device, and those after it wait for it. */
static void an_exclusive_command_does_not_wait_for_them(void **state)
{
    uint8_t bhs[ISCSI_BHS], reserve[10] = { 0x56 };
    uint32_t tag = client_start_read(&client);

    (void)state;
    disk_wait_held(&disk, 1);
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_ABORT, tag));
    client_command(&client, bhs, ISCSI_FINAL, 0, reserve, sizeof reserve);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0, client_status(&client, client.itt));
}

/* RESERVE ends with its session, not when the device gives back what that one had. */
static void they_keep_no_reservation(void **state)
{
    uint8_t bhs[ISCSI_BHS], reserve[10] = { 0x56 };

    (void)state;
    client_command(&client, bhs, ISCSI_FINAL, 0, reserve, sizeof reserve);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0, client_status(&client, client.itt));
    client_start_read(&client);
    disk_wait_held(&disk, 1);
    client_close(&client);
    client_login(&client, &disk, "");
    client_settle(&client);
    client_login_other(&other, &disk);
    client_command(&client, bhs, ISCSI_FINAL, 0, reserve, sizeof reserve);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0, client_status(&client, client.itt));
    disk_release(&disk);
    client_ping(&client);
    /* TEST UNIT READY conflicts with the reservation of another initiator: it has outlived the
     * former session's read. */
    assert_int_equal(0x18, client_status(&other, client_start_test(&other, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HELD_SESSION(their_abort_is_answered_at_once),
        WITH_HELD_SESSION(a_logout_is_answered_at_once),
        WITH_HELD_SESSION(their_initiator_gets_in_at_once),
        WITH_HELD_SESSION(an_exclusive_command_does_not_wait_for_them),
        WITH_HELD_SESSION(they_keep_no_reservation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
