/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* All nexuses share scratch, dispatchers and the door's thread; each gets its part whatever another
 * does. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/scratch.h"
#include "lib/dispatcher.h"
#include "test_device.h"

enum { MANY = 200 };

static struct test_device device;
static struct scsi_nexus others[8]; /* beside the door's own */

/* A unit with all the nexuses. */
static spd_unit *unit_of(const spd_ops *ops, uint32_t flags, uint32_t threads)
{
    spd_params params = test_params(SPD_CACHE | SPD_UNMAP_SUPPORTED | flags);
    spd_unit *unit = test_unit(&device, ops, &params, threads);

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        scsi_nexus_init(&others[i], spd_unit_scsi(unit), NULL);
        others[i].no_attentions = true;
    }
    return unit;
}

static bool start_unmap(spd_unit *unit, struct loop_command *command)
{
    static const uint8_t cdb[10] = { 0x42, [8] = 24 };
    static uint8_t list[24] = { [1] = 22, [3] = 16, [19] = 1 };

    command->vec[0] = (struct scsi_vec){ list, sizeof list };
    command->vec_count = 1;
    return loop_start(loop_door_of(unit), command, cdb, sizeof cdb, SCSI_DATA_OUT, sizeof list);
}

static bool start_verify(spd_unit *unit, struct loop_command *command, uint32_t blocks)
{
    const uint8_t cdb[16] = { 0x8f, [12] = (uint8_t)(blocks >> 8), [13] = (uint8_t)blocks };

    return loop_start(loop_door_of(unit), command, cdb, sizeof cdb, SCSI_NO_DATA, 0);
}

/* So many commands of the door's nexus, and a device that keeps what it has. */
static struct loop_command *many_unmaps(spd_unit *unit)
{
    struct loop_command *unmap = calloc(MANY, sizeof *unmap);

    device.hold = true;
    for (int i = 0; i < MANY; i++)
        assert_true(start_unmap(unit, &unmap[i]));
    return unmap;
}

static void assert_good(struct loop_command *commands, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(loop_wait(&commands[i]), SCSI_GOOD);
}

static void end_unit(spd_unit *unit, struct loop_command *commands)
{
    test_unit_end(unit, &device);
    free(commands);
}

/* All that must always be answered, by this nexus. */
static void assert_answers(spd_unit *unit, struct scsi_nexus *nexus)
{
    static const uint8_t cdbs[][16] = {
        { 0x00 },                                           /* TEST UNIT READY */
        { 0x03, [4] = 18 },                                 /* REQUEST SENSE */
        { 0x12, [4] = 36 },                                 /* INQUIRY */
        { 0x1a, [2] = 0x3f, [4] = 64 },                     /* MODE SENSE(6) */
        { 0x25 },                                           /* READ CAPACITY(10) */
        { 0x4d, [8] = 64 },                                 /* LOG SENSE */
        { 0x5a, [2] = 0x3f, [8] = 64 },                     /* MODE SENSE(10) */
        { 0x5e, 0x00, [8] = 64 },                           /* PERSISTENT RESERVE IN */
        { 0x9e, 0x10, [13] = 32 },                          /* READ CAPACITY(16) */
        { 0xa0, [9] = 64 },                                 /* REPORT LUNS */
        { 0xa3, 0x0c, [9] = 64 },                           /* REPORT SUPPORTED OPERATION CODES */
    };

    for (size_t i = 0; i < sizeof cdbs / sizeof cdbs[0]; i++) {
        struct loop_command command = { .nexus = nexus };

        assert_true(loop_start(loop_door_of(unit), &command, cdbs[i], sizeof cdbs[i],
            i ? SCSI_DATA_IN : SCSI_NO_DATA, i ? 64 : 0));
        assert_int_equal(loop_wait(&command), SCSI_GOOD);
    }
}

static void commands_whose_data_never_comes_hold_nothing(void **state)
{
    spd_unit *unit = unit_of(&test_simple_ops, SPD_NEVER_BLOCKS, 0);
    struct loop_command *silent = calloc(MANY, sizeof *silent), unmap = { .nexus = &others[0] };

    (void)state;
    for (int i = 0; i < MANY; i++) {
        silent[i].defer_map = true;
        assert_true(start_unmap(unit, &silent[i]));
        assert_int_equal(atomic_load(&silent[i].dones), 0);
    }
    assert_answers(unit, NULL);
    assert_answers(unit, &others[0]);
    assert_true(start_unmap(unit, &unmap));
    assert_int_equal(loop_wait(&unmap), SCSI_GOOD);
    for (int i = 0; i < MANY; i++)
        assert_true(loop_cancel(&silent[i]));
    end_unit(unit, silent);
}

static void what_hangs_in_the_device_does_not_stop_what_must_be_answered(void **state)
{
    spd_unit *unit = unit_of(&test_async_ops, 0, 0);
    struct loop_command *unmap = calloc(MANY, sizeof *unmap);

    (void)state;
    device.hold = true;
    for (int i = 0; i < MANY; i++) {
        unmap[i].nexus = &others[i % 5]; /* as many as can hold all there is */
        assert_true(start_unmap(unit, &unmap[i]));
    }
    assert_int_equal(device.kept_count, SPD_SCRATCH_LIMIT);
    assert_answers(unit, &others[0]);
    assert_answers(unit, NULL);
    test_let_go(&device);
    assert_good(unmap, MANY);
    assert_int_equal(device.calls[SPD_UNMAP], MANY);
    end_unit(unit, unmap);
}

static void a_nexus_has_at_most_its_share_of_scratch_and_the_rest_waits(void **state)
{
    spd_unit *unit = unit_of(&test_async_ops, 0, 0);
    struct loop_command *unmap = many_unmaps(unit), other = { .nexus = &others[0] };

    (void)state;
    assert_int_equal(device.kept_count, SPD_SCRATCH_SHARE);
    assert_true(start_unmap(unit, &other));
    assert_int_equal(device.kept_count, SPD_SCRATCH_SHARE + 1);
    test_let_go(&device);
    assert_int_equal(loop_wait(&other), SCSI_GOOD);
    assert_good(unmap, MANY);
    end_unit(unit, unmap);
}

static void a_burst_of_verify_is_good_for_every_kind_of_device(void **state)
{
    static const uint32_t flags[] = { 0, SPD_TRY_FIRST, SPD_NEVER_BLOCKS };

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        spd_unit *unit = unit_of(&test_simple_ops, flags[i], 2);
        struct loop_command *verify = calloc(MANY, sizeof *verify);

        for (int k = 0; k < MANY; k++)
            assert_true(start_verify(unit, &verify[k], 1000));
        assert_good(verify, MANY);
        end_unit(unit, verify);
    }
}

static void a_command_that_waits_for_scratch_can_be_cancelled(void **state)
{
    spd_unit *unit = unit_of(&test_async_ops, 0, 0);
    struct loop_command *unmap = many_unmaps(unit);

    (void)state;
    for (int i = SPD_SCRATCH_SHARE; i < MANY - 1; i++)
        assert_true(loop_cancel(&unmap[i]));
    assert_false(loop_cancel(&unmap[0]));
    test_let_go(&device);
    assert_int_equal(loop_wait(&unmap[MANY - 1]), SCSI_GOOD);
    assert_good(unmap, SPD_SCRATCH_SHARE);
    assert_int_equal(device.calls[SPD_UNMAP], SPD_SCRATCH_SHARE + 1);
    end_unit(unit, unmap);
}

static void a_shutdown_ends_what_waits_for_scratch(void **state)
{
    spd_unit *unit = unit_of(&test_async_ops, 0, 0);
    struct loop_command *unmap = many_unmaps(unit);

    (void)state;
    spd_unit_shutdown(unit);
    test_let_go(&device);
    assert_int_equal(spd_unit_wait(unit), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(atomic_load(&unmap[i].dones) + unmap[i].cancelled, 1);
    end_unit(unit, unmap);
}

/* Replies lie in scratch until their door has sent them. */
static void replies_that_a_door_keeps_hold_up_those_of_its_nexus_alone(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    spd_unit *unit = unit_of(&test_simple_ops, SPD_NEVER_BLOCKS, 0);
    struct loop_command command[SPD_SCRATCH_OWN + 1] = { 0 };

    (void)state;
    for (int i = 0; i <= SPD_SCRATCH_OWN; i++)
        assert_true(
            loop_start(loop_door_of(unit), &command[i], inquiry, sizeof inquiry, SCSI_DATA_IN, 36));
    assert_int_equal(atomic_load(&command[SPD_SCRATCH_OWN - 1].dones), 1);
    assert_int_equal(atomic_load(&command[SPD_SCRATCH_OWN].dones), 0);
    assert_answers(unit, &others[0]);
    for (int i = 0; i <= SPD_SCRATCH_OWN; i++)
        assert_int_equal(loop_wait(&command[i]), SCSI_GOOD);
    test_unit_end(unit, &device);
}

static void no_command_is_refused_however_many_wait_for_a_dispatcher(void **state)
{
    spd_unit *unit = unit_of(&test_simple_ops, 0, 1);
    struct loop_command *write = calloc(5000, sizeof *write);
    unsigned char block[TEST_BLOCK] = { 7 };

    (void)state;
    device.hold = true;
    for (int i = 0; i < 5000; i++)
        assert_true(loop_start_write(loop_door_of(unit), &write[i], block, 0, 1, TEST_BLOCK));
    test_let_go(&device);
    assert_good(write, 5000);
    end_unit(unit, write);
}

static void a_nexus_waits_for_one_command_of_another_not_for_all(void **state)
{
    enum { HERS = 100 };
    spd_unit *unit = unit_of(&test_simple_ops, 0, 1);
    struct loop_command his[20] = { 0 }, hers = { .nexus = &others[0] };
    unsigned char block[TEST_BLOCK] = { 7 };

    (void)state;
    device.hold = true;
    for (int i = 0; i < 20; i++) {
        assert_true(loop_start_write(
            loop_door_of(unit), &his[i], block, (uint64_t)i, 1, TEST_BLOCK));
        test_wait_held(&device, 1);
    }
    assert_true(loop_start_write(loop_door_of(unit), &hers, block, HERS, 1, TEST_BLOCK));
    test_let_go(&device);
    assert_int_equal(loop_wait(&hers), SCSI_GOOD);
    assert_good(his, 20);
    assert_int_equal(device.log[2].lba, HERS);
    test_unit_end(unit, &device);
}

static void no_nexus_has_all_dispatchers(void **state)
{
    uint32_t most = os_cpu_count() > SPD_THREADS_LEAST ? os_cpu_count() : SPD_THREADS_LEAST;
    spd_unit *unit = unit_of(&test_simple_ops, 0, 0);
    struct loop_command *his = calloc(most + 10, sizeof *his), hers = { .nexus = &others[0] };
    unsigned char block[TEST_BLOCK] = { 7 };
    bool found = false;

    (void)state;
    device.hold = true;
    for (uint32_t i = 0; i < most + 10; i++)
        assert_true(loop_start_write(loop_door_of(unit), &his[i], block, i, 1, TEST_BLOCK));
    test_wait_held(&device, most);
    assert_true(loop_start_write(loop_door_of(unit), &hers, block, 1000, 1, TEST_BLOCK));
    test_wait_held(&device, most + 1);
    for (uint32_t i = 0; i < device.log_count; i++)
        found = found || device.log[i].lba == 1000;
    assert_true(found || most + 1 > TEST_LOG_MAX);
    test_let_go(&device);
    assert_int_equal(loop_wait(&hers), SCSI_GOOD);
    assert_good(his, most + 10);
    end_unit(unit, his);
}

/* Its first operation is a flush, after which it has had its turn. */
static void a_long_command_gives_way_on_a_dispatcher(void **state)
{
    spd_unit *unit = unit_of(&test_simple_ops, 0, 1);
    struct loop_command verify = { 0 }, write = { .nexus = &others[0] };
    unsigned char block[TEST_BLOCK] = { 7 };

    (void)state;
    device.hold = true;
    assert_true(start_verify(unit, &verify, 4096));
    test_wait_held(&device, 1);
    assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
    test_let_go(&device);
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_int_equal(loop_wait(&verify), SCSI_GOOD);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
    assert_int_equal(device.calls[SPD_READ], 16);
    for (int i = 0; device.log[i].operation != SPD_WRITE; i++)
        assert_in_range(i, 0, 4);
    test_unit_end(unit, &device);
}

static void a_long_command_gives_way_on_the_doors_thread(void **state)
{
    static const uint32_t flags[] = { SPD_TRY_FIRST, SPD_NEVER_BLOCKS };

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        spd_unit *unit = unit_of(&test_simple_ops, flags[i], 1);
        struct loop_command verify = { 0 }, write = { .nexus = &others[0] };
        unsigned char block[TEST_BLOCK] = { 7 };

        loop_hold_turns(loop_door_of(unit), true);
        assert_true(start_verify(unit, &verify, 4096));
        assert_int_equal(atomic_load(&verify.dones), 0);
        assert_in_range(device.calls[SPD_READ], 0, 4);
        assert_true(loop_start_write(loop_door_of(unit), &write, block, 0, 1, TEST_BLOCK));
        assert_int_equal(loop_wait(&write), SCSI_GOOD);
        loop_hold_turns(loop_door_of(unit), false);
        assert_int_equal(loop_wait(&verify), SCSI_GOOD);
        assert_int_equal(device.calls[SPD_READ], 16);
        test_unit_end(unit, &device);
    }
}

static void a_command_that_waits_for_its_turn_can_be_cancelled(void **state)
{
    spd_unit *unit = unit_of(&test_simple_ops, SPD_NEVER_BLOCKS, 0);
    struct loop_command verify = { 0 };
    unsigned reads;

    (void)state;
    loop_hold_turns(loop_door_of(unit), true);
    assert_true(start_verify(unit, &verify, 4096));
    reads = device.calls[SPD_READ];
    assert_false(loop_cancel(&verify)); /* it ends by done(), when its turn comes */
    loop_hold_turns(loop_door_of(unit), false);
    assert_int_equal(loop_wait(&verify), SCSI_CHECK_CONDITION);
    assert_int_equal(device.calls[SPD_READ], reads);
    assert_null(verify.request.task.scratch);
    test_unit_end(unit, &device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_whose_data_never_comes_hold_nothing),
        cmocka_unit_test(what_hangs_in_the_device_does_not_stop_what_must_be_answered),
        cmocka_unit_test(a_nexus_has_at_most_its_share_of_scratch_and_the_rest_waits),
        cmocka_unit_test(a_burst_of_verify_is_good_for_every_kind_of_device),
        cmocka_unit_test(a_command_that_waits_for_scratch_can_be_cancelled),
        cmocka_unit_test(a_shutdown_ends_what_waits_for_scratch),
        cmocka_unit_test(replies_that_a_door_keeps_hold_up_those_of_its_nexus_alone),
        cmocka_unit_test(no_command_is_refused_however_many_wait_for_a_dispatcher),
        cmocka_unit_test(a_nexus_waits_for_one_command_of_another_not_for_all),
        cmocka_unit_test(no_nexus_has_all_dispatchers),
        cmocka_unit_test(a_long_command_gives_way_on_a_dispatcher),
        cmocka_unit_test(a_long_command_gives_way_on_the_doors_thread),
        cmocka_unit_test(a_command_that_waits_for_its_turn_can_be_cancelled),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
