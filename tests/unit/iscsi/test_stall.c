/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Initiators that stop doing their part: nobody else waits for them, and they do not stay. */

#include <string.h>
#include <sys/socket.h>

#include "fixture.h"

/* All of the disk, as often as the window allows: more than the buffers of both sockets. */
static void read_much(struct client *c)
{
    uint8_t bhs[ISCSI_BHS];

    for (unsigned i = 0; i < QUEUE_DEPTH; i++) {
        client_read10(c, bhs, 0, BLOCKS);
        client_send(c, bhs, NULL, 0);
    }
}

/* The reads that came to their end before the target said no more. */
static unsigned ends_of_reads(struct client *c)
{
    unsigned ends = 0;

    while (ends < QUEUE_DEPTH && client_receive(c))
        if ((c->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_DATA_IN)
            ends += (c->bhs[BHS_FLAGS] & DATA_IN_STATUS) != 0;
    return ends;
}

static void use(struct client *c)
{
    uint8_t data[BLOCK], back[BLOCK];

    memset(data, 0x3c, sizeof data);
    assert_int_equal(0, client_write(c, 1, 1, data));
    assert_int_equal(0, client_read(c, 1, 1, back));
    assert_memory_equal(data, back, BLOCK);
}

static void one_that_does_not_read_its_data_gets_it_later(void **state)
{
    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    read_much(&client);
    client_login_other(&other, &disk);
    use(&other);
    assert_int_equal(QUEUE_DEPTH, ends_of_reads(&client));
    use(&client);
}

static void a_disk_ends_although_its_data_is_not_read(void **state)
{
    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    read_much(&client);
    client_login_other(&other, &disk);
    spd_unit_shutdown(disk.unit);
    assert_int_equal(0, spd_unit_wait(disk.unit));
}

static void one_that_never_reads_its_data_is_dropped(void **state)
{
    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    read_much(&client);
    client_login_other(&other, &disk);
    /* By their clock: pings are at least a second apart, and two seconds of silence are enough. */
    for (int i = 0; i < 4; i++)
        client_answer_ping(&other);
    assert_true(ends_of_reads(&client) < QUEUE_DEPTH);
}

/* Signs of life are no reading. */
static void one_that_lives_and_never_reads_is_dropped(void **state)
{
    uint8_t alive[ISCSI_BHS];

    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    read_much(&client);
    client_login_other(&other, &disk);
    client_header(&client, alive, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(alive + BHS_ITT, ISCSI_NO_TAG);
    be32_put(alive + BHS_TTT, ISCSI_NO_TAG);
    for (int i = 0; i < 6; i++) {
        client_answer_ping(&other);
        client_send(&client, alive, NULL, 0);
    }
    assert_true(ends_of_reads(&client) < QUEUE_DEPTH);
}

static void one_that_never_sends_its_data_is_dropped(void **state)
{
    uint32_t ttt;

    (void)state;
    begin("ImmediateData=No\n");
    client_start_write(&client, COMMAND_ORDERED, &ttt);
    client_expect(&client, ISCSI_NOP_IN);
    assert_false(client_receive(&client));
}

static void one_that_never_sends_its_data_stops_nobody_else(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    static const uint8_t data[BLOCK];
    uint32_t ttt;

    (void)state;
    begin("ImmediateData=No\n");
    client_start_write(&client, COMMAND_ORDERED, &ttt);
    client_login_other(&other, &disk);
    use(&other);
    client_write10(&other, bhs, 0, 1);
    bhs[BHS_FLAGS] |= COMMAND_ORDERED;
    client_send(&other, bhs, data, BLOCK);
    assert_int_equal(0, client_status(&other, other.itt));
}

static void one_that_closes_its_half_is_gone(void **state)
{
    (void)state;
    begin("");
    client_start_read(&client);
    disk_wait_held(&disk, 1);
    shutdown(client.fd, SHUT_WR);
    assert_false(client_receive(&client)); /* although the device still has the read */
    client_login_other(&other, &disk);
    disk_release(&disk);
    assert_int_equal(0, client_sense(&other));
}

static void one_that_closes_its_half_in_a_pdu_is_gone(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    client_write10(&client, bhs, 0, 1);
    be24_put(bhs + BHS_DATA_LENGTH, BLOCK);
    client_send_bytes(&client, bhs, ISCSI_BHS);
    client_send_bytes(&client, bhs, 10);
    shutdown(client.fd, SHUT_WR);
    assert_false(client_receive(&client));
    assert_int_equal(0, disk.memory[0]);
}

static void one_that_closes_its_half_with_data_to_come_is_gone(void **state)
{
    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    read_much(&client);
    shutdown(client.fd, SHUT_WR);
    client_expect_closed(&client);
    client_login_other(&other, &disk);
    use(&other);
}

static void a_command_more_than_the_window_has_is_as_if_never_sent(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    for (unsigned i = 0; i < QUEUE_DEPTH; i++)
        client_start_read(&client);
    disk_wait_held(&disk, QUEUE_DEPTH);
    client_read10(&client, bhs, 0, 1);
    client_send(&client, bhs, NULL, 0);
    client_ping(&client);
    assert_int_equal(client.cmd_sn - 1, be32_get(client.bhs + BHS_EXP_CMD_SN));
    disk_release(&disk);
    for (unsigned i = 0; i < QUEUE_DEPTH; i++)
        client_expect(&client, ISCSI_DATA_IN);
    client_ping(&client); /* and no answer to the last one before this */
    client_send(&client, bhs, NULL, 0);
    disk_wait_held(&disk, 1);
    disk_release(&disk);
    client_expect(&client, ISCSI_DATA_IN);
    assert_memory_equal(bhs + BHS_ITT, client.bhs + BHS_ITT, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(one_that_does_not_read_its_data_gets_it_later),
        WITH_DISK(a_disk_ends_although_its_data_is_not_read),
        WITH_WATCHFUL(one_that_never_reads_its_data_is_dropped),
        WITH_WATCHFUL(one_that_lives_and_never_reads_is_dropped),
        WITH_WATCHFUL(one_that_never_sends_its_data_is_dropped),
        WITH_DISK(one_that_never_sends_its_data_stops_nobody_else),
        WITH_HELD(one_that_closes_its_half_is_gone),
        WITH_DISK(one_that_closes_its_half_in_a_pdu_is_gone),
        WITH_DISK(one_that_closes_its_half_with_data_to_come_is_gone),
        WITH_HELD(a_command_more_than_the_window_has_is_as_if_never_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
