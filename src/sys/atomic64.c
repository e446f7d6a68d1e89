/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * 64-bit atomics on x86. Atomic operations of 64 bits on x86. The compiler's own use the
 * floating-point unit, whose state the kernel does not save. Without that unit the compiler calls
 * these, which use CMPXCHG8B.
 */

#include <stdint.h>

uint64_t __atomic_load_8(const volatile void *from, int order);
void __atomic_store_8(volatile void *to, uint64_t value, int order);

uint64_t __atomic_load_8(const volatile void *from, int order)
{
    (void)order;
    return __sync_val_compare_and_swap((volatile uint64_t *)(uintptr_t)from, 0, 0);
}

void __atomic_store_8(volatile void *to, uint64_t value, int order)
{
    volatile uint64_t *at = to;
    uint64_t seen = *at, was;

    (void)order;
    while ((was = __sync_val_compare_and_swap(at, seen, value)) != seen)
        seen = was;
}
