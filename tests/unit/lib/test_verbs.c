/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Operations that a device may lack, for every kind of device and below filters. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../log_lines.h"
#include "scsi/be.h"
#include "filter.h"
#include "test_device.h"

enum { FLAGS = SPD_CACHE | SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS };

static const struct {
    const spd_ops *ops, *plain; /* plain: without these operations */
    uint32_t flags;
} kinds[] = {
    { &test_simple_verbs, &test_simple_ops, FLAGS | SPD_NEVER_BLOCKS },
    { &test_simple_verbs, &test_simple_ops, FLAGS },
    { &test_simple_verbs, &test_simple_ops, FLAGS | SPD_TRY_FIRST },
    { &test_async_verbs, &test_async_ops, FLAGS },
};
enum { INLINE, POOL, TRY, ASYNC, KINDS };

static struct test_device device;

static spd_unit *open_unit(const spd_ops *ops, unsigned kind)
{
    spd_params params = test_params(kinds[kind].flags);
    spd_unit *unit = test_unit(&device, ops, &params, 2);

    memset(device.disk, 0xee, (size_t)TEST_BLOCKS * TEST_BLOCK);
    return unit;
}

static uint8_t run(spd_unit *unit, const struct scsi_block *block, struct scsi_outcome *outcome)
{
    struct loop_command command = { 0 };

    assert_true(loop_start_block(loop_door_of(unit), &command, block));
    loop_wait(&command);
    if (outcome)
        *outcome = command.request.task.outcome;
    return command.request.task.status;
}

static bool is_all(uint64_t lba, uint64_t blocks, unsigned char fill)
{
    const unsigned char *at = device.disk[lba];

    for (size_t i = 0; i < blocks * TEST_BLOCK; i++)
        if (at[i] != fill)
            return false;
    return true;
}

static void assert_refused(const struct scsi_outcome *outcome)
{
    assert_int_equal(outcome->status, SCSI_CHECK_CONDITION);
    assert_int_equal(outcome->sense_key, SPD_SENSE_ILLEGAL_REQUEST);
    assert_int_equal(outcome->asc, 0x20);
    assert_int_equal(outcome->ascq, 0x00);
}

/* Write zeroes. */

static struct scsi_block zeroes(uint8_t flags)
{
    return (struct scsi_block){
        .operation = SCSI_BLOCK_WRITE_ZEROES, .flags = flags, .lba = 5, .blocks = 3000 };
}

static void zeroes_are_one_operation_with_their_flags(void **state)
{
    static const struct {
        uint8_t flags;
        uint32_t arrive;
    } rows[] = {
        { 0, 0 },
        { SCSI_BLOCK_MAY_UNMAP, SPD_MAY_UNMAP },
        { SCSI_BLOCK_FAST_ONLY, SPD_FAST_ONLY },
        { SCSI_BLOCK_MAY_UNMAP | SCSI_BLOCK_FAST_ONLY, SPD_MAY_UNMAP | SPD_FAST_ONLY },
    };

    (void)state;
    for (unsigned i = 0; i < KINDS * 4; i++) {
        unsigned kind = i / 4;
        spd_unit *unit = open_unit(kinds[kind].ops, kind);
        struct scsi_block block = zeroes(rows[i % 4].flags);

        assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
        assert_int_equal(device.log_count, 1);
        assert_int_equal(device.log[0].operation, SPD_WRITE_ZEROES);
        assert_int_equal(device.lba, 5);
        assert_int_equal(device.blocks, 3000);
        assert_int_equal(device.flags & ~(uint32_t)SPD_NOWAIT, rows[i % 4].arrive);
        assert_true(is_all(5, 3000, 0));
        assert_true(is_all(0, 5, 0xee));
        assert_true(is_all(3005, 10, 0xee));
        assert_int_equal(test_statistics(unit, SPD_WRITE_ZEROES).operations, 1);
        assert_int_equal(test_statistics(unit, SPD_WRITE_ZEROES).bytes, 3000 * TEST_BLOCK);
        test_unit_end(unit, &device);
    }
}

static void zeroes_that_would_block_come_again(void **state)
{
    spd_unit *unit = open_unit(&test_simple_verbs, TRY);
    struct scsi_block block = zeroes(0);

    (void)state;
    device.refuse_nowait = true;
    assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_WRITE_ZEROES], 2);
    assert_int_equal(device.nowait_calls, 1);
    assert_int_equal(device.flags, 0);
    test_unit_end(unit, &device);
}

/* Also a program whose header ends before them, whatever its memory has there. */
static void zeroes_are_written_to_a_device_that_lacks_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++) {
        unsigned kind = i / 2;
        spd_ops ops = i % 2 ? *kinds[kind].ops : *kinds[kind].plain;
        struct scsi_block block = zeroes(0);
        struct scsi_outcome outcome;
        spd_unit *unit;

        if (i % 2)
            ops.size = offsetof(spd_ops, write_zeroes);
        unit = open_unit(&ops, kind);
        assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_WRITE_ZEROES], 0);
        assert_true(device.calls[SPD_WRITE] > 1);
        assert_true(is_all(5, 3000, 0));
        assert_true(is_all(3005, 10, 0xee));
        block = zeroes(SCSI_BLOCK_FAST_ONLY);
        assert_int_equal(run(unit, &block, &outcome), SCSI_CHECK_CONDITION);
        assert_refused(&outcome);
        test_unit_end(unit, &device);
    }
}

static void without_a_cache_zeroes_are_durable(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_params params = test_params(kinds[kind].flags & ~(uint32_t)SPD_CACHE);
        spd_unit *unit = test_unit(&device, kinds[kind].ops, &params, 1);
        struct scsi_block block = zeroes(0);

        assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
        assert_int_equal(device.flags & SPD_FUA, SPD_FUA);
        assert_int_equal(device.calls[SPD_FLUSH], 0);
        test_unit_end(unit, &device);
    }
}

/* A refusal of what takes long is an answer, and other errors are trouble for the operator. */
static void a_refusal_is_no_trouble(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kinds[kind].ops, kind);
        struct scsi_block fast = zeroes(SCSI_BLOCK_FAST_ONLY), any = zeroes(0);
        struct scsi_outcome outcome;

        log_lines_begin();
        spd_status_set(&device.status, SPD_SENSE_ILLEGAL_REQUEST,
            SPD_ASC_INVALID_COMMAND_OPERATION_CODE, NULL);
        assert_int_equal(run(unit, &fast, &outcome), SCSI_CHECK_CONDITION);
        assert_refused(&outcome);
        assert_int_equal(log_lines_with("a write of zeroes failed"), 0);
        assert_int_equal(run(unit, &any, &outcome), SCSI_CHECK_CONDITION);
        assert_refused(&outcome);
        log_lines_wait("a write of zeroes failed");
        device.status = (spd_status){ 0 };
        test_unit_end(unit, &device);
        spd_log_set(NULL, NULL);
    }
}

/* The first fails at its block, and the other is aborted: each ends once, and by itself. */
static void of_two_one_fails_and_one_is_aborted(void **state)
{
    static const uint64_t failed = 77;

    (void)state;
    for (unsigned kind = POOL; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kinds[kind].ops, kind);
        struct loop_command commands[2] = { 0 };
        struct scsi_block block = zeroes(0);

        if (kind == TRY)
            device.refuse_nowait = true;
        device.hold = true;
        for (unsigned i = 0; i < 2; i++)
            assert_true(loop_start_block(loop_door_of(unit), &commands[i], &block));
        test_wait_held(&device, 2);
        assert_false(loop_cancel(&commands[1]));
        test_wait_aborts(&device, 1);
        assert_ptr_equal(device.aborted, &commands[1].request);
        spd_status_set(&device.status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR, &failed);
        test_let_go(&device);
        for (unsigned i = 0; i < 2; i++) {
            loop_wait(&commands[i]);
            assert_int_equal(atomic_load(&commands[i].dones), 1);
        }
        assert_int_equal(commands[0].request.task.outcome.sense_key, SPD_SENSE_MEDIUM_ERROR);
        assert_int_equal(commands[0].request.task.outcome.information, failed);
        assert_int_equal(device.aborts, 1);
        device.status = (spd_status){ 0 };
        test_unit_end(unit, &device);
    }
}

/* Extents. */

enum { ANSWER = 8 + 3 * 16 };

/* A command for GET LBA STATUS from block 2 on. */
static bool ask(spd_unit *unit, struct loop_command *command)
{
    static const uint8_t cdb[16] = { 0x9e, 0x12, [9] = 2, [13] = ANSWER };

    return loop_start(
        loop_door_of(unit), command, cdb, sizeof cdb, SCSI_DATA_IN, ANSWER);
}

static void assert_extent(const uint8_t *answer, unsigned n, uint64_t lba, uint32_t blocks,
    uint8_t state)
{
    const uint8_t *at = answer + 8 + 16 * n;

    assert_int_equal(be64_get(at), lba);
    assert_int_equal(be32_get(at + 8), blocks);
    assert_int_equal(at[12], state);
}

static spd_unit *open_with_holes(const spd_ops *ops, unsigned kind)
{
    spd_unit *unit = open_unit(ops, kind);

    memset(device.disk[10], 0, 20 * TEST_BLOCK);
    return unit;
}

static void assert_holes(const struct loop_command *command)
{
    const uint8_t *answer = command->request.task.reply;

    assert_non_null(answer);
    assert_int_equal(be32_get(answer), ANSWER - 4);
    assert_extent(answer, 0, 2, 8, SPD_MAPPED);
    assert_extent(answer, 1, 10, 20, SPD_DEALLOCATED);
    assert_extent(answer, 2, 30, TEST_BLOCKS - 30, SPD_MAPPED);
}

static void wait_done(struct loop_command *command)
{
    while (!atomic_load(&command->dones))
        os_yield();
}

static void extents_come_from_the_device(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_unit *unit = open_with_holes(kinds[kind].ops, kind);
        struct loop_command command = { 0 };

        assert_true(ask(unit, &command));
        wait_done(&command);
        assert_int_equal(command.request.task.status, SCSI_GOOD);
        assert_holes(&command);
        assert_int_equal(loop_wait(&command), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_EXTENTS], 1);
        assert_int_equal(device.lba, 2);
        assert_int_equal(device.blocks, TEST_BLOCKS - 2);
        assert_int_equal(test_statistics(unit, SPD_EXTENTS).operations, 1);
        assert_int_equal(test_statistics(unit, SPD_EXTENTS).bytes, 0);
        test_unit_end(unit, &device);
    }
}

/* Also where the unit is not thin: its blocks are all mapped. */
static void a_device_that_lacks_them_is_not_asked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++) {
        unsigned kind = i / 2;
        uint32_t thin = SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS;
        spd_params params = test_params(kinds[kind].flags & ~(i % 2 ? thin : 0));
        spd_unit *unit = test_unit(
            &device, i % 2 ? kinds[kind].ops : kinds[kind].plain, &params, 1);
        struct loop_command command = { 0 };

        assert_true(ask(unit, &command));
        wait_done(&command);
        assert_non_null(command.request.task.reply);
        assert_extent(command.request.task.reply, 0, 2, TEST_BLOCKS - 2, SPD_MAPPED);
        assert_int_equal(loop_wait(&command), SCSI_GOOD);
        assert_int_equal(device.log_count, 0);
        test_unit_end(unit, &device);
    }
}

/* An exclusive task waits for one question, and not for that whose initiator has gone. */
static void of_two_questions_one_is_aborted(void **state)
{
    (void)state;
    for (unsigned kind = POOL; kind < KINDS; kind++) {
        spd_unit *unit = open_with_holes(kinds[kind].ops, kind);
        struct loop_command commands[2] = { 0 };

        device.refuse_nowait = kind == TRY;
        device.hold = true;
        for (unsigned i = 0; i < 2; i++)
            assert_true(ask(unit, &commands[i]));
        test_wait_held(&device, 2);
        assert_false(loop_cancel(&commands[0]));
        test_wait_aborts(&device, 1);
        assert_ptr_equal(device.aborted, &commands[0].request);
        test_let_go(&device);
        wait_done(&commands[1]);
        assert_holes(&commands[1]);
        for (unsigned i = 0; i < 2; i++) {
            loop_wait(&commands[i]);
            assert_int_equal(atomic_load(&commands[i].dones), 1);
        }
        assert_int_equal(commands[1].request.task.status, SCSI_GOOD);
        test_unit_end(unit, &device);
    }
}

static void an_exclusive_task_waits_for_a_question(void **state)
{
    spd_unit *unit = open_with_holes(&test_async_verbs, ASYNC);
    struct loop_command question = { 0 }, ordered = { 0 };
    static unsigned char in[TEST_BLOCK];

    (void)state;
    device.hold = true;
    assert_true(ask(unit, &question));
    test_wait_held(&device, 1);
    ordered.request.task.attribute = SCSI_ORDERED;
    assert_true(loop_start_read(loop_door_of(unit), &ordered, in, 0, 1, TEST_BLOCK));
    assert_int_equal(device.calls[SPD_READ], 0);
    test_let_go(&device);
    assert_int_equal(loop_wait(&ordered), SCSI_GOOD);
    assert_int_equal(loop_wait(&question), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_READ], 1);
    test_unit_end(unit, &device);
}

/* Prefetch. */

/* PRE-FETCH(10) of 7 blocks from block 3 on. */
static bool hint(spd_unit *unit, struct loop_command *command)
{
    static const uint8_t cdb[10] = { 0x34, [5] = 3, [8] = 7 };

    return loop_start(loop_door_of(unit), command, cdb, sizeof cdb, SCSI_NO_DATA, 0);
}

static void a_hint_arrives_where_the_device_takes_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++) {
        unsigned kind = i / 2, has = i % 2;
        spd_unit *unit = open_unit(has ? kinds[kind].ops : kinds[kind].plain, kind);
        struct loop_command command = { 0 };

        device.refuse_nowait = kind == TRY;
        assert_true(hint(unit, &command));
        assert_int_equal(loop_wait(&command), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_PREFETCH], kind == TRY ? 2 * has : has);
        if (has) {
            assert_int_equal(device.lba, 3);
            assert_int_equal(device.blocks, 7);
            assert_int_equal(test_statistics(unit, SPD_PREFETCH).operations, 1);
            assert_int_equal(test_statistics(unit, SPD_PREFETCH).bytes, 0);
        }
        test_unit_end(unit, &device);
    }
}

static void of_two_hints_one_fails_and_one_is_aborted(void **state)
{
    static const uint64_t failed = 5;

    (void)state;
    for (unsigned kind = POOL; kind < KINDS; kind++) {
        spd_unit *unit = open_unit(kinds[kind].ops, kind);
        struct loop_command commands[2] = { 0 };

        device.refuse_nowait = kind == TRY;
        device.hold = true;
        for (unsigned i = 0; i < 2; i++)
            assert_true(hint(unit, &commands[i]));
        test_wait_held(&device, 2);
        assert_false(loop_cancel(&commands[1]));
        test_wait_aborts(&device, 1);
        assert_ptr_equal(device.aborted, &commands[1].request);
        spd_status_set(
            &device.status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, &failed);
        test_let_go(&device);
        for (unsigned i = 0; i < 2; i++) {
            loop_wait(&commands[i]);
            assert_int_equal(atomic_load(&commands[i].dones), 1);
        }
        assert_int_equal(commands[0].request.task.outcome.sense_key, SPD_SENSE_MEDIUM_ERROR);
        assert_int_equal(commands[0].request.task.outcome.information, failed);
        device.status = (spd_status){ 0 };
        test_unit_end(unit, &device);
    }
}

/* Filters. */

static void filters_pass_on_what_the_device_has(void **state)
{
    static struct filter filters[2];

    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++) {
        unsigned kind = i / 2;
        spd_params params = test_params(kinds[kind].flags);
        struct scsi_block block = zeroes(SCSI_BLOCK_MAY_UNMAP);
        struct loop_command question = { 0 };
        bool has = i % 2;
        spd_device bottom = { has ? kinds[kind].ops : kinds[kind].plain, &device };
        spd_unit *unit;

        test_device_init(&device);
        filter_init(&filters[0], &bottom);
        filter_init(&filters[1], &filters[0].device);
        unit = test_unit_on(&filters[1].device, &params, 1);
        memset(device.disk, 0xee, (size_t)TEST_BLOCKS * TEST_BLOCK);
        assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
        assert_true(is_all(5, 3000, 0));
        assert_int_equal(device.calls[SPD_WRITE_ZEROES], has);
        assert_int_equal(!(device.flags & SPD_MAY_UNMAP), !has);
        assert_true(ask(unit, &question));
        assert_int_equal(loop_wait(&question), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_EXTENTS], has);
        memset(&question, 0, sizeof question);
        assert_true(hint(unit, &question));
        assert_int_equal(loop_wait(&question), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_PREFETCH], has);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(filters[n].calls[SPD_WRITE_ZEROES], has);
            assert_int_equal(filters[n].calls[SPD_EXTENTS], has);
            assert_int_equal(filters[n].calls[SPD_PREFETCH], has);
        }
        test_unit_end(unit, &device);
    }
}

/* A filter that is built against a header without them. */
static void an_older_filter_hides_them(void **state)
{
    struct filter filter;

    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        spd_device bottom = { kinds[kind].ops, &device };
        spd_params params = test_params(kinds[kind].flags);
        struct scsi_block block = zeroes(0);
        spd_unit *unit;

        test_device_init(&device);
        filter_init(&filter, &bottom);
        filter.ops.size = offsetof(spd_ops, write_zeroes);
        spd_ops_fit(&filter.ops, &bottom);
        assert_int_equal(filter.ops.submits, kinds[kind].ops->submits); /* it is not its own */
        unit = test_unit_on(&filter.device, &params, 1);
        assert_int_equal(run(unit, &block, NULL), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_WRITE_ZEROES], 0);
        test_unit_end(unit, &device);
    }
}

static void a_filter_that_calls_what_is_not_there_is_refused(void **state)
{
    spd_device below = { &test_simple_ops, &device };
    spd_status status = { 0 };

    (void)state;
    assert_int_equal(spd_device_write_zeroes(&below, 0, 1, 0, &status), 0);
    assert_int_equal(status.sense_key, SPD_SENSE_ILLEGAL_REQUEST);
    assert_int_equal(status.asc, 0x20);
}

static void only_an_asynchronous_device_says_what_it_takes(void **state)
{
    static const uint32_t wrong[] = { 1 << SPD_READ, 1 << SPD_UNMAP, 1u << 31, 1 };
    spd_params params = test_params(FLAGS);
    spd_ops ops = test_simple_verbs;
    spd_unit *unit;

    (void)state;
    test_device_init(&device);
    ops.submits = 1 << SPD_WRITE_ZEROES;
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &ops, &device }, &unit), SPD_ERROR_OPS);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ops = test_async_verbs;
        ops.submits = wrong[i];
        assert_int_equal(spd_unit_create("loop:", &params, &(spd_device){ &ops, &device }, &unit),
            SPD_ERROR_OPS);
    }
    ops = test_async_verbs;
    ops.write_zeroes = test_simple_verbs.write_zeroes;
    assert_int_equal(
        spd_unit_create("loop:", &params, &(spd_device){ &ops, &device }, &unit), SPD_ERROR_OPS);
    test_device_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroes_are_one_operation_with_their_flags),
        cmocka_unit_test(zeroes_that_would_block_come_again),
        cmocka_unit_test(zeroes_are_written_to_a_device_that_lacks_them),
        cmocka_unit_test(without_a_cache_zeroes_are_durable),
        cmocka_unit_test(a_refusal_is_no_trouble),
        cmocka_unit_test(of_two_one_fails_and_one_is_aborted),
        cmocka_unit_test(extents_come_from_the_device),
        cmocka_unit_test(a_device_that_lacks_them_is_not_asked),
        cmocka_unit_test(of_two_questions_one_is_aborted),
        cmocka_unit_test(an_exclusive_task_waits_for_a_question),
        cmocka_unit_test(a_hint_arrives_where_the_device_takes_it),
        cmocka_unit_test(of_two_hints_one_fails_and_one_is_aborted),
        cmocka_unit_test(filters_pass_on_what_the_device_has),
        cmocka_unit_test(an_older_filter_hides_them),
        cmocka_unit_test(a_filter_that_calls_what_is_not_there_is_refused),
        cmocka_unit_test(only_an_asynchronous_device_says_what_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
