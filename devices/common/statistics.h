/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shows a unit's statistics as a table for people. */

#ifndef DEVICES_COMMON_STATISTICS_H
#define DEVICES_COMMON_STATISTICS_H

#include <stdio.h>

#include <spd/spd.h>

void statistics_print(const spd_unit *unit, FILE *out);

/* "read", for SPD_READ and so on. */
const char *statistics_name(int operation);

#endif
