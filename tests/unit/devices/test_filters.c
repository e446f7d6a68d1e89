/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Filters above the tests' device, and a unit with the tests' door on top: as a program has them,
 * and on both kinds of devices. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/filters.h"
#include "test_device.h"

static const spd_program program = { .name = "test" };
static struct test_device device;
static struct filters filters;
static spd_unit *unit;
static unsigned char block[8 * TEST_BLOCK];

static int setup(void **state)
{
    (void)state;
    test_device_init(&device);
    unit = NULL;
    memset(block, 0, sizeof block);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spd_unit_delete(unit);
    assert_true(filters_close(&filters, true));
    test_device_destroy(&device);
    return 0;
}

/* A started unit with these filters, ended by NULL. */
static struct loop_door *serve(const spd_ops *ops, const char *const *texts)
{
    spd_program_disk disk = {
        .options = { .program = &program },
        .params = test_params(SPD_CACHE),
        .device = { ops, &device },
    };

    for (; *texts; texts++)
        disk.options.filters[disk.options.filter_count++] = *texts;
    assert_true(filters_check(&disk.options));
    assert_true(filters_place(&filters, &disk, &sink_error));
    assert_true(filters_open(&filters, &disk));
    unit = test_unit_on(&disk.device, &disk.params, 0);
    return loop_door_of(unit);
}

static struct loop_door *serve_one(const spd_ops *ops, const char *text)
{
    return serve(ops, (const char *const[]){ text, NULL });
}

/* Sense key, ASC and ASCQ in one number; 0: GOOD. */
static unsigned sense_of(struct loop_command *command)
{
    const uint8_t *sense = command->request.task.sense;

    if (loop_wait(command) == SCSI_GOOD)
        return 0;
    return (sense[2] & 15u) << 16 | (unsigned)sense[12] << 8 | sense[13];
}

static unsigned read_at(struct loop_door *door, uint64_t lba, uint32_t blocks)
{
    struct loop_command command = { 0 };
    unsigned sense;

    assert_true(loop_start_read(door, &command, block, lba, blocks, TEST_BLOCK));
    sense = sense_of(&command);
    spd_request_free(&command.request);
    return sense;
}

static unsigned write_at(struct loop_door *door, uint64_t lba, uint32_t blocks)
{
    struct loop_command command = { 0 };
    unsigned sense;

    assert_true(loop_start_write(door, &command, block, lba, blocks, TEST_BLOCK));
    sense = sense_of(&command);
    spd_request_free(&command.request);
    return sense;
}

static unsigned flush(struct loop_door *door)
{
    static const uint8_t synchronize_cache[10] = { 0x35 };
    struct loop_command command = { 0 };
    unsigned sense;

    loop_start(door, &command, synchronize_cache, 10, SCSI_NO_DATA, 0);
    sense = sense_of(&command);
    spd_request_free(&command.request);
    return sense;
}

static const spd_ops *const kinds[] = { &test_simple_ops, &test_async_ops };

static void data_passes_through_all_filters(void **state)
{
    static const char *const texts[] = { "log:on=unmap", "delay:time=0ns", "error:rate=0",
        "rate:iops=1000000000", "delay:time=1us,distribution=exponential",
        "delay:time=1us,distribution=normal,spread=1us",
        "delay:time=1us,distribution=uniform,spread=1us", NULL };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct loop_door *door = serve(kinds[i], texts);

        memset(block, 7, TEST_BLOCK);
        assert_int_equal(write_at(door, 3, 1), 0);
        memset(block, 0, TEST_BLOCK);
        assert_int_equal(read_at(door, 3, 1), 0);
        assert_int_equal(block[TEST_BLOCK - 1], 7);
        assert_int_equal(flush(door), 0);
        assert_int_equal(device.calls[SPD_FLUSH], 1);
        if (i == 0) {
            teardown(NULL);
            setup(NULL);
        }
    }
}

static void threads_take_data_in_pieces(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "delay:time=0ns");
    struct loop_command command = { .vec_count = 3, .vec = {
        { block, 100 }, { block + 1000, TEST_BLOCK }, { block + 2000, 2 * TEST_BLOCK - 612 } } };

    (void)state;
    memset(device.disk[5], 1, TEST_BLOCK);
    memset(device.disk[6], 2, TEST_BLOCK);
    assert_true(loop_start_read(door, &command, NULL, 5, 2, TEST_BLOCK));
    assert_int_equal(loop_wait(&command), SCSI_GOOD);
    assert_int_equal(block[99], 1);
    assert_int_equal(block[1000 + 411], 1);
    assert_int_equal(block[1000 + 412], 2);
    assert_int_equal(block[2000], 2);
    assert_int_equal(block[2000 + 2 * TEST_BLOCK - 613], 2);
    spd_request_free(&command.request);
}

static void a_failure_of_a_simple_device_is_told(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "delay:time=0ns");

    (void)state;
    device.result = -5; /* EIO */
    assert_int_equal(read_at(door, 5, 2), 0x031100);
    device.result = 17;
    assert_int_equal(read_at(door, 5, 2), 0x044400);
}

/* Aborts a command that is held for longer than any test runs. */
static void abort_held(const spd_ops *ops, const char *text, unsigned reaches)
{
    struct loop_door *door = serve_one(ops, text);
    struct loop_command first = { 0 }, second = { 0 };

    assert_true(loop_start_write(door, &first, block, 0, 1, TEST_BLOCK));
    assert_true(loop_start_write(door, &second, block, 1, 1, TEST_BLOCK));
    loop_cancel(&first);
    loop_wait(&first);
    assert_int_equal(atomic_load(&second.dones), 0);
    loop_cancel(&second);
    loop_wait(&second);
    assert_true(device.calls[SPD_WRITE] <= reaches);
    spd_request_free(&first.request);
    spd_request_free(&second.request);
}

static void what_is_held_ends_when_it_is_aborted(void **state)
{
    static const char *const texts[] = { "delay:time=24000s", "rate:bytes=1,burst=0ns",
        "error:kind=hang" };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        abort_held(kinds[i % 2], texts[i / 2], i / 2 == 2 ? 0 : 2);
        teardown(NULL);
        setup(NULL);
    }
}

static void the_end_of_the_unit_waits_for_nothing_that_is_held(void **state)
{
    struct loop_door *door = serve(&test_simple_ops,
        (const char *const[]){ "delay:time=24000s,on=all", "error:kind=hang,lba=1", NULL });
    struct loop_command first = { 0 }, second = { 0 };

    (void)state;
    assert_true(loop_start_write(door, &first, block, 0, 1, TEST_BLOCK));
    assert_true(loop_start_write(door, &second, block, 1, 1, TEST_BLOCK));
    spd_unit_shutdown(unit);
    assert_int_equal(spd_unit_wait(unit), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 1); /* the last flush is not held either */
    loop_wait(&first);
    loop_wait(&second);
    spd_request_free(&first.request);
    spd_request_free(&second.request);
}

static void a_delay_of_some_operations_spares_others(void **state)
{
    struct loop_door *door = serve_one(&test_async_ops, "delay:time=24000s,on=write");

    (void)state;
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_int_equal(flush(door), 0);
}

static void bad_blocks_fail_with_the_first_of_them(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "error:lba=10-12");
    struct loop_command command = { 0 };

    (void)state;
    assert_int_equal(read_at(door, 8, 2), 0);
    assert_int_equal(read_at(door, 13, 1), 0);
    assert_int_equal(read_at(door, 12, 1), 0x031100);
    assert_int_equal(write_at(door, 12, 2), 0x030c00);
    assert_true(loop_start_read(door, &command, block, 8, 4, TEST_BLOCK));
    assert_int_equal(sense_of(&command), 0x031100);
    assert_int_equal(command.request.task.sense[6], 10);
    spd_request_free(&command.request);
    assert_int_equal(device.calls[SPD_WRITE], 0);
    assert_int_equal(flush(door), 0);
}

static void errors_are_skipped_and_counted(void **state)
{
    struct loop_door *door = serve_one(&test_async_ops, "error:skip=2,count=1,on=read");

    (void)state;
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_int_equal(write_at(door, 0, 1), 0);
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_int_equal(read_at(door, 0, 1), 0x031100);
    assert_int_equal(read_at(door, 0, 1), 0);
}

static void recovered_data_is_good_data(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "error:kind=recovered,lba=4");
    struct loop_command command = { 0 };

    (void)state;
    memset(device.disk[4], 9, TEST_BLOCK);
    assert_true(loop_start_read(door, &command, block, 3, 2, TEST_BLOCK));
    assert_int_equal(sense_of(&command), 0x011701);
    assert_int_equal(command.request.task.sense[6], 4);
    assert_int_equal(block[2 * TEST_BLOCK - 1], 9);
    spd_request_free(&command.request);
    device.status = (spd_status){ SPD_STATUS_CHECK_CONDITION, SPD_SENSE_HARDWARE_ERROR, 0x44 };
    assert_int_equal(read_at(door, 4, 1), 0x044400); /* the device's own error counts for more */
}

static void a_lost_flush_looks_good_and_never_comes(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "error:kind=lost,count=1");

    (void)state;
    assert_int_equal(flush(door), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 0);
    assert_int_equal(flush(door), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 1);
}

static void other_kinds_of_errors(void **state)
{
    struct loop_door *door = serve(&test_async_ops,
        (const char *const[]){ "error:kind=hardware,on=read", "error:kind=busy,on=write", NULL });
    struct loop_command command = { 0 };

    (void)state;
    assert_int_equal(read_at(door, 0, 1), 0x044400);
    assert_true(loop_start_write(door, &command, block, 0, 1, TEST_BLOCK));
    assert_int_equal(loop_wait(&command), SCSI_BUSY);
    spd_request_free(&command.request);
    assert_int_equal(device.calls[SPD_READ] + device.calls[SPD_WRITE], 0);
}

static void readonly_protects_the_disk(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "readonly");

    (void)state;
    assert_int_equal(write_at(door, 0, 1), 0x072700);
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_null(filters.workers);
}

/* A pattern of a hundred reads, with x for those that fail. */
static void failures(const char *text, char pattern[101])
{
    struct loop_door *door = serve_one(&test_async_ops, text);

    for (unsigned i = 0; i < 100; i++)
        pattern[i] = read_at(door, i, 1) ? 'x' : '.';
    pattern[100] = 0;
    teardown(NULL);
    setup(NULL);
}

static void a_seed_makes_the_same_failures_again(void **state)
{
    char first[101], again[101], other[101];
    unsigned count = 0;

    (void)state;
    failures("error:rate=30,seed=5", first);
    failures("error:rate=30,seed=5", again);
    failures("error:rate=30,seed=6", other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    for (unsigned i = 0; i < 100; i++)
        count += first[i] == 'x';
    assert_in_range(count, 15, 45); /* the same in every run */
}

static void change(uint32_t index, const char *pairs)
{
    char message[FILTER_MESSAGE_MAX] = "";

    if (!filters_change(&filters, index, pairs, message))
        fail_msg("%s: %s", pairs, message);
}

static void a_change_holds_for_the_next_operation(void **state)
{
    struct loop_door *door = serve(&test_simple_ops,
        (const char *const[]){ "delay:time=0ns", "error:lba=0-7,rate=0", NULL });

    (void)state;
    assert_int_equal(read_at(door, 0, 1), 0);
    change(1, "rate=100");
    assert_int_equal(read_at(door, 0, 1), 0x031100);
    assert_int_equal(read_at(door, 8, 1), 0); /* a key that was not changed */
    change(1, "kind=hardware,skip=1,count=1");
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_int_equal(read_at(door, 0, 1), 0x044400);
    assert_int_equal(read_at(door, 0, 1), 0);
    change(1, "skip=0");
    assert_int_equal(read_at(door, 0, 1), 0x044400); /* a change counts anew */
    change(1, "kind=lost");
    assert_int_equal(read_at(door, 0, 1), 0);
    assert_int_equal(flush(door), 0);
    assert_int_equal(device.calls[SPD_FLUSH], 0);
    assert_string_equal(filters_text(&filters, 0), "delay:time=0ns");
    assert_string_equal(
        filters_text(&filters, 1), "error:lba=0-7,rate=100,count=1,skip=0,kind=lost");
    assert_null(filters_text(&filters, 2));
}

/* An answer that the former rate had delayed for a day would end the test. */
static void a_greater_rate_does_not_wait_for_the_former_one(void **state)
{
    struct loop_door *door = serve_one(&test_simple_ops, "rate:bytes=1,burst=86400s");
    uint32_t blocks = sizeof block / TEST_BLOCK;

    (void)state;
    for (unsigned i = 0; i < 86400 / sizeof block; i++)
        assert_int_equal(read_at(door, 0, blocks), 0);
    change(0, "bytes=1P,burst=1ms");
    assert_int_equal(read_at(door, 0, blocks), 0);
}

static void expect_unchanged(uint32_t index, const char *pairs, const char *word)
{
    char message[FILTER_MESSAGE_MAX] = "", before[FILTER_TEXT_MAX];
    const char *text = filters_text(&filters, index);

    snprintf(before, sizeof before, "%s", text ? text : "");
    assert_false(filters_change(&filters, index, pairs, message));
    if (!strstr(message, word))
        fail_msg("%s: '%s' lacks '%s'", pairs, message, word);
    if (text)
        assert_string_equal(filters_text(&filters, index), before);
}

static void a_wrong_change_changes_nothing(void **state)
{
    struct loop_door *door = serve(&test_simple_ops,
        (const char *const[]){ "error:rate=0", "delay:time=0ns", "log", NULL });

    (void)state;
    expect_unchanged(0, "rate=100,lba=5", "lba= cannot change while the disk is served; these can: "
        "kind on rate skip count");
    expect_unchanged(0, "rate=100,count=x", "from 0 to");
    expect_unchanged(0, "rate=100,on=read,kind=lost", "can be lost");
    expect_unchanged(0, "rate=100,", "KEY=VALUE");
    expect_unchanged(0, "", "KEY=VALUE");
    expect_unchanged(0, "rat=100", "no key 'rat'");
    expect_unchanged(1, "spread=1s", "is not for distribution=fixed");
    expect_unchanged(2, "on=read", "no key can");
    expect_unchanged(3, "on=read", "numbered from 1 to 3");
    assert_int_equal(read_at(door, 0, 1), 0);
}

struct changes {
    atomic_bool stop;
    unsigned refused; /* read after the thread's end */
};

static void change_often(void *context)
{
    static const struct {
        uint32_t index;
        const char *pairs;
    } all[] = {
        { 0, "rate=100,kind=hardware,count=0" }, { 0, "kind=lost,on=flush" },
        { 0, "kind=recovered,on=all,count=7" },
        { 1, "time=1us,distribution=uniform,spread=1us" },
        { 1, "time=2us,distribution=fixed,spread=0ns,on=all" },
        { 2, "bytes=1P,iops=0" }, { 2, "bytes=0,iops=100000000,burst=1ms" },
    };
    struct changes *changes = context;
    char message[FILTER_MESSAGE_MAX];

    do {
        for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
            changes->refused += !filters_change(&filters, all[i].index, all[i].pairs, message);
    } while (!atomic_load(&changes->stop));
}

static void values_change_under_load(void **state)
{
    struct loop_door *door = serve(&test_async_ops, (const char *const[]){ "error:on=flush",
        "delay:time=1us", "rate:iops=100000000", NULL });
    struct changes changes = { false, 0 };
    struct monitor_thread *thread = monitor_thread_new(change_often, &changes);
    unsigned lost = 0;

    (void)state;
    assert_non_null(thread);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned sense;

        memset(device.disk[0], (int)i, TEST_BLOCK);
        memset(block, ~(int)i, TEST_BLOCK);
        sense = read_at(door, 0, 1);
        lost += (!sense || sense == 0x011701) && block[0] != (i & 0xff);
    }
    atomic_store(&changes.stop, true);
    monitor_thread_join(thread);
    assert_int_equal(changes.refused, 0);
    assert_int_equal(lost, 0);
}

static void expect_refused(const char *text, const char *word)
{
    char message[FILTER_MESSAGE_MAX] = "";
    union {
        struct filter filter;
        char bytes[FILTER_STATE_MAX];
    } state;

    if (filter_parse(text, &state.filter, message))
        fail_msg("%s is taken", text);
    if (!strstr(message, word))
        fail_msg("%s: '%s' lacks '%s'", text, message, word);
}

static void wrong_texts_are_refused_with_what_is_right(void **state)
{
    char longer[FILTER_TEXT_MAX + 1];

    (void)state;
    expect_refused("", "give one of cow delay error");
    expect_refused("delays", "give one of cow delay error");
    expect_refused("delay", "needs time=");
    expect_refused("delay:", "KEY=VALUE");
    expect_refused("delay:time=5ms,", "KEY=VALUE");
    expect_refused("delay:time", "KEY=VALUE");
    expect_refused("delay:time=5", "250us, 1.5ms, 2s");
    expect_refused("delay:time=99999999999999999999s", "at most a day");
    expect_refused("delay:time=86401s", "at most a day");
    expect_refused("delay:time=1.0000000000s", "at most a day");
    expect_refused("delay:time=.s", "at most a day");
    expect_refused("delay:time=5ms,tiem=1", "it has time on");
    expect_refused("delay:time=5ms,distribution=poisson", "one of fixed uniform");
    expect_refused("delay:time=5ms,distribution=normal", "needs spread=");
    expect_refused("delay:time=5ms,spread=1ms", "is not for distribution=fixed");
    expect_refused("delay:time=5ms,on=read+", "read+write");
    expect_refused("delay:time=5ms,on=reads", "read+write");
    expect_refused("error:rate=101", "0 to 100");
    expect_refused("error:rate=0.00001", "0 to 100");
    expect_refused("error:lba=9-5", "5-9");
    expect_refused("error:lba=-5", "5-9");
    expect_refused("error:lba=000000000000000000000000000005", "5-9");
    expect_refused("error:count=-1", "from 0 to");
    expect_refused("error:kind=lost,on=read", "can be lost");
    expect_refused("rate", "iops= or bytes=");
    expect_refused("rate:bytes=5X", "K M G");
    expect_refused("readonly:on=read", "it has none");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    expect_refused(longer, "at most");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_passes_through_all_filters),
        TEST(threads_take_data_in_pieces),
        TEST(a_failure_of_a_simple_device_is_told),
        TEST(what_is_held_ends_when_it_is_aborted),
        TEST(the_end_of_the_unit_waits_for_nothing_that_is_held),
        TEST(a_delay_of_some_operations_spares_others),
        TEST(bad_blocks_fail_with_the_first_of_them),
        TEST(errors_are_skipped_and_counted),
        TEST(recovered_data_is_good_data),
        TEST(a_lost_flush_looks_good_and_never_comes),
        TEST(other_kinds_of_errors),
        TEST(readonly_protects_the_disk),
        TEST(a_seed_makes_the_same_failures_again),
        TEST(a_change_holds_for_the_next_operation),
        TEST(a_greater_rate_does_not_wait_for_the_former_one),
        TEST(a_wrong_change_changes_nothing),
        TEST(values_change_under_load),
        TEST(wrong_texts_are_refused_with_what_is_right),
    };

    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
