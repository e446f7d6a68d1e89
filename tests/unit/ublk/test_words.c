/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The words of the ublk driver for units, requests and results; and those of a device name. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doors/ublk/door.h"
#include "lib/uri.h"

enum { IO_BYTES = 64 << 10, BLOCKS = 1000 };

static struct scsi_unit unit;

static struct scsi_unit_params params_of(uint32_t block_length)
{
    return (struct scsi_unit_params){
        .guid = { 1, 2, 3 },
        .block_count = BLOCKS,
        .block_length = block_length,
        .physical_block_length = block_length,
        .max_transfer_length = 1 << 20,
        .product_id = "disk            ",
        .product_revision = "1   ",
        .cache = true,
        .unmap = true,
    };
}

static void make_unit(const struct scsi_unit_params *params)
{
    assert_int_equal(scsi_unit_check(params), SCSI_PARAM_OK);
    scsi_unit_init(&unit, params);
}

static void unit_of(uint32_t block_length)
{
    struct scsi_unit_params params = params_of(block_length);

    make_unit(&params);
}

/* Requests. */

static bool ask(uint32_t op_flags, uint64_t sector, uint32_t sectors, struct scsi_block *block)
{
    struct ublk_descriptor descriptor = { .op_flags = op_flags, .sectors = sectors,
        .sector = sector };

    return ublk_command_block(&unit, &descriptor, IO_BYTES, block);
}

static void each_request_is_an_operation(void **state)
{
    static const struct {
        uint32_t op;
        uint8_t operation;
    } rows[] = {
        { UBLK_OP_READ, SCSI_BLOCK_READ },
        { UBLK_OP_WRITE, SCSI_BLOCK_WRITE },
        { UBLK_OP_DISCARD, SCSI_BLOCK_UNMAP },
        { UBLK_OP_WRITE_ZEROES, SCSI_BLOCK_WRITE_ZEROES },
    };
    struct scsi_block block;

    (void)state;
    unit_of(4096);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(ask(rows[i].op, 80, 16, &block));
        assert_int_equal(block.operation, rows[i].operation);
        assert_int_equal(block.lba, 10);
        assert_int_equal(block.blocks, 2);
    }
}

static void a_flush_is_for_the_whole_disk(void **state)
{
    struct scsi_block block;

    (void)state;
    unit_of(512);
    assert_true(ask(UBLK_OP_FLUSH, 7, 0, &block));
    assert_int_equal(block.operation, SCSI_BLOCK_FLUSH);
    assert_int_equal(block.lba, 0);
    assert_int_equal(block.blocks, 0);
}

static void flags_are_those_of_the_request(void **state)
{
    struct scsi_block block;

    (void)state;
    unit_of(512);
    assert_true(ask(UBLK_OP_WRITE, 0, 1, &block));
    assert_false(block.flags & SCSI_BLOCK_FUA);
    assert_true(ask(UBLK_OP_WRITE | UBLK_IO_FUA, 0, 1, &block));
    assert_true(block.flags & SCSI_BLOCK_FUA);
    assert_true(ask(UBLK_OP_WRITE_ZEROES, 0, 1, &block));
    assert_true(block.flags & SCSI_BLOCK_MAY_UNMAP);
    assert_true(ask(UBLK_OP_WRITE_ZEROES | UBLK_IO_NO_UNMAP, 0, 1, &block));
    assert_false(block.flags & SCSI_BLOCK_MAY_UNMAP);
}

static void a_request_without_sense_is_refused(void **state)
{
    struct scsi_block block;

    (void)state;
    unit_of(4096);
    assert_false(ask(UBLK_OP_READ, 4, 8, &block));  /* the begin is within a block */
    assert_false(ask(UBLK_OP_READ, 8, 12, &block)); /* the end is */
    assert_false(ask(UBLK_OP_READ, 8, 0, &block));
    assert_true(ask(UBLK_OP_WRITE, 0, IO_BYTES / 512, &block));
    assert_false(ask(UBLK_OP_WRITE, 0, IO_BYTES / 512 + 8, &block)); /* more than the buffer has */
    assert_true(ask(UBLK_OP_DISCARD, 0, IO_BYTES / 512 + 8, &block)); /* it needs no buffer */
    assert_false(ask(4, 0, 8, &block));
    assert_false(ask(UBLK_OPS, 0, 8, &block));
    assert_false(ask(UBLK_OP_MASK, 0, 8, &block));
}

/* Results. */

static void an_error_is_one_that_the_block_layer_knows(void **state)
{
    static const struct {
        struct scsi_outcome outcome;
        int result;
    } rows[] = {
        { { .status = SCSI_GOOD }, 512 },
        { { SCSI_CHECK_CONDITION, 0x1, 0x17, 0x00 }, 512 }, /* recovered */
        { { SCSI_CHECK_CONDITION, 0x3, 0x11, 0x00 }, -ENODATA },
        { { SCSI_CHECK_CONDITION, 0x4, 0x44, 0x00 }, -EREMOTEIO },
        { { SCSI_CHECK_CONDITION, 0x5, 0x20, 0x00 }, -EOPNOTSUPP },
        { { SCSI_CHECK_CONDITION, 0x5, 0x21, 0x00 }, -EIO },
        { { SCSI_CHECK_CONDITION, 0x7, 0x27, 0x07 }, -ENOSPC },
        { { SCSI_CHECK_CONDITION, 0x7, 0x27, 0x00 }, -EIO },
        { { .status = SCSI_RESERVATION_CONFLICT }, -EBADE },
        { { .status = SCSI_BUSY }, -EIO },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ublk_command_result(&rows[i].outcome, 512), rows[i].result);
}

/* Units. */

static void the_kernel_learns_what_the_unit_is(void **state)
{
    struct scsi_unit_params scsi = params_of(512);
    struct ublk_params params;

    (void)state;
    scsi.physical_block_length = 4096;
    scsi.unmap_granularity = 8;
    make_unit(&scsi);
    assert_int_equal(ublk_params_make(&unit, IO_BYTES, &params), 0);
    assert_int_equal(params.length, 64);
    assert_int_equal(params.types, UBLK_PARAMS_BASIC | UBLK_PARAMS_DISCARD);
    assert_int_equal(params.basic.logical_shift, 9);
    assert_int_equal(params.basic.physical_shift, 12);
    assert_int_equal(params.basic.max_sectors, IO_BYTES / 512);
    assert_int_equal(params.basic.sectors, BLOCKS);
    assert_int_equal(params.basic.attributes,
        UBLK_ATTRIBUTE_VOLATILE_CACHE | UBLK_ATTRIBUTE_FUA);
    assert_int_equal(params.discard.granularity, 4096);
    assert_int_equal(params.discard.max_segments, 1);
    assert_true(params.discard.max_sectors > 0);
}

static void what_the_unit_lacks_is_not_offered(void **state)
{
    struct scsi_unit_params scsi = params_of(4096);
    struct ublk_params params;

    (void)state;
    scsi.cache = scsi.unmap = false;
    scsi.write_protected = true;
    scsi.rotation_rate = 7200;
    make_unit(&scsi);
    assert_int_equal(ublk_params_make(&unit, IO_BYTES, &params), 0);
    assert_int_equal(
        params.basic.attributes, UBLK_ATTRIBUTE_READ_ONLY | UBLK_ATTRIBUTE_ROTATIONAL);
    assert_int_equal(params.basic.sectors, BLOCKS * 8);
    assert_int_equal(params.discard.max_sectors, 0);
}

static void blocks_that_linux_does_not_take_are_refused(void **state)
{
    struct ublk_params params;

    (void)state;
    unit_of(8192);
    assert_int_equal(ublk_params_make(&unit, IO_BYTES, &params), SPD_ERROR_BLOCK_LENGTH);
}

static void units_are_told_apart(void **state)
{
    struct scsi_unit_params scsi = params_of(512);
    uint64_t one, other;

    (void)state;
    make_unit(&scsi);
    one = ublk_params_identity(&unit);
    scsi.guid[15] = 1;
    make_unit(&scsi);
    other = ublk_params_identity(&unit);
    assert_true(one != other);
    assert_true(one >> 48 == other >> 48);
    assert_true(one >> 48 != 0);
}

/* Names. */

static int read_name(const char *name, struct ublk_config *config)
{
    struct spd_uri uri;
    int error = spd_uri_parse(name, &uri);

    assert_int_equal(error, 0);
    error = ublk_config_read(&uri, config);
    spd_uri_free(&uri);
    return error;
}

static void a_name_is_read_and_made_again(void **state)
{
    struct ublk_config config, again;
    char *name;

    (void)state;
    assert_int_equal(read_name("ublk:", &config), 0);
    assert_true(config.number == UBLK_ANY_NUMBER && config.recover);
    assert_int_equal(read_name("ublk:7?queues=2&depth=64&recover=0", &config), 0);
    name = ublk_config_name(&config);
    assert_non_null(name);
    assert_int_equal(read_name(name, &again), 0);
    free(name);
    assert_int_equal(again.number, 7);
    assert_int_equal(again.queues, 2);
    assert_int_equal(again.depth, 64);
    assert_false(again.recover);
}

static void a_bad_name_is_refused(void **state)
{
    static const struct {
        const char *name;
        int error;
    } rows[] = {
        { "ublk:x", SPD_ERROR_URI },
        { "ublk:-1", SPD_ERROR_URI },
        { "ublk:1048577", SPD_ERROR_URI },
        { "ublk:4294967296", SPD_ERROR_URI },
        { "ublk://1", SPD_ERROR_URI },
        { "ublk:?queues=0", SPD_ERROR_URI_PARAMETER },
        { "ublk:?queues=65", SPD_ERROR_URI_PARAMETER },
        { "ublk:?depth=1025", SPD_ERROR_URI_PARAMETER },
        { "ublk:?depth=", SPD_ERROR_URI_PARAMETER },
        { "ublk:?recover=2", SPD_ERROR_URI_PARAMETER },
        { "ublk:?colour=1", SPD_ERROR_URI_PARAMETER },
    };
    struct ublk_config config;

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(read_name(rows[i].name, &config), rows[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_is_an_operation),
        cmocka_unit_test(a_flush_is_for_the_whole_disk),
        cmocka_unit_test(flags_are_those_of_the_request),
        cmocka_unit_test(a_request_without_sense_is_refused),
        cmocka_unit_test(an_error_is_one_that_the_block_layer_knows),
        cmocka_unit_test(the_kernel_learns_what_the_unit_is),
        cmocka_unit_test(what_the_unit_lacks_is_not_offered),
        cmocka_unit_test(blocks_that_linux_does_not_take_are_refused),
        cmocka_unit_test(units_are_told_apart),
        cmocka_unit_test(a_name_is_read_and_made_again),
        cmocka_unit_test(a_bad_name_is_refused),
    };

    return cmocka_run_group_tests_name("ublk-words", tests, NULL, NULL);
}
