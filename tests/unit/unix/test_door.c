/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The unix: door as its clients see it. */

#include "fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every test runs on the door's own thread and on dispatcher threads. */
static const uint32_t kinds[] = { SPD_NEVER_BLOCKS, 0 };

enum { ALL = SPD_CACHE | SPD_UNMAP_SUPPORTED };

static void greets_with_parameters(void **state)
{
    static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    struct transact_params params;
    struct fixture f;

    (void)state;
    fixture_start(&f, ALL | SPD_EJECT_DISABLED);
    close(client_greeted(&f, &params));
    assert_memory_equal(params.guid, guid, sizeof guid);
    assert_int_equal(params.block_count, BLOCKS);
    assert_int_equal(params.block_length, BLOCK);
    assert_int_equal(params.max_transfer_length, TRANSFER);
    assert_int_equal(params.device_type, 0);
    assert_int_equal(params.flags,
        TRANSACT_CACHE | TRANSACT_UNMAP_SUPPORTED | TRANSACT_EJECT_DISABLED);
    assert_memory_equal(params.product_id, "WinSpd Disk     ", 16);
    assert_memory_equal(params.product_revision, "1.0 ", 4);
    fixture_close(&f);
}

static void reads_what_was_written(void **state)
{
    static uint8_t data[TRANSFER], back[TRANSFER];
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    for (int k = 0; k < 2; k++) {
        int fd;

        fixture_start(&f, ALL | kinds[k]);
        fd = client_greeted(&f, NULL);
        assert_good(client_do(fd, TRANSACT_WRITE, 100, TRANSFER / BLOCK, data));
        assert_good(client_do(fd, TRANSACT_READ, 100, TRANSFER / BLOCK, back));
        assert_memory_equal(data, back, sizeof data);
        assert_memory_equal(f.memory + 100 * BLOCK, data, sizeof data);
        close(fd);
        fixture_close(&f);
    }
}

static void unmapped_blocks_read_as_zeros(void **state)
{
    static const uint8_t zeros[2 * BLOCK];
    uint8_t back[4 * BLOCK];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_good(client_do(fd, TRANSACT_UNMAP, 11, 2, NULL));
    assert_good(client_do(fd, TRANSACT_READ, 10, 4, back));
    assert_int_equal(back[0], 11);
    assert_memory_equal(back + BLOCK, zeros, sizeof zeros);
    assert_int_equal(back[3 * BLOCK], 14);
    close(fd);
    fixture_close(&f);
}

static void unmaps_more_ranges_than_one_command_takes(void **state)
{
    enum { COUNT = 600 };
    static uint8_t ranges[COUNT * TRANSACT_RANGE_LENGTH];
    struct transact_request request = { .hint = 1, .kind = TRANSACT_UNMAP, .blocks = COUNT };
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct transact_range range = { i, 1 };

        transact_encode_range(&range, ranges + i * TRANSACT_RANGE_LENGTH);
    }
    client_send(fd, &request, ranges);
    assert_good(client_receive(fd, &request, NULL).status);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(f.memory[i * BLOCK], 0);
    assert_int_equal(f.memory[COUNT * BLOCK], (uint8_t)(COUNT + 1));
    assert_true(f.unmap_calls >= 3);
    close(fd);
    fixture_close(&f);
}

static void flush_reaches_the_device(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_good(client_do(fd, TRANSACT_FLUSH, 7, 5, NULL));
    assert_int_equal(f.flushes, 1);
    assert_int_equal(f.flush_lba, 7);
    assert_int_equal(f.flush_blocks, 5);
    close(fd);
    fixture_close(&f);
}

static void flush_of_no_blocks_flushes_everything(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_good(client_do(fd, TRANSACT_FLUSH, 0, 0, NULL));
    assert_int_equal(f.flushes, 1);
    assert_int_equal(f.flush_blocks, 0);
    close(fd);
    fixture_close(&f);
}

static void force_unit_access_reaches_the_device(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .blocks = 1 };
    uint8_t data[BLOCK] = { 0 };
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    client_send(fd, &request, data);
    assert_good(client_receive(fd, &request, NULL).status);
    assert_int_equal(f.write_flags & SPD_FUA, 0);
    request.fua = true;
    client_send(fd, &request, data);
    assert_good(client_receive(fd, &request, NULL).status);
    assert_int_equal(f.write_flags & SPD_FUA, SPD_FUA);
    close(fd);
    fixture_close(&f);
}

static void medium_error_names_the_block(void **state)
{
    uint8_t back[BLOCK];
    struct transact_status status;
    struct fixture f;
    int fd;

    (void)state;
    for (int k = 0; k < 2; k++) {
        fixture_start(&f, ALL | kinds[k]);
        fd = client_greeted(&f, NULL);
        status = client_do(fd, TRANSACT_READ, ERROR_LBA, 1, back);
        assert_check(status, 0x03, 0x11, 0x00);
        assert_true(status.information_valid);
        assert_int_equal(status.information, ERROR_LBA);
        assert_good(client_do(fd, TRANSACT_READ, 0, 1, back)); /* the stream goes on */
        close(fd);
        fixture_close(&f);
    }
}

static void message_may_come_byte_by_byte(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_WRITE, .lba = 3, .blocks = 1 };
    uint8_t message[TRANSACT_HEADER_LENGTH + BLOCK];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL | SPD_NEVER_BLOCKS);
    fd = client_greeted(&f, NULL);
    transact_encode_request(&request, message);
    memset(message + TRANSACT_HEADER_LENGTH, 0xa5, BLOCK);
    for (size_t i = 0; i < sizeof message; i++)
        client_send_bytes(fd, message + i, 1);
    assert_good(client_receive(fd, &request, NULL).status);
    assert_memory_equal(f.memory + 3 * BLOCK, message + TRANSACT_HEADER_LENGTH, BLOCK);
    close(fd);
    fixture_close(&f);
}

static void every_request_of_many_is_answered_once(void **state)
{
    enum { COUNT = 200 };
    struct fixture f;

    (void)state;
    for (int k = 0; k < 2; k++) {
        bool seen[COUNT + 1] = { false };
        int fd;

        fixture_start(&f, ALL | kinds[k]);
        fd = client_greeted(&f, NULL);
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct transact_request r = { .hint = i, .kind = TRANSACT_READ, .lba = i, .blocks = 1 };

            client_send(fd, &r, NULL);
        }
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct transact_response response = client_receive(fd, NULL, NULL);
            uint8_t data[BLOCK];

            assert_in_range(response.hint, 1, COUNT);
            assert_false(seen[response.hint]);
            seen[response.hint] = true;
            assert_true(client_receive_bytes(fd, data, BLOCK));
            assert_int_equal(data[BLOCK - 1], (uint8_t)(response.hint + 1));
        }
        close(fd);
        fixture_close(&f);
    }
}

static void slow_operation_does_not_hold_up_others(void **state)
{
    struct transact_request slow = {
        .hint = 1, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
    };
    uint8_t data[BLOCK];
    struct fixture f;
    int first, second;

    (void)state;
    fixture_start(&f, ALL);
    first = client_greeted(&f, NULL);
    second = client_greeted(&f, NULL);
    client_send(first, &slow, NULL);
    fixture_await_gate(&f, 1);
    assert_good(client_do(first, TRANSACT_READ, 5, 1, data));
    assert_good(client_do(second, TRANSACT_READ, 6, 1, data));
    fixture_open_gate(&f);
    assert_good(client_receive(first, &slow, data).status);
    assert_int_equal(data[0], (uint8_t)(GATE_LBA + 1));
    close(first);
    close(second);
    fixture_close(&f);
}

static void new_capacity_is_no_error(void **state)
{
    struct transact_params params;
    uint8_t data[BLOCK];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    assert_int_equal(spd_unit_resize(f.unit, 500), 0);
    assert_good(client_do(fd, TRANSACT_READ, 499, 1, data));
    assert_check(client_do(fd, TRANSACT_READ, 500, 1, data), 0x05, 0x21, 0x00);
    close(fd);
    fd = client_greeted(&f, &params);
    assert_int_equal(params.block_count, 500);
    close(fd);
    fixture_close(&f);
}

static void half_closed_client_gets_its_answers(void **state)
{
    struct transact_request slow = {
        .hint = 1, .kind = TRANSACT_READ, .lba = GATE_LBA, .blocks = 1,
    };
    uint8_t data[BLOCK];
    struct fixture f;
    int fd;

    (void)state;
    fixture_start(&f, ALL);
    fd = client_greeted(&f, NULL);
    client_send(fd, &slow, NULL);
    shutdown(fd, SHUT_WR);
    fixture_await_gate(&f, 1);
    fixture_open_gate(&f);
    assert_good(client_receive(fd, &slow, data).status);
    assert_closed(fd);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_with_parameters),
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(unmapped_blocks_read_as_zeros),
        cmocka_unit_test(unmaps_more_ranges_than_one_command_takes),
        cmocka_unit_test(flush_reaches_the_device),
        cmocka_unit_test(flush_of_no_blocks_flushes_everything),
        cmocka_unit_test(force_unit_access_reaches_the_device),
        cmocka_unit_test(medium_error_names_the_block),
        cmocka_unit_test(message_may_come_byte_by_byte),
        cmocka_unit_test(every_request_of_many_is_answered_once),
        cmocka_unit_test(slow_operation_does_not_hold_up_others),
        cmocka_unit_test(new_capacity_is_no_error),
        cmocka_unit_test(half_closed_client_gets_its_answers),
    };

    return cmocka_run_group_tests_name("unix-door", tests, NULL, NULL);
}
