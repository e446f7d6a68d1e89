/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sessions: command window, order, NOPs, logout, reinstatement, breaches of the protocol. */

#include <poll.h>
#include <string.h>

#include "fixture.h"

static void a_nop_out_is_echoed(void **state)
{
    (void)state;
    begin("");
    client_nop_out(&client, ISCSI_NOP_OUT, "hello", 5);
    client_expect(&client, ISCSI_NOP_IN);
    assert_int_equal(client.itt, be32_get(client.bhs + BHS_ITT));
    assert_int_equal(ISCSI_NO_TAG, be32_get(client.bhs + BHS_TTT));
    assert_int_equal(5, client.length);
    assert_memory_equal("hello", client.data, 5);
    assert_int_equal(client.cmd_sn, be32_get(client.bhs + BHS_EXP_CMD_SN));
}

static void stat_sn_counts_answers(void **state)
{
    uint32_t stat_sn;

    (void)state;
    begin("");
    stat_sn = be32_get(client.bhs + BHS_STAT_SN);
    for (uint32_t i = 1; i < 4; i++) {
        client_ping(&client);
        assert_int_equal(stat_sn + i, be32_get(client.bhs + BHS_STAT_SN));
    }
}

static void requests_are_put_in_order(void **state)
{
    uint8_t first[ISCSI_BHS], second[ISCSI_BHS], third[ISCSI_BHS], data[BLOCK];
    uint8_t cdb[6] = { 0 };

    (void)state;
    begin("");
    memset(data, 0x5a, sizeof data);
    client_command(&client, first, ISCSI_FINAL, 0, cdb, sizeof cdb);
    client_write10(&client, second, 1, 1);
    client_header(&client, third, ISCSI_NOP_OUT, ISCSI_FINAL);
    be32_put(third + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, third, "third", 5);
    client_send(&client, second, data, BLOCK);
    client_ping(&client); /* the immediate one overtakes all */
    client_send(&client, first, NULL, 0);
    assert_int_equal(0, client_status(&client, be32_get(first + BHS_ITT)));
    /* The write runs while the NOP after it is answered: their order is not defined. */
    for (int i = 0; i < 2; i++) {
        assert_true(client_receive(&client));
        if (client.bhs[0] == ISCSI_NOP_IN)
            assert_memory_equal("third", client.data, 5);
        else
            assert_int_equal(be32_get(second + BHS_ITT), be32_get(client.bhs + BHS_ITT));
    }
    assert_memory_equal(data, disk.memory + BLOCK, BLOCK);
}

static void requests_outside_the_window_are_ignored(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };
    uint32_t cmd_sn;

    (void)state;
    begin("");
    cmd_sn = client.cmd_sn;
    assert_int_equal(cmd_sn + QUEUE_DEPTH - 1, be32_get(client.bhs + BHS_MAX_CMD_SN));
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    be32_put(bhs + BHS_CMD_SN, cmd_sn + QUEUE_DEPTH);
    client_send(&client, bhs, NULL, 0);
    be32_put(bhs + BHS_CMD_SN, cmd_sn - 1);
    client_send(&client, bhs, NULL, 0);
    client.cmd_sn = cmd_sn;
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0, client_status(&client, client.itt));
    assert_int_equal(cmd_sn + 1, be32_get(client.bhs + BHS_EXP_CMD_SN));
}

static void the_window_closes_and_opens(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    for (unsigned i = 0; i < QUEUE_DEPTH; i++) {
        client_read10(&client, bhs, i, 1);
        client_send(&client, bhs, NULL, 0);
    }
    disk_wait_held(&disk, QUEUE_DEPTH);
    client_ping(&client);
    assert_int_equal(client.cmd_sn, be32_get(client.bhs + BHS_EXP_CMD_SN));
    assert_int_equal(client.cmd_sn - 1, be32_get(client.bhs + BHS_MAX_CMD_SN));
    disk_release(&disk);
    for (unsigned i = 0; i < QUEUE_DEPTH; i++)
        client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(client.cmd_sn + QUEUE_DEPTH - 1, be32_get(client.bhs + BHS_MAX_CMD_SN));
}

static void logout_closes_the_session(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_LOGOUT_RESPONSE);
    assert_int_equal(0, client.bhs[BHS_RESPONSE]);
    assert_false(client_receive(&client));
}

static void logouts_that_cannot_be_are_refused(void **state)
{
    static const struct {
        uint8_t reason;
        uint16_t cid;
        uint8_t response;
    } rows[] = { { 1, 5, 1 }, { 2, 0, 2 }, { 3, 0, 3 } };
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE,
            ISCSI_FINAL | rows[i].reason);
        be16_put(bhs + LOGOUT_CID, rows[i].cid);
        client_send(&client, bhs, NULL, 0);
        client_expect(&client, ISCSI_LOGOUT_RESPONSE);
        assert_int_equal(rows[i].response, client.bhs[BHS_RESPONSE]);
    }
    client_nop_out(&client, ISCSI_NOP_OUT, NULL, 0);
    client_expect(&client, ISCSI_NOP_IN);
}

static void several_initiators_share_the_disk(void **state)
{
    uint8_t data[BLOCK], back[BLOCK];

    (void)state;
    begin("");
    client_login_other(&other, &disk);
    assert_int_not_equal(client.tsih, other.tsih);
    memset(data, 0x77, sizeof data);
    assert_int_equal(0, client_write(&client, 4, 1, data));
    assert_int_equal(0, client_read(&other, 4, 1, back));
    assert_memory_equal(data, back, BLOCK);
}

static void the_same_initiator_port_again_ends_its_session(void **state)
{
    (void)state;
    begin("");
    client_login(&other, &disk, "");
    assert_int_not_equal(client.tsih, other.tsih);
    assert_false(client_receive(&client));
    client_settle(&other);
}

static void a_connection_is_reinstated_in_its_session(void **state)
{
    (void)state;
    begin("");
    client_connect(&other, &disk);
    other.tsih = client.tsih;
    assert_int_equal(0, client_login_step(&other, 0x87, NAMES));
    assert_int_equal(client.tsih, be16_get(other.bhs + LOGIN_TSIH));
    assert_false(client_receive(&client));
    client_settle(&other);
}

static void a_second_connection_is_one_too_many(void **state)
{
    (void)state;
    begin("");
    client_connect(&other, &disk);
    other.tsih = client.tsih;
    other.cid = 1;
    assert_int_equal(LOGIN_TOO_MANY_CONNECTIONS, client_login_step(&other, 0x87, NAMES));
    client_nop_out(&client, ISCSI_NOP_OUT, NULL, 0);
    client_expect(&client, ISCSI_NOP_IN);
}

static void a_new_session_waits_for_the_writes_of_the_old(void **state)
{
    uint8_t bhs[ISCSI_BHS], data[BLOCK];
    struct pollfd poller = { .events = POLLIN };

    (void)state;
    begin("");
    memset(data, 0x11, sizeof data);
    client_write10(&client, bhs, 0, 1);
    client_send(&client, bhs, data, BLOCK);
    disk_wait_held(&disk, 1);
    client_connect(&other, &disk);
    client_send_login(&other, 0x87, NAMES);
    poller.fd = other.fd;
    assert_false(client_receive(&client)); /* the old one is gone, its write is not */
    assert_int_equal(0, disk.memory[0]);
    /* Later requests have been answered, but not this one. */
    client_login_discovery(&client, &disk);
    assert_int_equal(0, poll(&poller, 1, 0));
    disk_release(&disk);
    client_expect(&other, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(0, be16_get(other.bhs + LOGIN_STATUS));
    assert_int_equal(0x11, disk.memory[0]);
}

static void logins_that_wait_replace_each_other(void **state)
{
    static struct client waiting[3];
    unsigned alive = 0;

    (void)state;
    begin("");
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    for (unsigned i = 0; i < 3; i++) {
        client_connect(&waiting[i], &disk);
        client_send_login(&waiting[i], 0x87, NAMES);
    }
    assert_false(client_receive(&client));
    client_login_discovery(&client, &disk);
    disk_release(&disk);
    /* In whatever order they came, one is left. */
    for (unsigned i = 0; i < 3; i++) {
        client_expect(&waiting[i], ISCSI_LOGIN_RESPONSE);
        assert_int_equal(0, be16_get(waiting[i].bhs + LOGIN_STATUS));
    }
    client_login_discovery(&other, &disk);
    for (unsigned i = 0; i < 3; i++) {
        struct pollfd poller = { .fd = waiting[i].fd, .events = POLLIN };

        alive += poll(&poller, 1, 0) == 0;
        client_close(&waiting[i]);
    }
    assert_int_equal(1, alive);
}

static void a_silent_initiator_is_pinged_and_dropped(void **state)
{
    (void)state;
    begin("");
    client_expect(&client, ISCSI_NOP_IN);
    assert_int_equal(ISCSI_NO_TAG, be32_get(client.bhs + BHS_ITT));
    assert_int_not_equal(ISCSI_NO_TAG, be32_get(client.bhs + BHS_TTT));
    assert_false(client_receive(&client));
}

static void an_initiator_that_answers_pings_stays(void **state)
{
    (void)state;
    begin("");
    for (int i = 0; i < 3; i++)
        client_answer_ping(&client);
}

static void shutdown_is_announced(void **state)
{
    (void)state;
    begin("");
    spd_unit_shutdown(disk.unit);
    client_expect(&client, ISCSI_ASYNC);
    assert_int_equal(3, client.bhs[ASYNC_EVENT]);
    assert_false(client_receive(&client));
}

static void shutdown_waits_for_what_the_device_has(void **state)
{
    (void)state;
    begin("");
    client_start_read(&client);
    disk_wait_held(&disk, 1);
    spd_unit_shutdown(disk.unit);
    client_expect_closed(&client);
    disk_release(&disk);
    assert_int_equal(0, spd_unit_wait(disk.unit));
}

/* Each costs its sender the connection, after a reject that says why. */
static void breaches_cost_the_connection(void **state)
{
    enum { BREACHES = 11 };

    (void)state;
    client_login(&other, &disk, "");
    client_settle(&other);
    for (int breach = 0; breach < BREACHES; breach++) {
        uint8_t bhs[ISCSI_BHS], data[4096] = { 0 };
        uint32_t length = 0;

        client_login_port(&client, &disk, 1,
            "InitialR2T=Yes\nImmediateData=Yes\nFirstBurstLength=1024\n");
        client_settle(&client);
        client_write10(&client, bhs, 0, 8);
        switch (breach) {
        case 0: /* no unsolicited Data-Outs were negotiated */
            bhs[BHS_FLAGS] &= 0x7f;
            break;
        case 1: /* more than FirstBurstLength */
            length = 1028;
            break;
        case 2: /* more than expected */
            be32_put(bhs + COMMAND_EXPECTED_LENGTH, 512);
            length = 516;
            break;
        case 3: /* data with a read */
            bhs[BHS_FLAGS] = ISCSI_FINAL | COMMAND_READ;
            length = 512;
            break;
        case 4: /* the reserved tag */
            be32_put(bhs + BHS_ITT, ISCSI_NO_TAG);
            break;
        case 5: /* a login again */
            bhs[0] = ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE;
            break;
        case 6: /* an additional header segment longer than all of them */
            bhs[BHS_AHS_LENGTH] = 1;
            client_send_bytes(&client, bhs, ISCSI_BHS);
            memset(bhs, 0, sizeof bhs);
            be16_put(bhs, 9);
            client_send_bytes(&client, bhs, 4);
            bhs[0] = 0xff;
            break;
        case 7: /* more data than any R2T */
        case 8: /* a burst without end */
        case 9: /* at the wrong place */
            client_send(&client, bhs, NULL, 0);
            client_expect(&client, ISCSI_R2T);
            client_data_out(&client, client.itt, be32_get(client.bhs + BHS_TTT), 0,
                breach == 9 ? 512 : 0, data, 3584, false);
            client_data_out(&client, client.itt, be32_get(client.bhs + BHS_TTT), 1, 3584, data,
                breach == 7 ? 1024 : 512, breach == 7);
            bhs[0] = 0xff;
            break;
        case 10: /* a segment longer than we declared */
            be24_put(bhs + BHS_DATA_LENGTH, ISCSI_RECEIVE_MAX + 1);
            client_send_bytes(&client, bhs, ISCSI_BHS);
            bhs[0] = 0xff;
            break;
        }
        if (bhs[0] != 0xff)
            client_send(&client, bhs, data, length);
        client_expect(&client, ISCSI_REJECT);
        client_expect_closed(&client);
        /* Nobody else notices. */
        client_nop_out(&other, ISCSI_NOP_OUT, NULL, 0);
        client_expect(&other, ISCSI_NOP_IN);
    }
}

static void unknown_requests_are_rejected(void **state)
{
    static const struct {
        uint8_t opcode;
        uint8_t reason;
    } rows[] = { { ISCSI_SNACK, REJECT_SNACK }, { 0x1c, REJECT_NOT_SUPPORTED },
        { 0x3f, REJECT_NOT_SUPPORTED } };
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_header(&client, bhs, rows[i].opcode | ISCSI_IMMEDIATE, ISCSI_FINAL);
        client_send(&client, bhs, "data", 4);
        client_expect(&client, ISCSI_REJECT);
        assert_int_equal(rows[i].reason, client.bhs[BHS_RESPONSE]);
        assert_int_equal(ISCSI_BHS, client.length);
        be24_put(bhs + BHS_DATA_LENGTH, 4);
        assert_memory_equal(bhs, client.data, ISCSI_BHS);
    }
    client_nop_out(&client, ISCSI_NOP_OUT, NULL, 0);
    client_expect(&client, ISCSI_NOP_IN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(a_nop_out_is_echoed),
        WITH_DISK(stat_sn_counts_answers),
        WITH_DISK(requests_are_put_in_order),
        WITH_DISK(requests_outside_the_window_are_ignored),
        WITH_HELD(the_window_closes_and_opens),
        WITH_DISK(logout_closes_the_session),
        WITH_DISK(logouts_that_cannot_be_are_refused),
        WITH_DISK(several_initiators_share_the_disk),
        WITH_DISK(the_same_initiator_port_again_ends_its_session),
        WITH_DISK(a_connection_is_reinstated_in_its_session),
        WITH_DISK(a_second_connection_is_one_too_many),
        WITH_HELD(a_new_session_waits_for_the_writes_of_the_old),
        WITH_HELD(logins_that_wait_replace_each_other),
        WITH_WATCHFUL(a_silent_initiator_is_pinged_and_dropped),
        WITH_PINGING(an_initiator_that_answers_pings_stays),
        WITH_DISK(shutdown_is_announced),
        WITH_HELD(shutdown_waits_for_what_the_device_has),
        WITH_DISK(breaches_cost_the_connection),
        WITH_DISK(unknown_requests_are_rejected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
