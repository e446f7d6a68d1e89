/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Entries in one buffer: what fits, and what is refused of bytes from outside. */

#include "ioq/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEAD = sizeof(struct ioq_entry), ROOM = 1024 };

static _Alignas(8) uint8_t bytes[ROOM];

static struct ioq_batch empty(size_t room)
{
    memset(bytes, 0xee, sizeof bytes);
    return (struct ioq_batch){ .base = bytes, .room = room };
}

static void test_what_is_added_is_accepted(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 7, 8, 9, 100 };
    struct ioq_batch batch = empty(ROOM);
    struct ioq_entry *entry;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        entry = ioq_batch_add(&batch, lengths[i]);
        assert_non_null(entry);
        memset(ioq_entry_data(entry), (int)i, lengths[i]);
    }
    assert_int_equal(batch.count, 6);
    assert_int_equal(batch.used, 6 * HEAD + 8 + 8 + 8 + 16 + 104);
    assert_true(ioq_batch_check(bytes, batch.used, batch.count));
    assert_int_equal(bytes[batch.used], 0xee);
    entry = (struct ioq_entry *)bytes;
    for (unsigned i = 0; i < 6; i++, entry = ioq_entry_next(entry)) {
        const uint8_t *data = ioq_entry_data(entry);

        assert_int_equal(entry->length, lengths[i]);
        for (uint32_t at = 0; at < lengths[i]; at++)
            assert_int_equal(data[at], i);
        for (size_t at = lengths[i]; at < ioq_entry_size(lengths[i]) - HEAD; at++)
            assert_int_equal(data[at], 0);
    }
    assert_ptr_equal(entry, bytes + batch.used);
}

static void test_the_last_byte_is_used_and_no_more(void **state)
{
    struct ioq_batch batch = empty(2 * HEAD + 8);
    size_t room = HEAD;

    (void)state;
    assert_non_null(ioq_batch_add(&batch, 5));
    assert_null(ioq_batch_add(&batch, 1));
    assert_int_equal(batch.count, 1);
    assert_non_null(ioq_batch_add(&batch, 0));
    assert_int_equal(batch.used, batch.room);
    assert_null(ioq_batch_add(&batch, 0));
    assert_true(ioq_batch_spend(&room, 0));
    assert_int_equal(room, 0);
    assert_false(ioq_batch_spend(&room, 0));
    room = HEAD + 7; /* the data would fit, their padding does not */
    assert_false(ioq_batch_spend(&room, 7));
    assert_int_equal(room, HEAD + 7);
}

/* Every length and count of a buffer whose true ones are known, and lengths that overflow. */
static void test_only_the_exact_form_is_accepted(void **state)
{
    static const uint32_t huge[] = { UINT32_MAX, UINT32_MAX - 7, UINT32_MAX - HEAD, 1u << 31 };
    struct ioq_batch batch = empty(ROOM);
    struct ioq_entry *first = ioq_batch_add(&batch, 20);

    (void)state;
    ioq_batch_add(&batch, 3);
    for (size_t length = 0; length <= batch.used + 8; length++)
        for (uint32_t count = 0; count < 5; count++) {
            bool exact = length == batch.used && count == 2;

            exact = exact || (!length && !count);
            exact = exact || (count == 1 && length == ioq_entry_size(20));
            assert_int_equal(ioq_batch_check(bytes, length, count), exact);
        }
    assert_false(ioq_batch_check(bytes, batch.used, UINT32_MAX));
    for (unsigned i = 0; i < 4; i++) {
        first->length = huge[i];
        assert_false(ioq_batch_check(bytes, batch.used, 2));
    }
    first->length = 20;
    first->reserved = 1;
    assert_false(ioq_batch_check(bytes, batch.used, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_added_is_accepted),
        cmocka_unit_test(test_the_last_byte_is_used_and_no_more),
        cmocka_unit_test(test_only_the_exact_form_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
