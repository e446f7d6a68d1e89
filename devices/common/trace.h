/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The request log (-d, -D): two lines for each operation, in the original's shape, so that scripts
 * that read its logs read ours. It wraps the device's operations and costs nothing when it is off.
 */

#ifndef DEVICES_COMMON_TRACE_H
#define DEVICES_COMMON_TRACE_H

#include <stdint.h>

#include <spd/spd.h>

#include "sink.h"

/* Operations that log what they do, then call ops, which must be simple and stay valid. mask has
 * bit 1 << spd_operation for each kind to log. One traced device a process. */
const spd_ops *trace_wrap(
    const spd_ops *ops, uint32_t mask, const char *program, struct sink *out);

#endif
