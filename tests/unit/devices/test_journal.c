/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* nbddisk's journal: changes stay until a flush that covers them, in their order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nbddisk/journal.h"

enum { HALF = 8192, BLOCK = 512 };

static int set_up(void **state)
{
    static struct journal journal;

    assert_true(journal_open(&journal, HALF));
    *state = &journal;
    return 0;
}

static int tear_down(void **state)
{
    journal_close(*state);
    return 0;
}

/* A block of these bytes, in two pieces. */
static uint64_t sequence; /* of the last change */

static void write_block(struct journal *journal, uint64_t lba, uint8_t byte)
{
    uint8_t data[BLOCK];
    spd_vec pieces[] = {{ data, 100 }, { data + 100, BLOCK - 100 }};
    struct journal_entry entry = {
        .sequence = ++sequence,
        .offset = lba * BLOCK, .length = BLOCK, .operation = SPD_WRITE
    };

    memset(data, byte, sizeof data);
    journal_add(journal, &entry, pieces, 2);
}

static void expect(const struct journal *journal, const char *bytes)
{
    const struct journal_entry *entry = NULL;

    for (; *bytes; bytes++) {
        entry = journal_next(journal, entry);
        assert_non_null(entry);
        if (*bytes == '-') {
            assert_int_equal(entry->operation, SPD_UNMAP);
            continue;
        }
        assert_int_equal(entry->operation, SPD_WRITE);
        assert_int_equal(entry->length, BLOCK);
        assert_int_equal(((const uint8_t *)(entry + 1))[0], *bytes);
        assert_int_equal(((const uint8_t *)(entry + 1))[BLOCK - 1], *bytes);
    }
    assert_null(journal_next(journal, entry));
}

static void changes_come_in_their_order(void **state)
{
    struct journal *journal = *state;
    struct journal_entry unmap = { .offset = 0, .length = 1 << 20, .operation = SPD_UNMAP };

    assert_true(journal_is_empty(journal));
    expect(journal, "");
    write_block(journal, 7, 'a');
    journal_add(journal, &unmap, NULL, 0);
    write_block(journal, 7, 'b');
    assert_false(journal_is_empty(journal));
    expect(journal, "a-b");
}

static void a_flush_covers_the_changes_before_its_begin(void **state)
{
    struct journal *journal = *state;

    assert_false(journal_seal(journal)); /* there is nothing to cover */
    write_block(journal, 1, 'a');
    assert_true(journal_seal(journal));
    write_block(journal, 2, 'b');
    assert_false(journal_seal(journal)); /* one at a time */
    expect(journal, "ab");
    journal_unseal(journal);
    journal_forget(journal, sequence - 1);
    expect(journal, "b");
    assert_true(journal_seal(journal));
    journal_unseal(journal);
    journal_forget(journal, sequence);
    expect(journal, "");
    assert_true(journal_is_empty(journal));
}

static void a_flush_that_fails_covers_nothing(void **state)
{
    struct journal *journal = *state;

    write_block(journal, 1, 'a');
    assert_true(journal_seal(journal));
    write_block(journal, 2, 'b');
    journal_unseal(journal);
    journal_forget(journal, 0);
    expect(journal, "ab");
    assert_true(journal_seal(journal)); /* of the first half once more */
    write_block(journal, 3, 'c');
    journal_unseal(journal);
    journal_forget(journal, sequence - 1); /* the second half has a change that is not durable */
    expect(journal, "bc");
}

static void a_flush_of_another_link_empties_both_halves(void **state)
{
    struct journal *journal = *state;

    write_block(journal, 1, 'a');
    assert_true(journal_seal(journal));
    write_block(journal, 2, 'b');
    journal_forget(journal, sequence);
    expect(journal, "");
    journal_unseal(journal);
    assert_false(journal_seal(journal));
    write_block(journal, 3, 'c');
    expect(journal, "c");
}

static void room_is_reserved_before_a_change(void **state)
{
    struct journal *journal = *state;
    size_t need = journal_need(1, BLOCK);
    unsigned count = 0;

    assert_true(need >= BLOCK + sizeof(struct journal_entry));
    assert_false(journal_wants_flush(journal));
    while (journal_reserve(journal, need))
        count++;
    assert_true(journal_wants_flush(journal));
    journal_release(journal, need);
    write_block(journal, 0, 'x');
    assert_false(journal_reserve(journal, need));
    assert_true(journal_seal(journal)); /* the other half has room for what is on its way, too */
    assert_true(journal_reserve(journal, need));
    assert_false(journal_reserve(journal, need));
    for (unsigned i = 0; i < count; i++) {
        journal_release(journal, need);
        write_block(journal, i, (uint8_t)('a' + i));
    }
    journal_unseal(journal);
    journal_forget(journal, sequence - count);
    assert_int_equal(count, 15);
    expect(journal, "abcdefghijklmno");
}

static void several_ranges_need_room_for_each(void **state)
{
    (void)state;
    assert_int_equal(journal_need(3, 0), 3 * journal_need(1, 0));
    assert_int_equal(journal_need(1, 1), journal_need(1, 0) + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_come_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_flush_covers_the_changes_before_its_begin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flush_that_fails_covers_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_flush_of_another_link_empties_both_halves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_is_reserved_before_a_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_ranges_need_room_for_each, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
