/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Initiator task tags: RFC 7143 11.2.1.8. */

#include "fixture.h"

static void expect_reject(struct client *c, uint8_t reason)
{
    client_expect(c, ISCSI_REJECT);
    assert_int_equal(reason, c->bhs[BHS_RESPONSE]);
}

static void a_task_tag_in_use_is_rejected(void **state)
{
    static const uint8_t data[BLOCK] = { 1 };
    uint8_t bhs[ISCSI_BHS];
    uint32_t ttt, reader = client_start_read(&client);
    uint32_t writer = client_start_write(&client, 1, &ttt);

    (void)state;
    client_read10(&client, bhs, 0, 1);
    be32_put(bhs + BHS_ITT, reader);
    client_send(&client, bhs, NULL, 0);
    expect_reject(&client, REJECT_TASK_IN_PROGRESS);
    assert_int_equal(client.cmd_sn - 1, be32_get(client.bhs + BHS_EXP_CMD_SN));
    bhs[0] |= ISCSI_IMMEDIATE;
    be32_put(bhs + BHS_ITT, writer);
    client_send(&client, bhs, NULL, 0);
    expect_reject(&client, REJECT_TASK_IN_PROGRESS);
    /* The same CmdSN with a tag of its own; and the tasks in progress have noticed nothing. */
    bhs[0] &= (uint8_t)~ISCSI_IMMEDIATE;
    be32_put(bhs + BHS_ITT, ++client.itt);
    client_send(&client, bhs, NULL, 0);
    client_data_out(&client, writer, ttt, 0, 0, data, BLOCK, true);
    disk_wait_held(&disk, 3);
    disk_release(&disk);
    for (int i = 0; i < 3; i++) {
        assert_true(client_receive(&client));
        assert_int_equal(0, client.bhs[BHS_STATUS]);
    }
    assert_int_equal(1, disk.memory[0]);
}

static void the_tag_of_a_command_that_waits_for_its_turn_is_in_use(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };
    uint32_t ttt;

    (void)state;
    client_start_write(&client, 2, &ttt);
    client_start_test(&client, 1);
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    be32_put(bhs + BHS_ITT, --client.itt);
    client_send(&client, bhs, NULL, 0);
    expect_reject(&client, REJECT_TASK_IN_PROGRESS);
}

static void a_tag_is_free_when_its_task_has_ended(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    uint32_t tag = client_give_write(&client);

    (void)state;
    client_login_other(&other, &disk);
    disk_wait_held(&disk, 1);
    client_header(&other, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | TASK_LUN_RESET);
    client_send(&other, bhs, NULL, 0);
    client_ping(&other); /* it has begun, and waits */
    assert_int_equal(0x2903, client_sense(&client));
    /* The device still has the task; the initiator knows that it is gone. */
    client_read10(&client, bhs, 0, 1);
    be32_put(bhs + BHS_ITT, tag);
    client_send(&client, bhs, NULL, 0);
    client_ping(&client); /* and no reject */
    disk_wait_held(&disk, 2);
    disk_release(&disk);
    for (int i = 0; i < 2; i++) {
        client_expect(&client, ISCSI_DATA_IN);
        assert_int_equal(tag, be32_get(client.bhs + BHS_ITT));
        if (i == 1)
            break;
        client_read10(&client, bhs, 0, 1);
        be32_put(bhs + BHS_ITT, tag);
        client_send(&client, bhs, NULL, 0);
        disk_wait_held(&disk, 1);
        disk_release(&disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HELD_SESSION(a_task_tag_in_use_is_rejected),
        WITH_HELD_SESSION(the_tag_of_a_command_that_waits_for_its_turn_is_in_use),
        WITH_HELD_SESSION(a_tag_is_free_when_its_task_has_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
