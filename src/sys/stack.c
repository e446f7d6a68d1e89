/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver's stack protector: the entry of the image, and the functions that the compiler's
 * checks call.
 *
 * The compiler keeps a guard value between a function's buffers and its return address, and checks
 * it before the function returns. A C runtime would choose the value, and a kernel driver has
 * none. The entry chooses it before the first protected function begins.
 */

#include "vstorport.h"

#include <stdint.h>

/* Names that the compiler gives. */
uintptr_t __stack_chk_guard;
DECLSPEC_NORETURN void __stack_chk_fail(void);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);
NTSTATUS NTAPI sys_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

enum { DRIVER_OVERRAN_STACK = 0xf7 };

void __stack_chk_fail(void)
{
    /* This stack cannot be trusted any more, so nothing may go on. */
    KeBugCheckEx(DRIVER_OVERRAN_STACK, 0, 0, 0, (ULONG_PTR)__builtin_return_address(0));
}

/* The kernel gives drivers no random numbers before Windows 10. The time stamp counter and two
 * addresses that the system randomizes differ from load to load, as a guard has to. */
__attribute__((no_stack_protector)) NTSTATUS NTAPI sys_entry(
    PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    uint64_t mixed = __builtin_ia32_rdtsc();

    mixed ^= (uint64_t)(uintptr_t)driver << 32 ^ (uintptr_t)&mixed;
    mixed *= UINT64_C(0x9e3779b97f4a7c15); /* spreads the low bits, which change most */
    mixed ^= mixed >> 32;
    /* The lowest byte is zero: a text that overflows cannot write it and bytes behind it. */
    __stack_chk_guard = (uintptr_t)mixed & ~(uintptr_t)0xff;
    return DriverEntry(driver, path);
}
