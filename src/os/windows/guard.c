/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Control Flow Guard: the part of a C runtime that MinGW's lacks.
 *
 * The compiler makes each indirect call through our pointer, and the linker lists the functions
 * that may be called so. Windows finds both by the load configuration, and sets the pointers to its
 * own check. On a Windows without the guard, and under Wine, they keep their values, and nothing is
 * checked. Every binary links this file itself: spd_guard of meson.build.
 */

#include <stddef.h>
#include <stdint.h>

/* Symbols that the linker makes. A table's address and its length are the addresses of these. */
extern char __guard_fids_table[], __guard_fids_count[];
extern char __guard_iat_table[], __guard_iat_count[];
extern char __guard_longjmp_table[], __guard_longjmp_count[];

/* IMAGE_GUARD_ ... of the PE format: CF_INSTRUMENTED, CF_FUNCTION_TABLE_PRESENT,
 * CF_LONGJUMP_TABLE_PRESENT */
enum { GUARD_FLAGS = 0x100 | 0x400 | 0x10000 };

/* These are no functions of C: all registers except a few belong to their callers. On x64 the
 * compiler asks for the dispatch, which calls the address in rax; on x86 for the check of the
 * address in ecx. */
__attribute__((naked)) static void unchecked(void)
{
    __asm__("ret");
}

__attribute__((naked)) static void dispatched(void)
{
#if defined(__x86_64__)
    __asm__("jmp *%rax");
#else
    __asm__("ret");
#endif
}

/* Names that the compiler and the linker look for. */
void (*const __guard_check_icall_fptr)(void) __attribute__((section(".00cfg"), used)) = unchecked;
void (*const __guard_dispatch_icall_fptr)(void)
    __attribute__((section(".00cfg"), used)) = dispatched;

/* IMAGE_LOAD_CONFIG_DIRECTORY, as far as Windows 8.1 has it; the size says how far. */
struct load_config {
    uint32_t size;
    uint32_t unused1[5];
    uintptr_t unused2[6];
    uint32_t unused3[2];
    uintptr_t edit_list, security_cookie, seh_table, seh_count;
    const void *check, *dispatch;
    const char *functions, *function_count;
    uint32_t guard_flags, code_integrity[3];
    const char *imports, *import_count;
    const char *jumps, *jump_count;
};
enum { WIDE = sizeof(void *) == 8 };
_Static_assert(offsetof(struct load_config, check) == (WIDE ? 112 : 72), "layout");
_Static_assert(offsetof(struct load_config, imports) == (WIDE ? 160 : 104), "layout");
_Static_assert(sizeof(struct load_config) == (WIDE ? 192 : 120), "layout");

extern const struct load_config _load_config_used;
__attribute__((used)) const struct load_config _load_config_used = {
    .size = sizeof _load_config_used,
    .check = &__guard_check_icall_fptr,
    .dispatch = &__guard_dispatch_icall_fptr,
    .functions = __guard_fids_table,
    .function_count = __guard_fids_count,
    .guard_flags = GUARD_FLAGS,
    .imports = __guard_iat_table,
    .import_count = __guard_iat_count,
    .jumps = __guard_longjmp_table,
    .jump_count = __guard_longjmp_count,
};
