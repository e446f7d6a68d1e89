/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The protocol's bytes. Offsets and sizes are asserted by the compiler, in transact.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "transact/message.h"

#include <cmocka.h>

static const uint8_t params_wire[TRANSACT_PARAMS_LENGTH] = {
    /* 0 */ 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
    /* 8 */ 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    /* 16 */ 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
    /* 24 */ 0x00, 0x10, 0x00, 0x00,
    /* 28 */ 'R', 'a', 'w', 'D', 'i', 's', 'k', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
    /* 44 */ '1', '.', '0', ' ',
    /* 48 */ 0, 0, 0, 0,
    /* 52 */ 0x06, 0, 0, 0,
    /* 56 */ 0x00, 0x00, 0x01, 0x00, 0, 0, 0, 0,
    /* 64 */ 0, 0, 0, 0, 0x02, 0, 0, 0,
};

static const struct transact_params params = {
    .guid = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
    .block_count = 0x0102030405060708,
    .block_length = 4096,
    .max_transfer_length = 65536,
    .flags = TRANSACT_CACHE | TRANSACT_UNMAP_SUPPORTED,
    .modern_profile = true,
    .product_id = "RawDisk         ",
    .product_revision = "1.0 ",
};

static void params_have_the_layout_of_the_original(void **state)
{
    uint8_t wire[TRANSACT_PARAMS_LENGTH];

    (void)state;
    transact_encode_params(&params, wire);
    assert_memory_equal(wire, params_wire, sizeof wire);
}

static void params_survive_the_way(void **state)
{
    struct transact_params back;

    (void)state;
    assert_true(transact_decode_params(params_wire, &back));
    assert_memory_equal(back.guid, params.guid, sizeof back.guid);
    assert_int_equal(back.block_count, params.block_count);
    assert_int_equal(back.block_length, params.block_length);
    assert_int_equal(back.max_transfer_length, params.max_transfer_length);
    assert_int_equal(back.flags, params.flags);
    assert_true(back.modern_profile);
    assert_memory_equal(back.product_id, params.product_id, sizeof back.product_id);
    assert_memory_equal(back.product_revision, params.product_revision,
        sizeof back.product_revision);
}

static void params_that_no_client_can_use_are_refused(void **state)
{
    struct transact_params bad[4] = { params, params, params, params };
    uint8_t wire[TRANSACT_PARAMS_LENGTH];
    struct transact_params back;

    (void)state;
    bad[0].block_count = 0;
    bad[1].block_length = 8;
    bad[2].max_transfer_length = 0;
    bad[3].max_transfer_length = 4095;
    for (int i = 0; i < 4; i++) {
        transact_encode_params(&bad[i], wire);
        assert_false(transact_decode_params(wire, &back));
    }
}

static void request_has_the_layout_of_the_original(void **state)
{
    static const uint8_t expected[TRANSACT_HEADER_LENGTH] = {
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 2, 0, 0, 0, 0, 0, 0, 0,
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x0d, 0x0c, 0x0b, 0x0a, 1, 0, 0, 0,
    };
    struct transact_request request = {
        .hint = 0x0123456789abcdef, .kind = TRANSACT_WRITE, .lba = 0x0102030405060708,
        .blocks = 0x0a0b0c0d, .fua = true,
    };
    struct transact_request back;
    uint8_t wire[TRANSACT_HEADER_LENGTH];

    (void)state;
    transact_encode_request(&request, wire);
    assert_memory_equal(wire, expected, sizeof wire);
    transact_decode_request(wire, &back);
    assert_int_equal(back.hint, request.hint);
    assert_int_equal(back.kind, request.kind);
    assert_int_equal(back.lba, request.lba);
    assert_int_equal(back.blocks, request.blocks);
    assert_true(back.fua);
}

static void unmap_request_has_its_count_at_16(void **state)
{
    struct transact_request request = { .hint = 1, .kind = TRANSACT_UNMAP, .blocks = 0x01020304 };
    struct transact_request back;
    uint8_t wire[TRANSACT_HEADER_LENGTH];

    (void)state;
    transact_encode_request(&request, wire);
    assert_memory_equal(wire + 16, "\x04\x03\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    transact_decode_request(wire, &back);
    assert_int_equal(back.blocks, 0x01020304);
    assert_int_equal(back.lba, 0);
}

static void response_has_the_layout_of_the_original(void **state)
{
    static const uint8_t expected[TRANSACT_HEADER_LENGTH] = {
        0x01, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0,
        2, 3, 0x11, 0x04, 0, 0, 0, 0, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
    };
    struct transact_response response = {
        .hint = 0x8000000000000001, .kind = TRANSACT_READ,
        .status = { 2, 3, 0x11, 0x04, true, 0x0102030405060708 },
    };
    struct transact_response back;
    uint8_t wire[TRANSACT_HEADER_LENGTH];

    (void)state;
    transact_encode_response(&response, wire);
    assert_memory_equal(wire, expected, sizeof wire);
    transact_decode_response(wire, &back);
    assert_int_equal(back.hint, response.hint);
    assert_int_equal(back.kind, response.kind);
    assert_memory_equal(&back.status, &response.status, 4);
    assert_true(back.status.information_valid);
    assert_int_equal(back.status.information, response.status.information);
}

static void range_has_the_layout_of_the_original(void **state)
{
    struct transact_range range = { 0x0102030405060708, 0x0a0b0c0d };
    struct transact_range back;
    uint8_t wire[TRANSACT_RANGE_LENGTH];

    (void)state;
    transact_encode_range(&range, wire);
    assert_memory_equal(wire, "\x08\x07\x06\x05\x04\x03\x02\x01\x0d\x0c\x0b\x0a\0\0\0\0", 16);
    transact_decode_range(wire, &back);
    assert_int_equal(back.lba, range.lba);
    assert_int_equal(back.blocks, range.blocks);
}

static void payloads_follow_from_the_header(void **state)
{
    static const struct transact_status good, recovered = { .scsi_status = 2, .sense_key = 1 },
        failed = { .scsi_status = 2, .sense_key = 3 };
    const uint64_t most = UINT64_C(0xffffffff) * 65536;
    struct transact_request r = { .hint = 1, .kind = TRANSACT_READ, .blocks = UINT32_MAX };

    (void)state;
    assert_int_equal(transact_request_payload(&r, 65536), 0);
    assert_int_equal(transact_response_payload(&r, 65536, &good), most);
    assert_int_equal(transact_response_payload(&r, 65536, &recovered), most);
    assert_int_equal(transact_response_payload(&r, 65536, &failed), 0);
    r.kind = TRANSACT_WRITE;
    assert_int_equal(transact_request_payload(&r, 65536), UINT64_C(0xffffffff) * 65536);
    assert_int_equal(transact_response_payload(&r, 65536, &good), 0);
    r.kind = TRANSACT_UNMAP;
    assert_int_equal(transact_request_payload(&r, 65536), UINT64_C(0xffffffff) * 16);
    r.kind = TRANSACT_FLUSH;
    assert_int_equal(transact_request_payload(&r, 65536), 0);
    r.kind = 200;
    assert_int_equal(transact_request_payload(&r, 65536), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_have_the_layout_of_the_original),
        cmocka_unit_test(params_survive_the_way),
        cmocka_unit_test(params_that_no_client_can_use_are_refused),
        cmocka_unit_test(request_has_the_layout_of_the_original),
        cmocka_unit_test(unmap_request_has_its_count_at_16),
        cmocka_unit_test(response_has_the_layout_of_the_original),
        cmocka_unit_test(range_has_the_layout_of_the_original),
        cmocka_unit_test(payloads_follow_from_the_header),
    };

    return cmocka_run_group_tests_name("unix-transact", tests, NULL, NULL);
}
