/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Calls that break the contract of spd.h, and that no error code can mend: a program that went on
 * would hang, lose data or crash elsewhere. The library names the function and the fault, and ends
 * the process by abort(), in release builds as well.
 *
 * A list has all existing units, so a call with another pointer is noticed without reading its
 * memory. A unit belongs to the process that has created it: after fork() the child has none of its
 * threads.
 */

#ifndef SPD_LIB_MISUSE_H
#define SPD_LIB_MISUSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/os.h"

struct spd_unit;

/* function: its name, without parentheses. */
_Noreturn void spd_misuse(const char *function, const char *format, ...) OS_PRINTF(2, 3);

/* For functions of spd.h. */
#define SPD_NEEDS(pointer)                                                                         \
    do {                                                                                           \
        if (!(pointer))                                                                            \
            spd_misuse(__func__, "%s is NULL", #pointer);                                          \
    } while (0)

/* Forks that lead to this process. A unit notes it, so that the child knows units of the parent. */
extern _Atomic uint32_t spd_forks;

/* The unit begins to exist, and gets its place in the list. */
void spd_units_add(struct spd_unit *unit);
/* Before it is freed. */
void spd_units_remove(struct spd_unit *unit);

/* The unit exists, and is of this process. */
void spd_unit_check(const struct spd_unit *unit, const char *function);
/* The same; also, the calling thread is in none of its operations. */
void spd_unit_check_outside(const struct spd_unit *unit, const char *function);
/* The same; also, no other thread deletes it, or waits for it. From now on this thread deletes
 * it. */
void spd_unit_check_deletion(struct spd_unit *unit, const char *function);

#endif
