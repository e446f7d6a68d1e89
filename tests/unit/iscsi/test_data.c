/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Data: its ways in and out, their limits, digests, residuals. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static uint8_t pattern[BLOCKS * BLOCK], back[BLOCKS * BLOCK];

static int open_patterned(void **state)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 7 + i / 509);
    memset(back, 0, sizeof back);
    return open_disk(state);
}

static void immediate_data_is_written(void **state)
{
    (void)state;
    begin("ImmediateData=Yes\n");
    assert_int_equal(0, client_write(&client, 16, 8, pattern));
    assert_memory_equal(pattern, disk.memory + 16 * BLOCK, 8 * BLOCK);
}

static void status_comes_with_the_last_data(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("");
    memcpy(disk.memory, pattern, sizeof pattern);
    client_read10(&client, bhs, 3, 2);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(ISCSI_FINAL | DATA_IN_STATUS, client.bhs[BHS_FLAGS]);
    assert_int_equal(0, client.bhs[BHS_STATUS]);
    assert_int_equal(2 * BLOCK, client.length);
    assert_memory_equal(pattern + 3 * BLOCK, client.data, 2 * BLOCK);
}

static void reads_are_cut_as_the_initiator_declared(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    uint32_t offset = 0;

    (void)state;
    begin("MaxRecvDataSegmentLength=1536\nMaxBurstLength=4096\n");
    memcpy(disk.memory, pattern, sizeof pattern);
    client_read10(&client, bhs, 0, 20);
    client_send(&client, bhs, NULL, 0);
    for (uint32_t sn = 0; offset < 20 * BLOCK; sn++) {
        bool ends;

        client_expect(&client, ISCSI_DATA_IN);
        assert_int_equal(sn, be32_get(client.bhs + BHS_DATA_SN));
        assert_int_equal(offset, be32_get(client.bhs + BHS_BUFFER_OFFSET));
        assert_true(client.length <= 1536);
        assert_memory_equal(pattern + offset, client.data, client.length);
        assert_int_equal(offset / 4096, (offset + client.length - 1) / 4096);
        offset += client.length;
        ends = offset % 4096 == 0 || offset == 20 * BLOCK;
        assert_int_equal(ends, (client.bhs[BHS_FLAGS] & ISCSI_FINAL) != 0);
    }
    assert_true(client.bhs[BHS_FLAGS] & DATA_IN_STATUS);
}

static void a_new_declaration_after_login_holds(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    static const char text[] = "MaxRecvDataSegmentLength=512";

    (void)state;
    begin("");
    client_header(&client, bhs, ISCSI_TEXT_REQUEST, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, bhs, text, sizeof text);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    client_read10(&client, bhs, 0, 2);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(512, client.length);
}

/* Sends what an R2T that was received asks for, in pieces; returns the offset after it. */
static uint32_t answer_r2t(uint32_t piece)
{
    uint32_t itt = be32_get(client.bhs + BHS_ITT), ttt = be32_get(client.bhs + BHS_TTT);
    uint32_t offset = be32_get(client.bhs + BHS_BUFFER_OFFSET);
    uint32_t left = be32_get(client.bhs + R2T_LENGTH);

    for (uint32_t sn = 0; left > 0; sn++) {
        uint32_t length = left < piece ? left : piece;

        left -= length;
        client_data_out(&client, itt, ttt, sn, offset, pattern + offset, length, left == 0);
        offset += length;
    }
    return offset;
}

static void r2ts_ask_for_bursts_in_order(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    uint32_t offset = 0;

    (void)state;
    begin("InitialR2T=Yes\nImmediateData=No\nMaxBurstLength=4096\n");
    client_write10(&client, bhs, 0, 20);
    client_send(&client, bhs, NULL, 0);
    for (uint32_t sn = 0; offset < 20 * BLOCK; sn++) {
        client_expect(&client, ISCSI_R2T);
        assert_int_equal(sn, be32_get(client.bhs + BHS_DATA_SN));
        assert_int_equal(offset, be32_get(client.bhs + BHS_BUFFER_OFFSET));
        assert_true(be32_get(client.bhs + R2T_LENGTH) <= 4096);
        offset = answer_r2t(1000);
    }
    assert_int_equal(0, client_status(&client, client.itt));
    assert_int_equal(3, be32_get(client.bhs + BHS_DATA_SN)); /* ExpDataSN: three R2Ts */
    assert_memory_equal(pattern, disk.memory, 20 * BLOCK);
}

static void unsolicited_data_is_taken_before_an_r2t(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("InitialR2T=No\nImmediateData=Yes\nFirstBurstLength=4096\n");
    client_write10(&client, bhs, 0, 20);
    bhs[BHS_FLAGS] &= 0x7f; /* more unsolicited data follows */
    client_send(&client, bhs, pattern, 1024);
    client_data_out(&client, client.itt, ISCSI_NO_TAG, 0, 1024, pattern + 1024, 1024, false);
    client_data_out(&client, client.itt, ISCSI_NO_TAG, 1, 2048, pattern + 2048, 2048, true);
    client_expect(&client, ISCSI_R2T);
    assert_int_equal(4096, be32_get(client.bhs + BHS_BUFFER_OFFSET));
    assert_int_equal(20 * BLOCK - 4096, be32_get(client.bhs + R2T_LENGTH));
    answer_r2t(8192);
    assert_int_equal(0, client_status(&client, client.itt));
    assert_memory_equal(pattern, disk.memory, 20 * BLOCK);
}

/* An initiator that guesses the target transfer tag may be early, but must not confuse our
 * queues. */
static void data_before_its_r2t_does_no_harm(void **state)
{
    uint8_t bytes[2 * ISCSI_BHS + BLOCK], *out = bytes + ISCSI_BHS;

    (void)state;
    begin("ImmediateData=No\n");
    client_write10(&client, bytes, 0, 1);
    memset(out, 0, ISCSI_BHS);
    out[0] = ISCSI_DATA_OUT;
    out[BHS_FLAGS] = ISCSI_FINAL;
    be24_put(out + BHS_DATA_LENGTH, BLOCK);
    memcpy(out + BHS_ITT, bytes + BHS_ITT, 4);
    be32_put(out + BHS_TTT, 0x10000); /* the first tag, the first place */
    memcpy(out + ISCSI_BHS, pattern, BLOCK);
    client_send_bytes(&client, bytes, sizeof bytes);
    assert_true(client_receive(&client));
    if (client.bhs[0] == ISCSI_R2T) {
        assert_int_equal(0x10000, be32_get(client.bhs + BHS_TTT));
        assert_true(client_receive(&client));
    }
    assert_int_equal(ISCSI_SCSI_RESPONSE, client.bhs[0]);
    assert_int_equal(0, client.bhs[BHS_STATUS]);
    assert_int_equal(0, client_read(&client, 0, 1, back));
    assert_memory_equal(pattern, back, BLOCK);
}

static void large_transfers_arrive_whole(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("ImmediateData=Yes\nMaxBurstLength=16776192\nFirstBurstLength=262144\n"
          "MaxRecvDataSegmentLength=262144\n");
    client_write10(&client, bhs, 0, BLOCKS);
    client_send(&client, bhs, pattern, ISCSI_FIRST_BURST_MAX);
    client_expect(&client, ISCSI_R2T);
    answer_r2t(ISCSI_RECEIVE_MAX);
    assert_int_equal(0, client_status(&client, client.itt));
    assert_memory_equal(pattern, disk.memory, sizeof pattern);
    assert_int_equal(0, client_read(&client, 0, BLOCKS, back));
    assert_memory_equal(pattern, back, sizeof pattern);
}

static void digests_protect_both_ways(void **state)
{
    (void)state;
    begin("HeaderDigest=CRC32C\nDataDigest=CRC32C\nMaxRecvDataSegmentLength=1001\n");
    assert_true(client.header_digest && client.data_digest);
    assert_int_equal(0, client_write(&client, 5, 9, pattern));
    assert_int_equal(0, client_read(&client, 5, 9, back));
    assert_memory_equal(pattern, back, 9 * BLOCK);
}

static void a_wrong_header_digest_costs_the_connection(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("HeaderDigest=CRC32C\n");
    client.spoil_header = true;
    client_read10(&client, bhs, 0, 1);
    client_send(&client, bhs, NULL, 0);
    assert_false(client_receive(&client));
}

static void damaged_immediate_data_is_never_written(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("DataDigest=CRC32C\n");
    client.spoil_data = true;
    client_write10(&client, bhs, 0, 1);
    client_send(&client, bhs, pattern, BLOCK);
    client_expect(&client, ISCSI_REJECT);
    assert_int_equal(REJECT_DATA_DIGEST, client.bhs[BHS_RESPONSE]);
    assert_memory_equal(bhs, client.data, 5);
    client_expect_closed(&client);
    assert_memory_equal(back, disk.memory, BLOCK);
}

static void damaged_solicited_data_fails_its_command_only(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("DataDigest=CRC32C\nImmediateData=No\n");
    client_write10(&client, bhs, 0, 2);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_R2T);
    client.spoil_data = true;
    client_data_out(&client, client.itt, be32_get(client.bhs + BHS_TTT), 0, 0, pattern, BLOCK,
        false);
    client_data_out(&client, client.itt, be32_get(client.bhs + BHS_TTT), 1, BLOCK, pattern, BLOCK,
        true);
    client_expect(&client, ISCSI_REJECT);
    assert_int_equal(REJECT_DATA_DIGEST, client.bhs[BHS_RESPONSE]);
    assert_int_equal(2, client_status(&client, client.itt));
    assert_int_equal(0x0b, client.data[4]); /* ABORTED COMMAND */
    assert_int_equal(0x47, client.data[14]);
    assert_int_equal(0x05, client.data[15]);
    assert_memory_equal(back, disk.memory, 2 * BLOCK);
    assert_int_equal(0, client_read(&client, 0, 1, back));
}

static void sense_is_in_the_response(void **state)
{
    (void)state;
    begin("");
    assert_int_equal(2, client_read(&client, BLOCKS, 1, back));
    assert_int_equal(18, be16_get(client.data));
    assert_int_equal(0x70, client.data[2] & 0x7f);
    assert_int_equal(5, client.data[4]);
    assert_int_equal(0x21, client.data[14]); /* LBA OUT OF RANGE */
}

/* RFC 7143 11.7.3: status rides on data without sense only. */
static void data_with_sense_to_report_comes_before_the_response(void **state)
{
    enum { COUNT = 20 };
    uint8_t bhs[ISCSI_BHS];
    uint32_t offset = 0, sn = 0;

    (void)state;
    begin("MaxRecvDataSegmentLength=1536\nMaxBurstLength=4096\n");
    memcpy(disk.memory, pattern, sizeof pattern);
    spd_status_set(&disk.status, 1, 0x17, 0x01, NULL); /* RECOVERED DATA WITH RETRIES */
    client_read10(&client, bhs, 0, COUNT);
    be32_put(bhs + COMMAND_EXPECTED_LENGTH, (COUNT + 1) * BLOCK);
    client_send(&client, bhs, NULL, 0);
    for (; offset < COUNT * BLOCK; sn++, offset += client.length) {
        client_expect(&client, ISCSI_DATA_IN);
        assert_int_equal(0, client.bhs[BHS_FLAGS] & ~ISCSI_FINAL);
        assert_int_equal(offset, be32_get(client.bhs + BHS_BUFFER_OFFSET));
        assert_memory_equal(pattern + offset, client.data, client.length);
    }
    assert_true(client.bhs[BHS_FLAGS] & ISCSI_FINAL);
    client_expect(&client, ISCSI_SCSI_RESPONSE);
    assert_int_equal(2, client.bhs[BHS_STATUS]);
    assert_int_equal(sn, be32_get(client.bhs + BHS_DATA_SN)); /* ExpDataSN */
    assert_int_equal(RESPONSE_UNDERFLOW, client.bhs[BHS_FLAGS] & 6);
    assert_int_equal(BLOCK, be32_get(client.bhs + BHS_RESIDUAL));
    assert_int_equal(18, be16_get(client.data));
    assert_int_equal(1, client.data[4]);
    assert_int_equal(0x17, client.data[14]);
}

/* No sense: only CHECK CONDITION has any. */
static void an_error_that_may_pass_is_busy_until_it_has(void **state)
{
    (void)state;
    begin("");
    spd_status_set_errno(&disk.status, ETIMEDOUT, SPD_READ, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(8, client_read(&client, 3, 1, back));
        assert_int_equal(ISCSI_SCSI_RESPONSE, client.bhs[0] & 0x3f);
        assert_int_equal(0, client.length);
    }
    disk.status = (spd_status){ 0 };
    assert_int_equal(0, client_read(&client, 3, 1, back));
}

/* RFC 7143 11.4.5.1: the residual is in the response that refuses the command. */
static void a_write_that_is_announced_too_short_writes_nothing(void **state)
{
    static const struct { uint32_t expected, immediate; } rows[] = {
        { 600, 600 }, { 600, 0 }, { BLOCK, BLOCK }, { 0, 0 }, { 2 * BLOCK - 1, BLOCK },
    };

    (void)state;
    begin("InitialR2T=Yes\nImmediateData=Yes\n");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bhs[ISCSI_BHS];

        client_write10(&client, bhs, 0, 2);
        be32_put(bhs + COMMAND_EXPECTED_LENGTH, rows[i].expected);
        client_send(&client, bhs, pattern + BLOCK, rows[i].immediate);
        assert_int_equal(2, client_status(&client, client.itt));
        assert_int_equal(RESPONSE_OVERFLOW, client.bhs[BHS_FLAGS] & 6);
        assert_int_equal(2 * BLOCK - rows[i].expected, be32_get(client.bhs + BHS_RESIDUAL));
        assert_int_equal(5, client.data[4]);
        assert_int_equal(0x0e, client.data[14]);
        assert_int_equal(0x03, client.data[15]);
        assert_memory_equal(back, disk.memory, 2 * BLOCK);
    }
}

static void residuals_say_what_was_not_moved(void **state)
{
    static const struct {
        uint32_t expected;
        uint8_t flags;
        uint32_t residual;
        uint32_t length;
    } rows[] = {
        { 2 * BLOCK, 0, 0, 2 * BLOCK },
        { 3 * BLOCK, RESPONSE_UNDERFLOW, BLOCK, 2 * BLOCK },
        { BLOCK, RESPONSE_OVERFLOW, BLOCK, BLOCK },
    };

    (void)state;
    begin("");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bhs[ISCSI_BHS];

        client_read10(&client, bhs, 0, 2);
        be32_put(bhs + COMMAND_EXPECTED_LENGTH, rows[i].expected);
        client_send(&client, bhs, NULL, 0);
        client_expect(&client, ISCSI_DATA_IN);
        assert_int_equal(rows[i].length, client.length);
        assert_int_equal(rows[i].flags, client.bhs[BHS_FLAGS] & 6);
        assert_int_equal(rows[i].residual, be32_get(client.bhs + BHS_RESIDUAL));
    }
}

static void more_data_than_the_command_wants_is_thrown_away(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("InitialR2T=No\n");
    client_write10(&client, bhs, 0, 1);
    be32_put(bhs + COMMAND_EXPECTED_LENGTH, 4 * BLOCK);
    bhs[BHS_FLAGS] &= 0x7f;
    client_send(&client, bhs, pattern, 3 * BLOCK);
    client_data_out(&client, client.itt, ISCSI_NO_TAG, 0, 3 * BLOCK, pattern, BLOCK, true);
    assert_int_equal(0, client_status(&client, client.itt));
    assert_int_equal(RESPONSE_UNDERFLOW, client.bhs[BHS_FLAGS] & 6);
    assert_memory_equal(pattern, disk.memory, BLOCK);
    assert_memory_equal(back, disk.memory + BLOCK, BLOCK);
}

static void a_refused_write_is_answered_after_its_unsolicited_data(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    begin("InitialR2T=No\n");
    client_write10(&client, bhs, BLOCKS, 2);
    bhs[BHS_FLAGS] &= 0x7f;
    client_send(&client, bhs, pattern, BLOCK);
    client_data_out(&client, client.itt, ISCSI_NO_TAG, 0, BLOCK, pattern, BLOCK, true);
    assert_int_equal(2, client_status(&client, client.itt));
    assert_int_equal(0, client_read(&client, 0, 1, back));
}

static void a_transfer_that_is_too_long_is_refused(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[16] = { 0x88 };

    (void)state;
    begin("");
    be32_put(cdb + 10, 0xffffffff);
    client_command(&client, bhs, ISCSI_FINAL | COMMAND_READ, 0xffffffff, cdb, sizeof cdb);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(2, client_status(&client, client.itt));
    assert_int_equal(5, client.data[4]);
}

static void another_lun_is_not_there(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };

    (void)state;
    begin("");
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    bhs[BHS_LUN + 1] = 1;
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(2, client_status(&client, client.itt));
    assert_int_equal(0x25, client.data[14]); /* LOGICAL UNIT NOT SUPPORTED */
}

static void a_disk_may_be_another_lun(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };

    (void)state;
    disk_close(&disk);
    disk_open(&disk, NULL, "/7");
    client_login(&client, &disk, "");
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    bhs[BHS_LUN + 1] = 7;
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(2, client_status(&client, client.itt));
    assert_int_equal(0x29, client.data[14]); /* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED */
    assert_int_equal(0x00, client.data[15]);
}

#define WITH_PATTERN(TEST) WITH(open_patterned, TEST)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PATTERN(immediate_data_is_written),
        WITH_PATTERN(status_comes_with_the_last_data),
        WITH_PATTERN(reads_are_cut_as_the_initiator_declared),
        WITH_PATTERN(a_new_declaration_after_login_holds),
        WITH_PATTERN(r2ts_ask_for_bursts_in_order),
        WITH_PATTERN(unsolicited_data_is_taken_before_an_r2t),
        WITH_PATTERN(data_before_its_r2t_does_no_harm),
        WITH_PATTERN(large_transfers_arrive_whole),
        WITH_PATTERN(digests_protect_both_ways),
        WITH_PATTERN(a_wrong_header_digest_costs_the_connection),
        WITH_PATTERN(damaged_immediate_data_is_never_written),
        WITH_PATTERN(damaged_solicited_data_fails_its_command_only),
        WITH_PATTERN(sense_is_in_the_response),
        WITH_PATTERN(data_with_sense_to_report_comes_before_the_response),
        WITH_PATTERN(an_error_that_may_pass_is_busy_until_it_has),
        WITH_PATTERN(a_write_that_is_announced_too_short_writes_nothing),
        WITH_PATTERN(residuals_say_what_was_not_moved),
        WITH_PATTERN(more_data_than_the_command_wants_is_thrown_away),
        WITH_PATTERN(a_refused_write_is_answered_after_its_unsolicited_data),
        WITH_PATTERN(a_transfer_that_is_too_long_is_refused),
        WITH_PATTERN(another_lun_is_not_there),
        WITH_PATTERN(a_disk_may_be_another_lun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
