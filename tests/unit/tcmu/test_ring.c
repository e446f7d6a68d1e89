/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The ring of the tcmu: door, in memory whose other side may put anything there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doors/tcmu/protocol.h"
#include "doors/tcmu/ring.h"
#include "memory.h"

enum { COMMANDS = 4, VECS = 3 };

static struct tcmu_ring ring;
static struct scsi_vec vecs[VECS];
static struct tcmu_entry entry;

static void open_ring(void)
{
    assert_null(tcmu_ring_open(&ring, memory, MEMORY, COMMANDS));
}

static int setup(void **state)
{
    (void)state;
    memory_reset();
    open_ring();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tcmu_ring_close(&ring);
    return 0;
}

static enum tcmu_kind next(void)
{
    memset(&entry, 0xaa, sizeof entry);
    entry.vecs = vecs;
    entry.vec_room = VECS;
    return tcmu_ring_next(&ring, &entry);
}

static void answer(uint16_t id)
{
    static const uint8_t sense[] = { 0x70, 0, 5 };

    tcmu_ring_answer(&ring, &(struct tcmu_answer){ .id = id, .status = 2, .read_length = 512,
        .sense = sense, .sense_length = sizeof sense });
}

static void assert_answered(size_t at, uint16_t id)
{
    assert_int_equal(get16(at + ENTRY_ID), id);
    assert_int_equal(memory[at + ENTRY_FLAGS], TCMU_HAS_READ_LENGTH);
    assert_int_equal(memory[at + ANSWER_STATUS], 2);
    assert_int_equal(get32(at + ANSWER_READ_LENGTH), 512);
    assert_memory_equal(memory + at + ANSWER_SENSE, "\x70\0\5\0", 4);
}

static void tail_is(uint32_t offset)
{
    assert_true(tcmu_ring_publish(&ring));
    assert_int_equal(get32(MAILBOX_TAIL), offset);
    assert_false(tcmu_ring_publish(&ring));
}

static void a_command_has_its_cdb_and_its_data_in_place(void **state)
{
    (void)state;
    put_command(7, (const struct vec64[]){ { DATA, 512 }, { DATA + 4096, 100 } }, 2);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(entry.id, 7);
    assert_false(entry.faulty);
    assert_int_equal(entry.cdb_length, ENTRY - CDB_AT);
    assert_int_equal(entry.cdb[0], 0x10);
    assert_int_equal(entry.cdb[9], 0x19);
    assert_int_equal(entry.cdb[31], 0);
    assert_int_equal(entry.vec_count, 2);
    assert_ptr_equal(vecs[1].base, memory + DATA + 4096);
    assert_int_equal(vecs[1].length, 100);
    assert_int_equal(entry.length, 612);
    assert_int_equal(next(), TCMU_NOTHING);
}

static void the_last_answer_overwrites_the_last_entry(void **state)
{
    size_t first, second, third;

    (void)state;
    first = put_command(1, NULL, 0);
    second = put_command(2, NULL, 0);
    third = put_command(3, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_false(tcmu_ring_publish(&ring));
    answer(3);
    assert_answered(first, 3);
    tail_is(ENTRY);
    answer(1);
    answer(2);
    assert_answered(second, 1);
    assert_answered(third, 2);
    tail_is(3 * ENTRY);
}

static void pads_at_the_end_are_passed_over(void **state)
{
    size_t at;

    (void)state;
    tcmu_ring_close(&ring);
    begin_at(RING_SIZE - 8);
    open_ring();
    put_entry(TCMU_PAD, 8);
    at = put_command(9, NULL, 0);
    assert_int_equal(at, RING);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(entry.id, 9);
    assert_true(tcmu_ring_publish(&ring)); /* the pad is done, the command is not */
    assert_int_equal(get32(MAILBOX_TAIL), 0);
    answer(9);
    tail_is(ENTRY);
}

static void a_pad_between_two_commands_goes_with_the_first(void **state)
{
    (void)state;
    put_command(1, NULL, 0);
    put_entry(TCMU_PAD, 64);
    put_command(2, NULL, 0);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    answer(2);
    tail_is(ENTRY + 64);
}

static void an_unknown_opcode_is_flagged_and_passed_over(void **state)
{
    size_t at;

    (void)state;
    at = put_entry(5, 16);
    put_command(1, NULL, 0);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(memory[at + ENTRY_FLAGS], TCMU_UNKNOWN_OPCODE);
    tail_is(16);
}

static void a_notice_has_its_function_and_ids(void **state)
{
    size_t at;

    (void)state;
    at = put_entry(TCMU_TASKS, 40);
    memory[at + TASKS_FUNCTION] = TCMU_LUN_RESET;
    put32(at + TASKS_COUNT, 2);
    put16(at + TASKS_IDS, 11);
    put16(at + TASKS_IDS + 2, 12);
    assert_int_equal(next(), TCMU_IS_TASKS);
    assert_int_equal(entry.function, TCMU_LUN_RESET);
    assert_int_equal(entry.id_count, 2);
    assert_int_equal(tcmu_ring_id(&ring, &entry, 0), 11);
    assert_int_equal(tcmu_ring_id(&ring, &entry, 1), 12);
    tail_is(40);
}

static void no_more_entries_are_read_than_have_slots(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 2 * COMMANDS + 1 + 3; i++)
        put_entry(TCMU_PAD, 8);
    put_command(1, NULL, 0);
    for (uint16_t i = 0; i < 2 * COMMANDS + 3; i++)
        put_entry(TCMU_PAD, 8);
    put_command(2, NULL, 0);
    assert_int_equal(next(), TCMU_IS_COMMAND); /* pads in front of it need no slot for long */
    assert_int_equal(next(), TCMU_NOTHING);
    assert_int_equal(next(), TCMU_NOTHING);
    answer(1);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(entry.id, 2);
}

static void the_ring_goes_on_where_the_tail_is(void **state)
{
    (void)state;
    put_command(1, NULL, 0);
    put_command(2, NULL, 0);
    put32(MAILBOX_TAIL, ENTRY);
    tcmu_ring_close(&ring);
    open_ring();
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(entry.id, 2);
}

/* Faults that concern an entry alone. */

static void data_elsewhere_makes_the_command_faulty(void **state)
{
    static const struct vec64 wrong[] = {
        { 0, 512 }, { RING, 512 }, { DATA - 1, 512 }, { MEMORY, 1 }, { MEMORY + 1, 0 },
        { DATA, DATA_SIZE + 1 }, { DATA + 1, DATA_SIZE }, { UINT64_MAX - 255, 512 },
        { DATA, UINT64_MAX }, { UINT64_MAX, UINT64_MAX },
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put_command(5, (const struct vec64[]){ { DATA, 512 }, wrong[i] }, 2);
        assert_int_equal(next(), TCMU_IS_COMMAND);
        assert_true(entry.faulty);
        assert_int_equal(entry.id, 5);
        answer(5);
        tcmu_ring_publish(&ring);
    }
}

static void all_of_the_data_area_is_good(void **state)
{
    (void)state;
    put_command(5, (const struct vec64[]){ { DATA, DATA_SIZE }, { MEMORY, 0 } }, 2);
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_false(entry.faulty);
}

static void vectors_that_the_entry_lacks_make_it_faulty(void **state)
{
    static const uint32_t counts[] = { VECS + 1, 9, 0x10000000, UINT32_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        size_t at = put_command(5, NULL, 0);

        put32(at + COMMAND_VECS, counts[i]);
        assert_int_equal(next(), TCMU_IS_COMMAND);
        assert_true(entry.faulty);
        answer(5);
        tcmu_ring_publish(&ring);
    }
}

static void a_cdb_elsewhere_makes_it_faulty(void **state)
{
    static const uint64_t places[] = { 0, 8, ENTRY, ENTRY + 1, MEMORY, UINT64_MAX - 200 };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        size_t at = put_command(5, NULL, 0);

        put64(at + COMMAND_CDB, at + places[i]);
        assert_int_equal(next(), TCMU_IS_COMMAND);
        assert_true(entry.faulty);
        answer(5);
        tcmu_ring_publish(&ring);
    }
}

static void a_cdb_at_the_end_of_its_entry_is_short(void **state)
{
    size_t at;

    (void)state;
    at = put_command(5, NULL, 0);
    put64(at + COMMAND_CDB, at + ENTRY - 6);
    memory[at + ENTRY] = 0x77; /* not the command's any more */
    assert_int_equal(next(), TCMU_IS_COMMAND);
    assert_int_equal(entry.cdb_length, 6);
    assert_int_equal(entry.cdb[6], 0);
}

/* Faults that end the ring. */

static void is_broken(void)
{
    assert_int_equal(next(), TCMU_IS_BROKEN);
    assert_int_equal(next(), TCMU_NOTHING); /* it says so once */
    assert_false(tcmu_ring_publish(&ring));
    teardown(NULL);
    memory_reset();
    open_ring();
}

static void lengths_that_lead_nowhere_break_it(void **state)
{
    static const uint32_t lengths[] = { 0, ENTRY + 8, RING_SIZE, RING_SIZE + 8, 0xfffffff8 };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t at = put_command(1, NULL, 0);

        put32(at + ENTRY_LENGTH, lengths[i] | TCMU_COMMAND);
        is_broken();
    }
}

static void an_entry_across_the_end_breaks_it(void **state)
{
    size_t at;

    (void)state;
    tcmu_ring_close(&ring);
    begin_at(RING_SIZE - 64);
    open_ring();
    at = head_place();
    put32(at + ENTRY_LENGTH, ENTRY | TCMU_COMMAND);
    move_head(ENTRY);
    is_broken();
}

static void a_command_without_room_for_an_answer_breaks_it(void **state)
{
    (void)state;
    put_entry(TCMU_COMMAND, ANSWER_END - 8);
    is_broken();
}

static void a_notice_that_lacks_its_ids_breaks_it(void **state)
{
    size_t at;

    (void)state;
    put_entry(TCMU_TASKS, TASKS_IDS - 8);
    is_broken();
    at = put_entry(TCMU_TASKS, 40);
    put32(at + TASKS_COUNT, 5);
    is_broken();
}

static void a_head_outside_breaks_it(void **state)
{
    static const uint32_t heads[] = { RING_SIZE, 4, UINT32_MAX, 0x80000000 };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        put32(MAILBOX_HEAD, heads[i]);
        is_broken();
    }
}

static void a_mailbox_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
    } wrong[] = {
        { MAILBOX_VERSION, 3 | 7u << 16 },
        { MAILBOX_VERSION, TCMU_VERSION | TCMU_CAN_REORDER << 16 },
        { MAILBOX_VERSION, TCMU_VERSION | TCMU_CAN_READ_LENGTH << 16 },
        { MAILBOX_RING, 64 }, { MAILBOX_RING, RING + 4 }, { MAILBOX_RING, UINT32_MAX - 7 },
        { MAILBOX_RING_SIZE, 0 }, { MAILBOX_RING_SIZE, 104 }, { MAILBOX_RING_SIZE, 1028 },
        { MAILBOX_RING_SIZE, MEMORY - RING + 8 }, { MAILBOX_RING_SIZE, UINT32_MAX - 7 },
        { MAILBOX_TAIL, RING_SIZE }, { MAILBOX_TAIL, 4 },
    };
    struct tcmu_ring other;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memory_reset();
        put32(wrong[i].at, wrong[i].value);
        assert_non_null(tcmu_ring_open(&other, memory, MEMORY, COMMANDS));
    }
    memory_reset();
    assert_non_null(tcmu_ring_open(&other, memory, MAILBOX_SIZE - 1, COMMANDS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_command_has_its_cdb_and_its_data_in_place),
        TEST(the_last_answer_overwrites_the_last_entry),
        TEST(pads_at_the_end_are_passed_over),
        TEST(a_pad_between_two_commands_goes_with_the_first),
        TEST(an_unknown_opcode_is_flagged_and_passed_over),
        TEST(a_notice_has_its_function_and_ids),
        TEST(no_more_entries_are_read_than_have_slots),
        TEST(the_ring_goes_on_where_the_tail_is),
        TEST(data_elsewhere_makes_the_command_faulty),
        TEST(all_of_the_data_area_is_good),
        TEST(vectors_that_the_entry_lacks_make_it_faulty),
        TEST(a_cdb_elsewhere_makes_it_faulty),
        TEST(a_cdb_at_the_end_of_its_entry_is_short),
        TEST(lengths_that_lead_nowhere_break_it),
        TEST(an_entry_across_the_end_breaks_it),
        TEST(a_command_without_room_for_an_answer_breaks_it),
        TEST(a_notice_that_lacks_its_ids_breaks_it),
        TEST(a_head_outside_breaks_it),
        TEST(a_mailbox_that_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
