/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver's stack protector at work: src/sys/stack.c has the guard value and the call that the
 * compiler makes, here as in the driver, and a function writes past the end of its buffer.
 *
 * No function that runs while the guard changes may have a buffer of its own.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vstorport.h"

enum { BUFFER = 16, DRIVER_OVERRAN_STACK_BUFFER = 0xf7 };

extern uintptr_t __stack_chk_guard;
NTSTATUS NTAPI sys_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path);
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

static jmp_buf before;
static unsigned entries, stops;
static uintptr_t guard_at_entry;
static ULONG code;

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)driver;
    (void)path;
    entries++;
    guard_at_entry = __stack_chk_guard;
    return STATUS_UNSUCCESSFUL;
}

void NTAPI KeBugCheckEx(ULONG stop_code, ULONG_PTR first, ULONG_PTR second, ULONG_PTR third,
    ULONG_PTR fourth)
{
    (void)first;
    (void)second;
    (void)third;
    (void)fourth;
    stops++;
    code = stop_code;
    longjmp(before, 1);
}

/* Volatile, or the compiler would see what comes. */
static volatile size_t length;

static __attribute__((noinline)) void fill(unsigned char *buffer)
{
    for (size_t i = 0; i < length; i++)
        *(volatile unsigned char *)(buffer + i) = 0x41;
}

/* Writes so many bytes; returns the last one of its buffer. */
static __attribute__((noinline)) unsigned char write_bytes(void)
{
    unsigned char buffer[BUFFER];

    fill(buffer);
    return buffer[BUFFER - 1];
}

static void the_entry_chooses_a_guard_before_the_driver_begins(void **state)
{
    uintptr_t first;

    (void)state;
    assert_int_equal(sys_entry(NULL, NULL), STATUS_UNSUCCESSFUL);
    assert_int_equal(entries, 1);
    first = __stack_chk_guard;
    assert_true(first != 0 && guard_at_entry == first);
    assert_int_equal(first & 0xff, 0);
    sys_entry(NULL, NULL);
    assert_true(__stack_chk_guard != first);
}

static void a_function_that_keeps_to_its_buffer_returns(void **state)
{
    (void)state;
    length = BUFFER;
    assert_int_equal(write_bytes(), 0x41);
    assert_int_equal(stops, 0);
}

static void a_function_that_overruns_its_buffer_stops_the_system(void **state)
{
    enum { GUARD_AND_RETURN_ADDRESS = 24 };

    (void)state;
    length = BUFFER + GUARD_AND_RETURN_ADDRESS;
    if (setjmp(before) == 0) {
        write_bytes();
        fail_msg("it has returned");
    }
    assert_int_equal(stops, 1);
    assert_int_equal(code, DRIVER_OVERRAN_STACK_BUFFER);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_entry_chooses_a_guard_before_the_driver_begins),
        cmocka_unit_test(a_function_that_keeps_to_its_buffer_returns),
        cmocka_unit_test(a_function_that_overruns_its_buffer_stops_the_system),
    };

    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
