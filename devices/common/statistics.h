/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shows a unit's statistics as a table for people. */

#ifndef DEVICES_COMMON_STATISTICS_H
#define DEVICES_COMMON_STATISTICS_H

#include <stdio.h>

#include <spd/spd.h>

void statistics_print(const spd_unit *unit, FILE *out);

/* The latency in nanoseconds that `percent` of the operations did not exceed: the upper end of the
 * histogram's bucket, so at most twice the truth. 0 when there was no operation. */
uint64_t statistics_percentile(const spd_operation_statistics *statistics, unsigned percent);

#endif
