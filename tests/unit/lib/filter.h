/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A filter for tests: it counts what goes down and up, sees to it that it is called only when it is
 * its turn, and lets a test step in. */

#ifndef TESTS_UNIT_LIB_FILTER_H
#define TESTS_UNIT_LIB_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "spd/spd.h"

struct filter {
    spd_device device; /* for what is above it */
    spd_ops ops;
    spd_device below;
    atomic_uint calls[8]; /* by spd_operation: simple calls, and requests that were submitted */
    atomic_uint returns, aborts, stops;
    unsigned tries; /* each request is passed on so often, at least once */
    /* Unless NULL. True: the test has done all that is to be done. */
    bool (*on_call)(struct filter *filter, spd_operation operation, spd_status *status);
    bool (*on_submit)(struct filter *filter, spd_request *request);
    bool (*on_return)(struct filter *filter, spd_request *request, const spd_status *status);
    void (*on_abort)(struct filter *filter, spd_request *request);
    spd_request *kept; /* for the test */
};

void filter_init(struct filter *filter, const spd_device *below);

/* For hooks that have kept a request: what the filter would have done. */
void filter_pass(struct filter *filter, spd_request *request);

#endif
