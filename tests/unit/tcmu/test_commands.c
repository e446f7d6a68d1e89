/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Commands of the tcmu: door, from entries to answers, with a kernel that the test plays. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doors/tcmu/protocol.h"
#include "kernel.h"
#include "spd/spd.h"

enum {
    BLOCK = 512,
    BLOCKS = 64,
    GATE = 60, /* a read here waits until the gate opens */
    READ = 0x88,
    WRITE = 0x8a,
    GOOD = 0,
    CHECK = 2,
    TASK_ABORTED = 0x40,
};

static struct {
    spd_unit *unit;
    uint8_t disk[BLOCKS * BLOCK];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned waiting;
} f;

static int disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    pthread_mutex_lock(&f.lock);
    if (lba == GATE) {
        f.waiting++;
        pthread_cond_broadcast(&f.changed);
        while (!f.open)
            pthread_cond_wait(&f.changed, &f.lock);
    }
    memcpy(buffer, f.disk + lba * BLOCK, (size_t)blocks * BLOCK);
    pthread_mutex_unlock(&f.lock);
    return 0;
}

static int disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    pthread_mutex_lock(&f.lock);
    memcpy(f.disk + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    pthread_mutex_unlock(&f.lock);
    return 0;
}

static void open_gate(void)
{
    pthread_mutex_lock(&f.lock);
    f.open = true;
    pthread_cond_broadcast(&f.changed);
    pthread_mutex_unlock(&f.lock);
}

static void await_gate(void)
{
    pthread_mutex_lock(&f.lock);
    while (!f.waiting)
        pthread_cond_wait(&f.changed, &f.lock);
    pthread_mutex_unlock(&f.lock);
}

enum { BEGIN = 2 * ENTRY, AFTER_1 = 3 * ENTRY, AFTER_2 = 4 * ENTRY };

/* Sends TEST UNIT READY until it is GOOD: POWER ON is taken. */
static void take_attentions(void)
{
    uint32_t tail = get32(MAILBOX_TAIL);
    size_t at;

    do {
        at = put_cdb(99, (const uint8_t[6]){ 0 }, 6, NULL, 0);
        kernel_kick();
        tail += ENTRY;
        kernel_await(tail);
    } while (memory[at + ANSWER_STATUS] != GOOD);
    assert_int_equal(tail, BEGIN);
}

static int setup(void **state)
{
    static const spd_ops ops = { .size = sizeof ops, .read = disk_read, .write = disk_write };
    spd_params params = SPD_PARAMS_INIT;

    (void)state;
    memory_reset();
    memset(&f, 0, sizeof f);
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.changed, NULL);
    for (size_t i = 0; i < sizeof f.disk; i++)
        f.disk[i] = (uint8_t)(i / BLOCK + 1);
    params.block_count = BLOCKS;
    params.flags = 0;
    assert_int_equal(spd_unit_create("kernel:", &params, &(spd_device){ &ops, NULL }, &f.unit), 0);
    assert_int_equal(spd_unit_start(f.unit, 1), 0);
    take_attentions();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    open_gate();
    spd_unit_delete(f.unit);
    pthread_cond_destroy(&f.changed);
    pthread_mutex_destroy(&f.lock);
    return 0;
}

static void assert_answer(size_t at, uint16_t id, uint8_t status, uint32_t read_length)
{
    assert_int_equal(get16(at + ENTRY_ID), id);
    assert_int_equal(memory[at + ANSWER_STATUS], status);
    assert_int_equal(get32(at + ANSWER_READ_LENGTH), read_length);
    assert_int_equal(memory[at + ENTRY_FLAGS], read_length ? TCMU_HAS_READ_LENGTH : 0);
}

static void assert_sense(size_t at, uint8_t key, uint8_t asc, uint8_t ascq)
{
    const uint8_t *sense = memory + at + ANSWER_SENSE;

    assert_int_equal(memory[at + ANSWER_STATUS], CHECK);
    assert_int_equal(sense[2], key);
    assert_int_equal(sense[12], asc);
    assert_int_equal(sense[13], ascq);
}

static void assert_filled(size_t at, uint8_t byte, size_t length)
{
    for (size_t i = 0; i < length; i++)
        assert_int_equal(memory[at + i], byte);
}

static void a_read_lands_in_the_vectors(void **state)
{
    static const struct vec64 vecs[] = {
        { DATA + 8192, 512 }, { DATA, 300 }, { DATA + 4096, 724 },
    };
    size_t at;

    (void)state;
    at = put_transfer(5, READ, 2, 3, vecs, 3);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(at, 5, GOOD, 1536);
    assert_filled(DATA + 8192, 3, 512);
    assert_filled(DATA, 4, 300);
    assert_filled(DATA + 300, 0, 100);
    assert_filled(DATA + 4096, 4, 212);
    assert_filled(DATA + 4096 + 212, 5, 512);
}

static void a_write_comes_from_the_vectors(void **state)
{
    static const struct vec64 vecs[] = { { DATA + 512, 500 }, { DATA, 12 } };
    size_t at;

    (void)state;
    memset(memory + DATA, 0xbb, 12);
    memset(memory + DATA + 512, 0xaa, 500);
    at = put_transfer(6, WRITE, 7, 1, vecs, 2);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(at, 6, GOOD, 0);
    assert_int_equal(f.disk[7 * BLOCK + 499], 0xaa);
    assert_int_equal(f.disk[7 * BLOCK + 500], 0xbb);
    assert_int_equal(f.disk[8 * BLOCK], 9);
}

static void the_rest_of_a_block_goes_nowhere(void **state)
{
    size_t at;

    (void)state;
    memset(memory + DATA, 0x77, 1024);
    at = put_transfer(5, READ, 2, 1, (const struct vec64[]){ { DATA, 100 } }, 1);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(at, 5, GOOD, 100);
    assert_filled(DATA, 3, 100);
    assert_filled(DATA + 100, 0x77, 924);
}

static void an_inquiry_has_the_length_of_its_answer(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 2, 0 };
    size_t at;

    (void)state;
    memset(memory + DATA, 0x77, 1024);
    at = put_cdb(5, inquiry, 6, (const struct vec64[]){ { DATA, 20 }, { DATA + 64, 500 } }, 2);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(at, 5, GOOD, 96);
    assert_memory_equal(memory + DATA + 8, "WinSpd  ", 8);
    assert_memory_equal(memory + DATA + 16, "WinS", 4);
    assert_int_equal(memory[DATA + 20], 0x77);
    assert_int_equal(memory[DATA + 64], 'p');
}

/* The kernel takes the whole buffer, in which there may be another command's data. */
static void a_failed_read_leaves_zeros(void **state)
{
    size_t at;

    (void)state;
    memset(memory + DATA, 0x77, 1024);
    at = put_transfer(5, READ, BLOCKS, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_sense(at, 0x05, 0x21, 0x00);
    assert_answer(at, 5, CHECK, 0);
    assert_filled(DATA, 0, 512);
    assert_filled(DATA + 512, 0x77, 512);
}

static void a_faulty_entry_is_a_hardware_error(void **state)
{
    size_t at;

    (void)state;
    at = put_transfer(5, READ, 0, 1, (const struct vec64[]){ { RING, 512 } }, 1);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_sense(at, 0x04, 0x44, 0x00);
    assert_answer(at, 5, CHECK, 0);
}

/* The unit has one dispatcher: INQUIRY needs none. */
static void a_later_command_may_be_answered_first(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    size_t first, second;

    (void)state;
    first = put_transfer(5, READ, GATE, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    second = put_cdb(6, inquiry, 6, (const struct vec64[]){ { DATA + 4096, 36 } }, 1);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(first, 6, GOOD, 36);
    open_gate();
    kernel_await(AFTER_2);
    assert_answer(second, 5, GOOD, 512);
    assert_filled(DATA, GATE + 1, 512);
}

static size_t put_notice(uint8_t function, uint16_t id)
{
    size_t at = put_entry(TCMU_TASKS, 40);

    memory[at + TASKS_FUNCTION] = function;
    put32(at + TASKS_COUNT, id ? 1 : 0);
    put16(at + TASKS_IDS, id);
    return at;
}

static void an_aborted_command_that_waits_ends_at_once(void **state)
{
    size_t first, second;

    (void)state;
    first = put_transfer(5, READ, GATE, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    second = put_transfer(6, WRITE, 1, 1, (const struct vec64[]){ { DATA + 4096, 512 } }, 1);
    kernel_kick();
    await_gate();
    put_notice(TCMU_ABORT_TASK, 6);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(first, 6, TASK_ABORTED, 0);
    open_gate();
    kernel_await(AFTER_2 + 40);
    assert_answer(second, 5, GOOD, 512);
    assert_int_equal(f.disk[BLOCK], 2);
}

static void an_aborted_command_of_the_device_ends_with_it(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    size_t first, second;

    (void)state;
    first = put_transfer(5, READ, GATE, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    kernel_kick();
    await_gate();
    put_notice(TCMU_ABORT_TASK_SET, 5);
    second = put_cdb(6, inquiry, 6, (const struct vec64[]){ { DATA + 4096, 36 } }, 1);
    kernel_kick();
    kernel_await(AFTER_1 + 40); /* the notice is done, and the INQUIRY has answered */
    assert_answer(first, 6, GOOD, 36);
    open_gate();
    kernel_await(AFTER_2 + 40);
    assert_answer(second, 5, TASK_ABORTED, 0);
}

static void a_reset_ends_all_and_is_told(void **state)
{
    size_t first, second, third;

    (void)state;
    first = put_transfer(5, READ, GATE, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    second = put_transfer(6, WRITE, 1, 1, (const struct vec64[]){ { DATA + 4096, 512 } }, 1);
    kernel_kick();
    await_gate();
    put_notice(TCMU_LUN_RESET, 0);
    kernel_kick();
    kernel_await(AFTER_1);
    assert_answer(first, 6, TASK_ABORTED, 0);
    open_gate();
    kernel_await(AFTER_2 + 40);
    assert_answer(second, 5, TASK_ABORTED, 0);
    third = put_cdb(7, (const uint8_t[6]){ 0 }, 6, NULL, 0);
    kernel_kick();
    kernel_await(AFTER_2 + 40 + ENTRY);
    assert_sense(third, 0x06, 0x29, 0x03);
}

static void a_broken_ring_stops_the_unit(void **state)
{
    size_t at;

    (void)state;
    at = put_transfer(5, READ, 0, 1, NULL, 0);
    put32(at + ENTRY_LENGTH, TCMU_COMMAND);
    kernel_kick();
    assert_int_equal(spd_unit_wait(f.unit), SPD_ERROR_SYSTEM);
    assert_non_null(strstr(spd_error_detail(), "makes no sense"));
}

static void a_device_that_goes_stops_the_unit(void **state)
{
    (void)state;
    put_transfer(5, READ, GATE, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    put_transfer(6, READ, 1, 1, (const struct vec64[]){ { DATA, 512 } }, 1);
    kernel_kick();
    await_gate();
    kernel_remove();
    open_gate();
    assert_int_equal(spd_unit_wait(f.unit), SPD_ERROR_SYSTEM);
    assert_non_null(strstr(spd_error_detail(), "removed"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_read_lands_in_the_vectors),
        TEST(a_write_comes_from_the_vectors),
        TEST(the_rest_of_a_block_goes_nowhere),
        TEST(an_inquiry_has_the_length_of_its_answer),
        TEST(a_failed_read_leaves_zeros),
        TEST(a_faulty_entry_is_a_hardware_error),
        TEST(a_later_command_may_be_answered_first),
        TEST(an_aborted_command_that_waits_ends_at_once),
        TEST(an_aborted_command_of_the_device_ends_with_it),
        TEST(a_reset_ends_all_and_is_told),
        TEST(a_broken_ring_stops_the_unit),
        TEST(a_device_that_goes_stops_the_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
