/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The unix: door as its clients see it. */

#include "fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void greets_with_parameters(void **state)
{
    static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct transact_params params;

    (void)state;
    fixture_start(ALL | SPD_EJECT_DISABLED);
    client = client_greeted(&params);
    assert_memory_equal(params.guid, guid, sizeof guid);
    assert_int_equal(params.block_count, BLOCKS);
    assert_int_equal(params.block_length, BLOCK);
    assert_int_equal(params.max_transfer_length, TRANSFER);
    assert_int_equal(params.device_type, 0);
    assert_int_equal(params.flags,
        TRANSACT_CACHE | TRANSACT_UNMAP_SUPPORTED | TRANSACT_EJECT_DISABLED);
    assert_true(params.modern_profile);
    assert_memory_equal(params.product_id, "WinSpd Disk     ", 16);
    assert_memory_equal(params.product_revision, "1.0 ", 4);
}

static void reads_what_was_written(void **state)
{
    static uint8_t data[TRANSFER], back[TRANSFER];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    for (int k = 0; k < 2; k++) {
        begin(ALL | kinds[k]);
        assert_good(client_do(client, TRANSACT_WRITE, 100, TRANSFER / BLOCK, data));
        assert_good(client_do(client, TRANSACT_READ, 100, TRANSFER / BLOCK, back));
        assert_memory_equal(data, back, sizeof data);
        assert_memory_equal(fixture.memory + 100 * BLOCK, data, sizeof data);
        end();
    }
}

static void unmapped_blocks_read_as_zeros(void **state)
{
    static const uint8_t zeros[2 * BLOCK];
    uint8_t back[4 * BLOCK];

    (void)state;
    begin(ALL);
    assert_good(client_do(client, TRANSACT_UNMAP, 11, 2, NULL));
    assert_good(client_do(client, TRANSACT_READ, 10, 4, back));
    assert_int_equal(back[0], 11);
    assert_memory_equal(back + BLOCK, zeros, sizeof zeros);
    assert_int_equal(back[3 * BLOCK], 14);
}

/* An UNMAP command takes 256 ranges. */
enum { MANY = 600 };
static uint8_t many_ranges[MANY * TRANSACT_RANGE_LENGTH];
static const struct transact_request unmap_many = {
    .hint = 1, .kind = TRANSACT_UNMAP, .blocks = MANY };

/* Each is a block, from 0 on; but for one, which is the block bad. */
static void make_many_ranges(uint32_t at, uint64_t bad)
{
    for (uint32_t i = 0; i < MANY; i++) {
        struct transact_range range = { i == at ? bad : i, 1 };

        transact_encode_range(&range, many_ranges + i * TRANSACT_RANGE_LENGTH);
    }
}

static void an_error_in_the_middle_of_many_ranges_ends_them(void **state)
{
    struct transact_status status;

    (void)state;
    make_many_ranges(300, ERROR_LBA);
    for (int k = 0; k < 2; k++) {
        begin(ALL | kinds[k]);
        client_send(client, &unmap_many, many_ranges);
        status = client_receive(client, &unmap_many, NULL).status;
        assert_check(status, 0x03, 0x11, 0x00);
        assert_int_equal(status.information, ERROR_LBA);
        assert_int_equal(fixture.unmap_calls, 2);
        assert_int_equal(fixture.memory[255 * BLOCK], 0);
        assert_int_equal(fixture.memory[512 * BLOCK], (uint8_t)(512 + 1));
        end();
    }
}

static void a_range_that_the_unit_has_not_among_many_unmaps_nothing(void **state)
{
    (void)state;
    make_many_ranges(MANY - 1, BLOCKS);
    begin(ALL);
    client_send(client, &unmap_many, many_ranges);
    assert_check(client_receive(client, &unmap_many, NULL).status, 0x05, 0x21, 0x00);
    assert_int_equal(fixture.unmap_calls, 0);
}

static void many_ranges_of_two_clients_do_not_mix(void **state)
{
    int other;

    (void)state;
    for (int k = 0; k < 2; k++) {
        begin(ALL | kinds[k]);
        other = client_greeted(NULL);
        make_many_ranges(300, ERROR_LBA);
        client_send(client, &unmap_many, many_ranges);
        make_many_ranges(MANY, 0);
        client_send(other, &unmap_many, many_ranges);
        assert_check(client_receive(client, &unmap_many, NULL).status, 0x03, 0x11, 0x00);
        assert_good(client_receive(other, &unmap_many, NULL).status);
        assert_int_equal(fixture.unmap_calls, 2 + 3);
        assert_int_equal(fixture.memory[(MANY - 1) * BLOCK], 0);
        close(other);
        end();
    }
}

static void unmaps_more_ranges_than_one_command_takes(void **state)
{
    (void)state;
    begin(ALL);
    make_many_ranges(MANY, 0);
    client_send(client, &unmap_many, many_ranges);
    assert_good(client_receive(client, &unmap_many, NULL).status);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(fixture.memory[i * BLOCK], 0);
    assert_int_equal(fixture.memory[MANY * BLOCK], (uint8_t)(MANY + 1));
    assert_true(fixture.unmap_calls >= 3);
}

static void flush_reaches_the_device(void **state)
{
    (void)state;
    begin(ALL);
    assert_good(client_do(client, TRANSACT_FLUSH, 7, 5, NULL));
    assert_int_equal(fixture.flushes, 1);
    assert_int_equal(fixture.flush_lba, 7);
    assert_int_equal(fixture.flush_blocks, 5);
}

static void flush_of_no_blocks_flushes_everything(void **state)
{
    (void)state;
    begin(ALL);
    assert_good(client_do(client, TRANSACT_FLUSH, 0, 0, NULL));
    assert_int_equal(fixture.flushes, 1);
    assert_int_equal(fixture.flush_blocks, 0);
}

static void force_unit_access_reaches_the_device(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .blocks = 1 };
    uint8_t data[BLOCK] = { 0 };

    (void)state;
    begin(ALL);
    client_send(client, &request, data);
    assert_good(client_receive(client, &request, NULL).status);
    assert_int_equal(fixture.write_flags & SPD_FUA, 0);
    request.fua = true;
    client_send(client, &request, data);
    assert_good(client_receive(client, &request, NULL).status);
    assert_int_equal(fixture.write_flags & SPD_FUA, SPD_FUA);
}

static void medium_error_names_the_block(void **state)
{
    uint8_t back[BLOCK];
    struct transact_status status;

    (void)state;
    for (int k = 0; k < 2; k++) {
        begin(ALL | kinds[k]);
        status = client_do(client, TRANSACT_READ, ERROR_LBA, 1, back);
        assert_check(status, 0x03, 0x11, 0x00);
        assert_true(status.information_valid);
        assert_int_equal(status.information, ERROR_LBA);
        assert_good(client_do(client, TRANSACT_READ, 0, 1, back)); /* the stream goes on */
        end();
    }
}

static void recovered_error_brings_its_data(void **state)
{
    uint8_t block[BLOCK], back[BLOCK] = { 0 };
    struct transact_status status;

    (void)state;
    memset(block, 0x3c, sizeof block);
    for (int k = 0; k < 2; k++) {
        begin(ALL | kinds[k]);
        assert_good(client_do(client, TRANSACT_WRITE, RECOVERED_LBA, 1, block));
        status = client_do(client, TRANSACT_READ, RECOVERED_LBA, 1, back);
        assert_check(status, 0x01, 0x17, 0x01);
        assert_memory_equal(back, block, BLOCK);
        assert_good(client_do(client, TRANSACT_READ, 0, 1, back)); /* the stream goes on */
        end();
    }
}

static void message_may_come_byte_by_byte(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .lba = 3, .blocks = 1 };
    uint8_t message[TRANSACT_HEADER_LENGTH + BLOCK];

    (void)state;
    begin(ALL | SPD_NEVER_BLOCKS);
    transact_encode_request(&request, message);
    memset(message + TRANSACT_HEADER_LENGTH, 0xa5, BLOCK);
    for (size_t i = 0; i < sizeof message; i++)
        client_send_bytes(client, message + i, 1);
    assert_good(client_receive(client, &request, NULL).status);
    assert_memory_equal(fixture.memory + 3 * BLOCK, message + TRANSACT_HEADER_LENGTH, BLOCK);
}

static void every_request_of_many_is_answered_once(void **state)
{
    enum { COUNT = 200 };

    (void)state;
    for (int k = 0; k < 2; k++) {
        bool seen[COUNT + 1] = { false };
        begin(ALL | kinds[k]);
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct transact_request r = { .hint = i, .kind = TRANSACT_READ, .lba = i, .blocks = 1 };

            client_send(client, &r, NULL);
        }
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct transact_response response = client_receive(client, NULL, NULL);
            uint8_t data[BLOCK];

            assert_in_range(response.hint, 1, COUNT);
            assert_false(seen[response.hint]);
            seen[response.hint] = true;
            assert_true(client_receive_bytes(client, data, BLOCK));
            assert_int_equal(data[BLOCK - 1], (uint8_t)(response.hint + 1));
        }
        end();
    }
}

static const struct transact_request slow = {
    .hint = 1, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
};

static void slow_operation_does_not_hold_up_others(void **state)
{
    uint8_t data[BLOCK];
    int other;

    (void)state;
    begin(ALL);
    other = client_greeted(NULL);
    client_send(client, &slow, NULL);
    fixture_await_gate(1);
    assert_good(client_do(client, TRANSACT_READ, 5, 1, data));
    assert_good(client_do(other, TRANSACT_READ, 6, 1, data));
    fixture_open_gate();
    assert_good(client_receive(client, &slow, data).status);
    assert_int_equal(data[0], (uint8_t)(GATE_LBA + 1));
    close(other);
}

static void new_capacity_is_no_error(void **state)
{
    struct transact_params params;
    uint8_t data[BLOCK];

    (void)state;
    begin(ALL);
    assert_int_equal(spd_unit_resize(fixture.unit, 500), 0);
    assert_good(client_do(client, TRANSACT_READ, 499, 1, data));
    assert_check(client_do(client, TRANSACT_READ, 500, 1, data), 0x05, 0x21, 0x00);
    close(client);
    client = client_greeted(&params);
    assert_int_equal(params.block_count, 500);
}

static void half_closed_client_gets_its_answers(void **state)
{
    uint8_t data[BLOCK];

    (void)state;
    begin(ALL);
    client_send(client, &slow, NULL);
    shutdown(client, SHUT_WR);
    fixture_await_gate(1);
    fixture_open_gate();
    assert_good(client_receive(client, &slow, data).status);
    assert_closed(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greets_with_parameters),
        TEST(reads_what_was_written),
        TEST(unmapped_blocks_read_as_zeros),
        TEST(unmaps_more_ranges_than_one_command_takes),
        TEST(an_error_in_the_middle_of_many_ranges_ends_them),
        TEST(a_range_that_the_unit_has_not_among_many_unmaps_nothing),
        TEST(many_ranges_of_two_clients_do_not_mix),
        TEST(flush_reaches_the_device),
        TEST(flush_of_no_blocks_flushes_everything),
        TEST(force_unit_access_reaches_the_device),
        TEST(medium_error_names_the_block),
        TEST(recovered_error_brings_its_data),
        TEST(message_may_come_byte_by_byte),
        TEST(every_request_of_many_is_answered_once),
        TEST(slow_operation_does_not_hold_up_others),
        TEST(new_capacity_is_no_error),
        TEST(half_closed_client_gets_its_answers),
    };

    return cmocka_run_group_tests_name("unix-door", tests, NULL, NULL);
}
