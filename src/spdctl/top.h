/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* spdctl top: the rates of all disks, again and again. */

#ifndef SPDCTL_TOP_H
#define SPDCTL_TOP_H

#include <stdint.h>

/* wanted: as programs_find(). rounds 0: until the user ends it. */
int top(const char *wanted, double seconds, uint64_t rounds);

#endif
