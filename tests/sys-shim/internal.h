/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Between the two halves of the shim. */

#ifndef SHIM_INTERNAL_H
#define SHIM_INTERNAL_H

#include "shim.h"

void shim_check(bool condition, const char *what);
void shim_check_unlocked(const char *what);
void shim_stalled(ULONG microseconds);
void shim_completed(_Atomic bool *done);
void shim_wait(_Atomic bool *done);
void shim_process_forget(PEPROCESS process);
unsigned shim_processes(void);

#endif
