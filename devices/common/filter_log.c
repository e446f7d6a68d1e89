/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* log: two lines for each operation, as --debug has them, at any place of the stack. */

#include "filter.h"
#include "trace.h"

struct log_filter {
    struct filter filter;
    uint32_t operations;
    struct trace trace;
};

static const struct filter_option options[] = {
    { "on", "the operations", FILTER_OPERATIONS, .initial = "all",
        .offset = offsetof(struct log_filter, operations) },
};

static bool place(struct filter *filter, const struct filter_place *place)
{
    struct log_filter *log = (struct log_filter *)filter;

    trace_init(&log->trace, &filter->below, log->operations, place->program->name, place->log);
    filter->device = log->trace.device;
    return true;
}

const struct filter_type filter_log = {
    .name = "log",
    .help = "logs operations, where --debug-log says",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct log_filter),
    .ops = { FILTER_OPS },
    .place = place,
};
