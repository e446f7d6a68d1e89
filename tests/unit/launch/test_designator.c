/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Whose a disk is, from descriptors that are right, wrong, and cut anywhere. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launch/designator.h"

#define GUID "12345678-9abc-def0-1122-334455667788"

static const uint8_t guid[16] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11, 0x22, 0x33,
    0x44, 0x55, 0x66, 0x77, 0x88 };

/* A STORAGE_DEVICE_ID_DESCRIPTOR that grows. */
struct page {
    uint8_t bytes[512];
    size_t length, last; /* where its last identifier begins */
};

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, size_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

static void add(struct page *page, unsigned code_set, unsigned type, unsigned association,
    const void *data, size_t length)
{
    size_t size = (16 + length + 3) & ~(size_t)3;
    uint8_t *at;

    if (!page->length) {
        page->length = 12;
        put32(page->bytes, 12);
    }
    at = page->bytes + page->length;
    put32(at, code_set);
    put32(at + 4, type);
    put16(at + 8, length);
    put16(at + 10, size);
    put32(at + 12, association);
    memcpy(at + 16, data, length);
    page->last = page->length;
    page->length += size;
    put32(page->bytes + 4, page->length);
    page->bytes[8]++;
}

static void add_pid(struct page *page, const char data[9])
{
    add(page, 1, 0, 0, data, 8);
}

static void add_t10(struct page *page, const char *text)
{
    add(page, 2, 1, 0, text, strlen(text));
}

/* An allocation of its size alone, so that a sanitizer sees a read beyond it. */
static bool read_cut(const struct page *page, size_t length, struct launch_owner *owner)
{
    void *copy = malloc(length ? length : 1);
    bool found;

    memcpy(copy, page->bytes, length);
    memset(owner, 0xff, sizeof *owner);
    found = launch_designator_read(copy, length, owner);
    free(copy);
    return found;
}

static bool read_whole(const struct page *page, struct launch_owner *owner)
{
    return read_cut(page, page->length, owner);
}

static struct page whole(void)
{
    struct page page = { .length = 0 };

    add_t10(&page, "WinSpd  product 16 bytesrev " GUID);
    add_pid(&page, "PID \x01\x02\x03\x04");
    return page;
}

static void the_process_and_the_guid_are_read(void **state)
{
    struct page page = whole();
    struct launch_owner owner;

    (void)state;
    assert_true(read_whole(&page, &owner));
    assert_int_equal(owner.pid, 0x01020304);
    assert_false(owner.hides_eject);
    assert_true(owner.has_guid);
    assert_memory_equal(owner.guid, guid, 16);
}

static void the_modern_profile_is_read_too(void **state)
{
    static const uint8_t uuid[18] = { 0x10, 0, 9, 9 };
    struct page page = { .length = 0 };
    struct launch_owner owner;

    (void)state;
    add(&page, 1, 3, 0, "\x60naanaa", 8);
    add(&page, 1, 0xa, 0, uuid, 18);
    add_t10(&page, "WinSpd  product 16 bytes" GUID);
    add_pid(&page, "PIDX\0\0\0\x07");
    assert_true(read_whole(&page, &owner));
    assert_int_equal(owner.pid, 7);
    assert_true(owner.hides_eject);
    assert_memory_equal(owner.guid, guid, 16);
}

static void what_is_no_process_is_none(void **state)
{
    static const struct {
        unsigned code_set, type, association;
        const char *data;
        size_t length;
    } wrong[] = {
        { 2, 0, 0, "PID \0\0\0\x07", 8 }, /* text */
        { 1, 1, 0, "PID \0\0\0\x07", 8 }, /* another type */
        { 1, 0, 1, "PID \0\0\0\x07", 8 }, /* of a port */
        { 1, 0, 0, "PID \0\0\0\x07", 7 }, { 1, 0, 0, "PID \0\0\0\x07\0", 9 },
        { 1, 0, 0, "PIDY\0\0\0\x07", 8 }, { 1, 0, 0, "PIE \0\0\0\x07", 8 },
        { 1, 0, 0, "PID \0\0\0\0", 8 }, /* the idle process serves nothing */
    };
    struct launch_owner owner, none = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct page page = { .length = 0 };

        add_t10(&page, "WinSpd  product 16 bytesrev " GUID);
        add(&page, wrong[i].code_set, wrong[i].type, wrong[i].association, wrong[i].data,
            wrong[i].length);
        assert_false(read_whole(&page, &owner));
        assert_memory_equal(&owner, &none, sizeof owner);
    }
}

static void what_is_no_guid_is_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "WinSpd  ",
        "WinSpd  product 16 bytesrev 12345678-9abc-def0-1122-33445566778",
        "WinSpd  product 16 bytesrev 12345678-9abc-def0-1122-33445566778g",
        ("Winspd  product 16 bytesrev " GUID),
    };
    struct launch_owner owner;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct page page = { .length = 0 };

        add_t10(&page, wrong[i]);
        add_pid(&page, "PID \0\0\0\x07");
        assert_true(read_whole(&page, &owner));
        assert_false(owner.has_guid);
    }
}

static void a_descriptor_that_is_cut_names_no_process(void **state)
{
    struct page page = whole();
    struct launch_owner owner;

    (void)state;
    for (size_t length = 0; length < page.length; length++)
        assert_false(read_cut(&page, length, &owner));
    /* Its own size counts as well, and a larger one is no licence. */
    put32(page.bytes + 4, page.length - 1);
    assert_false(read_whole(&page, &owner));
    put32(page.bytes + 4, 0xffffffff);
    assert_true(read_whole(&page, &owner));
}

static void the_way_to_the_next_identifier_is_not_trusted(void **state)
{
    struct page page = whole();
    struct launch_owner owner;

    (void)state;
    put16(page.bytes + 12 + 10, 0xffff);
    assert_false(read_whole(&page, &owner));
    put16(page.bytes + 12 + 10, 0);
    assert_false(read_whole(&page, &owner));
    /* More identifiers than there are, and fewer. */
    page = whole();
    put32(page.bytes + 8, 0xffffffff);
    assert_true(read_whole(&page, &owner));
    put32(page.bytes + 8, 1);
    assert_false(read_whole(&page, &owner));
    /* The length of the last one. */
    page = whole();
    put16(page.bytes + page.last + 8, 0xffff);
    assert_false(read_whole(&page, &owner));
}

/* As the disk itself sends it, in an allocation of its size alone. */
static bool read_page(const uint8_t *page, size_t length, struct launch_owner *owner)
{
    uint8_t *copy = malloc(length ? length : 1);
    bool found;

    memcpy(copy, page, length);
    memset(owner, 0xff, sizeof *owner);
    found = launch_designator_read_page(copy, length, owner);
    free(copy);
    return found;
}

static void a_page_is_read_as_its_descriptor_is(void **state)
{
    static const char text[] = "WinSpd  product 16 bytesrev " GUID;
    enum { TEXT = sizeof text - 1, PID_AT = 4 + 4 + 4, T10_AT = PID_AT + 4 + 8 };
    uint8_t page[T10_AT + 4 + TEXT] = { 0, 0x83, 0, sizeof page - 4,
        /* of a port, which is nobody's process */
        1, 0x10, 0, 4, 0, 0, 0, 1 };
    static const struct launch_owner none;
    struct launch_owner owner;

    (void)state;
    memcpy(page + PID_AT, "\x01\x00\x00\x08PIDX\x01\x02\x03\x04", 12);
    memcpy(page + T10_AT, "\x02\x01\x00", 3);
    page[T10_AT + 3] = TEXT;
    memcpy(page + T10_AT + 4, text, TEXT);
    assert_true(read_page(page, sizeof page, &owner));
    assert_int_equal(owner.pid, 0x01020304);
    assert_true(owner.hides_eject && owner.has_guid);
    assert_memory_equal(owner.guid, guid, sizeof guid);
    for (size_t length = 0; length < sizeof page; length++) {
        assert_int_equal(read_page(page, length, &owner), length >= T10_AT);
        assert_false(owner.has_guid);
        assert_int_equal(owner.pid, length >= T10_AT ? 0x01020304 : 0);
    }
    page[1] = 0x80;
    assert_false(read_page(page, sizeof page, &owner));
    assert_memory_equal(&owner, &none, sizeof owner);
    page[1] = 0x83;
    page[3] = PID_AT - 4 + 11; /* what follows is no part of it */
    assert_false(read_page(page, sizeof page, &owner));
    page[PID_AT + 1] = 0x10;
    page[3] = sizeof page - 4;
    assert_false(read_page(page, sizeof page, &owner));
}

static void the_vendor_is_compared_whole(void **state)
{
    static const struct {
        const char *vendor;
        size_t length;
        bool ours;
    } vendors[] = {
        { "WinSpd  ", 9, true },
        { "WinSpd  ", 8, false }, /* without an end */
        { "WinSpd", 7, false },
        { "WinSpd   ", 10, false },
        { "winspd  ", 9, false },
        { "", 1, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++) {
        size_t length = 40 + vendors[i].length;
        uint8_t *bytes = calloc(1, length);

        put32(bytes + 12, 40);
        memcpy(bytes + 40, vendors[i].vendor, vendors[i].length);
        assert_int_equal(launch_designator_is_ours(bytes, length), vendors[i].ours);
        /* No vendor; one beyond the end; no room for where it is. */
        put32(bytes + 12, 0);
        assert_false(launch_designator_is_ours(bytes, length));
        put32(bytes + 12, 0xfffffff8);
        assert_false(launch_designator_is_ours(bytes, length));
        assert_false(launch_designator_is_ours(bytes, 15));
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_and_the_guid_are_read),
        cmocka_unit_test(the_modern_profile_is_read_too),
        cmocka_unit_test(what_is_no_process_is_none),
        cmocka_unit_test(what_is_no_guid_is_none),
        cmocka_unit_test(a_descriptor_that_is_cut_names_no_process),
        cmocka_unit_test(the_way_to_the_next_identifier_is_not_trusted),
        cmocka_unit_test(a_page_is_read_as_its_descriptor_is),
        cmocka_unit_test(the_vendor_is_compared_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
