/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The request log (-d, -D): two lines for each operation, in the original's shape, so that scripts
 * that read its logs read ours. It is a filter on the device whose operations it logs, simple or
 * asynchronous, and is not there when nobody wants a log.
 */

#ifndef DEVICES_COMMON_TRACE_H
#define DEVICES_COMMON_TRACE_H

#include <stdatomic.h>
#include <stdint.h>

#include <spd/spd.h>

#include "sink.h"

struct trace {
    spd_device device; /* what the unit, or the next filter, gets */
    spd_ops ops;
    spd_device below;
    uint32_t mask;
    const char *program;
    struct sink *out;
    atomic_uint_fast64_t hint; /* pairs the two lines of an operation */
};

/* Logs what below does to out, a line at a time, which may be the sink of several traces. mask has
 * bit 1 << spd_operation for each kind to log. The trace stays where it is as long as its unit, and
 * so do program, which begins each line, and the operations of below. */
void trace_init(struct trace *trace, const spd_device *below, uint32_t mask, const char *program,
    struct sink *out);

#endif
