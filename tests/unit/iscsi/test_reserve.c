/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Persistent reservations of initiators that have sessions. */

#include <string.h>

#include "fixture.h"

enum { REGISTER = 0, RESERVE = 1, PREEMPT_AND_ABORT = 5 };
enum { WRITE_EXCLUSIVE = 1, WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5 };
enum { SIMPLE = 1 }; /* task attribute */
enum { OURS = 1, THEIRS = 2 }; /* keys */

static int reserve_out(struct client *c, uint8_t action, uint8_t type, uint8_t key,
    uint8_t action_key)
{
    const uint8_t cdb[10] = { 0x5f, action, type, [8] = 24 };
    const uint8_t list[24] = { [7] = key, [15] = action_key };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL | COMMAND_WRITE, sizeof list, cdb, sizeof cdb);
    client_send(c, bhs, list, sizeof list);
    return client_status(c, c->itt);
}

/* The same of a session whose data waits to be asked for. */
static int reserve_out_later(struct client *c, uint8_t action, uint8_t key, uint8_t action_key)
{
    const uint8_t cdb[10] = { 0x5f, action, WRITE_EXCLUSIVE_REGISTRANTS_ONLY, [8] = 24 };
    const uint8_t list[24] = { [7] = key, [15] = action_key };
    uint8_t bhs[ISCSI_BHS];
    uint32_t tag;

    client_command(c, bhs, ISCSI_FINAL | COMMAND_WRITE, sizeof list, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    tag = c->itt;
    client_expect(c, ISCSI_R2T);
    client_data_out(c, tag, be32_get(c->bhs + BHS_TTT), 0, 0, list, sizeof list, true);
    return client_status(c, tag);
}

/* READ FULL STATUS; the reply is in c->data. */
static void read_full_status(struct client *c)
{
    static const uint8_t cdb[10] = { 0x5e, 3, [7] = 2 };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL | COMMAND_READ, 512, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_DATA_IN);
    assert_int_equal(0, c->bhs[BHS_STATUS]);
}

/* SPC-4 7.6.4.6: name and ISID as text that ends with a zero, filled up to a multiple of four. */
static void an_initiator_port_is_name_and_isid(void **state)
{
    static const char name[] = INITIATOR ",i,0x800000000000";
    const uint8_t *id = client.data + 8 + 24;

    (void)state;
    begin("");
    assert_int_equal(0, reserve_out(&client, REGISTER, 0, 0, OURS));
    read_full_status(&client);
    assert_int_equal(OURS, be64_get(client.data + 8));
    assert_int_equal(1, be16_get(client.data + 8 + 18)); /* RELATIVE TARGET PORT IDENTIFIER */
    assert_int_equal(0x4500, be16_get(id));
    assert_int_equal((sizeof name + 3) & ~3u, be16_get(id + 2));
    assert_int_equal(4 + be16_get(id + 2), be32_get(client.data + 8 + 20));
    assert_string_equal(name, (const char *)id + 4);
    assert_int_equal(8 + 24 + 4 + be16_get(id + 2), client.length);
}

static void a_registration_outlives_the_session(void **state)
{
    uint8_t block[BLOCK];

    (void)state;
    begin("");
    memset(block, 1, sizeof block);
    assert_int_equal(0, reserve_out(&client, REGISTER, 0, 0, OURS));
    assert_int_equal(0, reserve_out(&client, RESERVE, WRITE_EXCLUSIVE, OURS, 0));
    client_login_other(&other, &disk);
    assert_int_equal(0x18, client_write(&other, 0, 1, block));
    client_close(&client);
    assert_int_equal(0x18, client_write(&other, 0, 1, block));
    begin("");
    assert_int_equal(0, client_write(&client, 0, 1, block));
}

static int reserve_6(struct client *c)
{
    static const uint8_t cdb[6] = { 0x16 };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    return client_status(c, c->itt);
}

static void what_reserve_holds_ends_with_the_session(void **state)
{
    uint8_t block[BLOCK] = { 0 };

    (void)state;
    begin("");
    client_login_other(&other, &disk);
    assert_int_equal(0, reserve_6(&client));
    assert_int_equal(0, client_write(&client, 0, 1, block));
    assert_int_equal(0x18, client_write(&other, 0, 1, block));
    client_close(&client);
    client_login(&client, &disk, ""); /* waits until the former session has ended */
    assert_int_equal(0, client_write(&other, 0, 1, block));
}

/* To fence a host off would be no use if what it has sent before could still be written. */
static void data_that_comes_after_an_abort_is_not_written(void **state)
{
    uint8_t block[BLOCK];
    uint32_t tag, ttt;

    (void)state;
    begin("");
    memset(block, 1, sizeof block);
    assert_int_equal(0, reserve_out(&client, REGISTER, 0, 0, OURS));
    client_login_port(&other, &disk, 9, "ImmediateData=No\n");
    client_settle(&other);
    assert_int_equal(0, reserve_out_later(&other, REGISTER, 0, THEIRS));
    assert_int_equal(0, reserve_out_later(&other, RESERVE, THEIRS, 0));
    tag = client_start_write(&other, SIMPLE, &ttt);
    assert_int_equal(0, reserve_out(&client, PREEMPT_AND_ABORT, WRITE_EXCLUSIVE, OURS, THEIRS));
    client_data_out(&other, tag, ttt, 0, 0, block, BLOCK, true);
    assert_int_equal(2, client_status(&other, tag));
    assert_int_equal(0x2f00, be16_get(other.data + 14)); /* COMMANDS CLEARED BY ANOTHER INITIATOR */
    assert_int_equal(0, disk.memory[0]);
    assert_int_equal(0x2a05, client_sense(&other)); /* REGISTRATIONS PREEMPTED */
    assert_int_equal(0, client_write(&client, 0, 1, block));
    assert_int_equal(1, disk.memory[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(an_initiator_port_is_name_and_isid),
        WITH_DISK(a_registration_outlives_the_session),
        WITH_DISK(what_reserve_holds_ends_with_the_session),
        WITH_DISK(data_that_comes_after_an_abort_is_not_written),
    };

    return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
