/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Room for data: what is offered can be taken, what finds no room waits, nobody takes it all. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

enum {
    ALL = BLOCKS * BLOCK, /* of the disk; more than any session has for sure */
    GREEDY = ISCSI_DATA_MAX / 2 / (QUEUE_DEPTH * ALL), /* sessions that use up a peer's share */
    BURST = ISCSI_FIRST_BURST_MAX,
    SURE = ISCSI_SESSION_WINDOW_SURE / BURST, /* commands that every session is offered */
};

static struct client greedy[3][GREEDY];

static void log_in(struct client *c, uint8_t host, unsigned initiator, const char *keys)
{
    char text[512];

    client_connect_from(c, &disk, host);
    snprintf(text, sizeof text, "InitiatorName=%s%u\nTargetName=%s\n%s", INITIATOR, initiator,
        TARGET, keys);
    assert_int_equal(LOGIN_SUCCESS, client_login_step(c, 0x87, text));
}

static void begin_from(struct client *c, uint8_t host, unsigned initiator, const char *keys)
{
    log_in(c, host, initiator, keys);
    client_settle(c);
}

/* Writes that never send their data, as many as there is room for. */
static void take_all_of(uint8_t host)
{
    uint8_t bhs[ISCSI_BHS];

    for (unsigned i = 0; i < GREEDY; i++) {
        struct client *c = &greedy[host - 1][i];

        begin_from(c, host, host * 100u + i, "ImmediateData=No\n");
        for (unsigned j = 0; j < QUEUE_DEPTH; j++) {
            client_write10(c, bhs, 0, BLOCKS);
            client_send(c, bhs, NULL, 0);
            client_expect(c, ISCSI_R2T);
        }
    }
}

static void leave(uint8_t host)
{
    for (unsigned i = 0; i < GREEDY; i++)
        client_close(&greedy[host - 1][i]);
}

static uint32_t start_write(struct client *c, uint16_t blocks)
{
    uint8_t bhs[ISCSI_BHS];

    client_write10(c, bhs, 0, blocks);
    client_send(c, bhs, NULL, 0);
    return c->itt;
}

static void expect_r2t(struct client *c, uint32_t itt)
{
    client_expect(c, ISCSI_R2T);
    assert_int_equal(itt, be32_get(c->bhs + BHS_ITT));
}

static void one_host_takes_half_of_the_room_at_most(void **state)
{
    uint32_t waits;

    (void)state;
    take_all_of(1);
    begin_from(&client, 1, 1, "ImmediateData=No\n");
    waits = start_write(&client, BLOCKS);
    begin_from(&other, 2, 2, "ImmediateData=No\n");
    expect_r2t(&other, start_write(&other, BLOCKS));
    client_ping(&client); /* no refusal before this, and no R2T */
    leave(1);
    expect_r2t(&client, waits);
}

static void when_all_room_is_taken_a_session_has_some_of_its_own(void **state)
{
    (void)state;
    take_all_of(1);
    take_all_of(2);
    begin_from(&client, 3, 1, "ImmediateData=No\n");
    expect_r2t(&client, start_write(&client, ISCSI_SESSION_DATA_SURE / BLOCK));
    leave(1);
    leave(2);
}

/* Takes what has come within so many milliseconds, and answers pings. False: closed. */
static bool live_on(struct client *c, int timeout)
{
    struct pollfd ready = { .fd = c->fd, .events = POLLIN };
    uint8_t bhs[ISCSI_BHS];

    if (poll(&ready, 1, timeout) == 0)
        return true;
    if (!client_receive(c))
        return false;
    if ((c->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_NOP_IN) {
        client_header(c, bhs, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
        be32_put(bhs + BHS_ITT, ISCSI_NO_TAG);
        memcpy(bhs + BHS_TTT, c->bhs + BHS_TTT, 4);
        client_send(c, bhs, NULL, 0);
    }
    return true;
}

/* The greedy ones answer every ping, so nothing but their silence about the data tells on them. */
static void room_of_data_that_never_comes_is_taken_back(void **state)
{
    bool lives[2][GREEDY];
    uint32_t waits;

    (void)state;
    take_all_of(1);
    take_all_of(2);
    memset(lives, true, sizeof lives);
    begin_from(&client, 3, 1, "ImmediateData=No\n");
    waits = start_write(&client, BLOCKS);
    do {
        for (unsigned host = 0; host < 2; host++)
            for (unsigned i = 0; i < GREEDY; i++)
                lives[host][i] = lives[host][i] && live_on(&greedy[host][i], 0);
        assert_true(live_on(&client, 10));
    } while ((client.bhs[0] & ISCSI_OPCODE_MASK) != ISCSI_R2T);
    assert_int_equal(waits, be32_get(client.bhs + BHS_ITT));
    leave(1);
    leave(2);
}

static void those_that_wait_begin_in_their_order(void **state)
{
    uint8_t data[BLOCK] = { 0 }, bhs[ISCSI_BHS], cdb[16] = { 0 };
    uint32_t waits[3];

    (void)state;
    take_all_of(1);
    begin_from(&client, 1, 1, "ImmediateData=No\n");
    waits[0] = start_write(&client, BLOCKS);
    waits[1] = start_write(&client, 1);
    waits[2] = client_start_read(&client);
    /* A command that needs no room does not wait. */
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, 6);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0, client_status(&client, client.itt));
    leave(1);
    expect_r2t(&client, waits[0]);
    expect_r2t(&client, waits[1]);
    client_data_out(&client, waits[1], be32_get(client.bhs + BHS_TTT), 0, 0, data, BLOCK, true);
    for (int i = 0; i < 2; i++) {
        assert_true(client_receive(&client));
        assert_int_equal(0, client.bhs[BHS_STATUS]);
        assert_true(be32_get(client.bhs + BHS_ITT) == waits[1] ||
            be32_get(client.bhs + BHS_ITT) == waits[2]);
    }
}

static void request_abort(struct client *c, uint32_t itt)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | TASK_ABORT);
    be32_put(bhs + TASK_REFERENCED_TAG, itt);
    client_send(c, bhs, NULL, 0);
}

/* The last `count` of these, which gives their room back. */
static void abort_last(struct client *c, const uint32_t *writes, unsigned *left, unsigned count)
{
    for (; count > 0; count--) {
        request_abort(c, writes[--*left]);
        client_expect(c, ISCSI_TASK_RESPONSE);
        assert_int_equal(TASK_COMPLETE, c->bhs[BHS_RESPONSE]);
    }
}

/* Room comes back in pieces, each of which another could use before the transfer that waits. */
static void a_long_transfer_that_waits_comes_before_short_ones(void **state)
{
    enum { PIECE = BLOCKS / 4, SURE_PIECES = ISCSI_SESSION_DATA_SURE / (PIECE * BLOCK) };
    struct client *last = &greedy[1][GREEDY - 1], *pieces = &greedy[2][0];
    uint32_t writes[QUEUE_DEPTH], waits, behind;
    unsigned left = 2;

    (void)state;
    take_all_of(1);
    take_all_of(2);
    abort_last(last, (const uint32_t[]){ last->itt - 1, last->itt }, &left, 2);
    begin_from(pieces, 3, 1, "ImmediateData=No\n");
    for (left = 0; left < QUEUE_DEPTH; left++) {
        writes[left] = start_write(pieces, PIECE);
        expect_r2t(pieces, writes[left]);
    }
    begin_from(&client, 4, 2, "ImmediateData=No\n");
    waits = start_write(&client, BLOCKS);
    begin_from(&other, 5, 3, "ImmediateData=No\n");
    for (unsigned i = 0; i < SURE_PIECES; i++)
        expect_r2t(&other, start_write(&other, PIECE));
    behind = start_write(&other, PIECE);
    abort_last(pieces, writes, &left, SURE_PIECES + 1);
    client_ping(&other); /* and no R2T before this, though there is room for its piece */
    client_ping(&client);
    abort_last(pieces, writes, &left, 3);
    expect_r2t(&client, waits);
    client_ping(&other);
    abort_last(pieces, writes, &left, 1);
    expect_r2t(&other, behind);
    client_close(pieces);
    leave(1);
    leave(2);
}

static void one_that_waits_can_be_aborted(void **state)
{
    uint32_t waits, next;

    (void)state;
    take_all_of(1);
    begin_from(&client, 1, 1, "ImmediateData=No\n");
    waits = start_write(&client, BLOCKS);
    next = start_write(&client, 1);
    client_ping(&client);
    request_abort(&client, waits);
    /* The one behind it has room of its own. */
    for (int i = 0; i < 2; i++) {
        assert_true(client_receive(&client));
        if ((client.bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_R2T)
            assert_int_equal(next, be32_get(client.bhs + BHS_ITT));
        else
            assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
    }
    start_write(&client, BLOCKS);
    client_ping(&client);
    client_close(&client); /* and goes while it waits */
    leave(1);
    begin_from(&client, 1, 1, "ImmediateData=No\n");
    expect_r2t(&client, start_write(&client, BLOCKS));
}

static uint8_t *pattern(void)
{
    uint8_t *data = malloc(ALL);

    assert_non_null(data);
    for (uint32_t i = 0; i < ALL; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    return data;
}

static void send_rest(struct client *c, const uint8_t *data)
{
    uint32_t ttt, sn = 0;

    client_expect(c, ISCSI_R2T);
    assert_int_equal(BURST, be32_get(c->bhs + BHS_BUFFER_OFFSET));
    assert_int_equal(ALL - BURST, be32_get(c->bhs + R2T_LENGTH));
    ttt = be32_get(c->bhs + BHS_TTT);
    for (uint32_t at = BURST; at < ALL; at += BURST)
        client_data_out(c, c->itt, ttt, sn++, at, data + at, BURST, at + BURST == ALL);
    assert_int_equal(0, client_status(c, c->itt));
    assert_memory_equal(data, disk.memory, ALL);
}

static const char unasked[] = "InitialR2T=No\nImmediateData=Yes\nFirstBurstLength=262144\n"
    "MaxBurstLength=16776192\nMaxRecvDataSegmentLength=262144\n";

static void data_that_comes_unasked_is_kept_while_its_command_waits(void **state)
{
    uint8_t bhs[ISCSI_BHS], *data = pattern();

    (void)state;
    take_all_of(1);
    begin_from(&client, 1, 1, unasked);
    client_write10(&client, bhs, 0, BLOCKS);
    bhs[BHS_FLAGS] &= (uint8_t)~ISCSI_FINAL;
    client_send(&client, bhs, data, BURST / 4);
    client_data_out(&client, client.itt, ISCSI_NO_TAG, 0, BURST / 4, data + BURST / 4,
        BURST / 4 * 3, true);
    leave(1);
    send_rest(&client, data);
    free(data);
}

/* It begins while half of its data is on the way into a buffer that is too small for all. */
static void a_command_that_was_held_may_begin_amid_its_data(void **state)
{
    uint8_t bhs[ISCSI_BHS], clear[ISCSI_BHS], *data = pattern();
    uint32_t ttt, learns;

    (void)state;
    begin_from(&client, 1, 1, unasked);
    begin_from(&other, 1, 2, "");
    client_start_write(&client, COMMAND_ORDERED, &ttt);
    learns = client_start_test(&client, 0);
    client_write10(&client, bhs, 0, BLOCKS);
    be24_put(bhs + BHS_DATA_LENGTH, BURST);
    client_send_bytes(&client, bhs, ISCSI_BHS);
    client_send_bytes(&client, data, BURST / 2);
    client_header(&other, clear, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE,
        ISCSI_FINAL | TASK_CLEAR_SET);
    client_send(&other, clear, NULL, 0);
    client_expect(&other, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, other.bhs[BHS_RESPONSE]);
    /* COMMANDS CLEARED BY ANOTHER INITIATOR */
    assert_int_equal(2, client_status(&client, learns));
    client_send_bytes(&client, data + BURST / 2, BURST / 2);
    send_rest(&client, data);
    free(data);
}

static uint32_t offered(const struct client *c)
{
    return be32_get(c->bhs + BHS_MAX_CMD_SN) + 1 - be32_get(c->bhs + BHS_EXP_CMD_SN);
}

static void what_is_offered_can_be_taken(void **state)
{
    enum { FULL = ISCSI_WINDOW_MAX / 2 / (QUEUE_DEPTH * BURST) };
    static struct client idle[FULL];
    uint8_t bhs[ISCSI_BHS], *data = pattern();

    (void)state;
    for (unsigned i = 0; i < FULL; i++) {
        log_in(&idle[i], 1, i, unasked);
        assert_int_equal(QUEUE_DEPTH, offered(&idle[i]));
    }
    /* Its host has no more to offer than what is this session's alone. */
    log_in(&client, 1, FULL, unasked);
    assert_int_equal(SURE, offered(&client));
    log_in(&other, 2, FULL + 1, unasked);
    assert_int_equal(QUEUE_DEPTH, offered(&other));
    client_settle(&client);
    assert_int_equal(SURE, offered(&client));
    for (unsigned i = 0; i < SURE; i++) {
        client_write10(&client, bhs, i * (BURST / BLOCK), BURST / BLOCK);
        client_send(&client, bhs, data + i * BURST, BURST);
    }
    for (unsigned i = 0; i < SURE; i++) {
        client_expect(&client, ISCSI_SCSI_RESPONSE);
        assert_int_equal(0, client.bhs[BHS_STATUS]);
    }
    assert_memory_equal(data, disk.memory, SURE * BURST);
    for (unsigned i = 0; i < FULL; i++)
        client_close(&idle[i]);
    do
        client_ping(&client);
    while (offered(&client) < QUEUE_DEPTH);
    free(data);
}

/* RFC 7143 4.2.2.1: MaxCmdSN never moves backwards. */
static void the_window_never_shrinks_at_its_end(void **state)
{
    uint32_t before, writes[QUEUE_DEPTH];

    (void)state;
    begin_from(&client, 1, 1, "ImmediateData=No\n");
    client_ping(&client);
    before = be32_get(client.bhs + BHS_MAX_CMD_SN);
    for (unsigned i = 0; i < QUEUE_DEPTH; i++)
        writes[i] = start_write(&client, 1);
    for (unsigned i = 0; i < QUEUE_DEPTH; i++) {
        expect_r2t(&client, writes[i]);
        assert_true((int32_t)(be32_get(client.bhs + BHS_MAX_CMD_SN) - before) >= 0);
        before = be32_get(client.bhs + BHS_MAX_CMD_SN);
    }
    assert_int_equal(0, offered(&client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(one_host_takes_half_of_the_room_at_most),
        WITH_DISK(when_all_room_is_taken_a_session_has_some_of_its_own),
        WITH_WATCHFUL(room_of_data_that_never_comes_is_taken_back),
        WITH_DISK(those_that_wait_begin_in_their_order),
        WITH_DISK(a_long_transfer_that_waits_comes_before_short_ones),
        WITH_DISK(one_that_waits_can_be_aborted),
        WITH_DISK(data_that_comes_unasked_is_kept_while_its_command_waits),
        WITH_DISK(a_command_that_was_held_may_begin_amid_its_data),
        WITH_DISK(what_is_offered_can_be_taken),
        WITH_DISK(the_window_never_shrinks_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
