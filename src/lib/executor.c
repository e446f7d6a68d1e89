/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The executors of spd.h's devices. The executor of the original's interface is in serve.c. */

#include "lib/executor.h"

#include "lib/unit.h"

static bool call_here(struct spd_request *request, enum scsi_step step, void *bounce)
{
    (void)bounce;
    return spd_device_call(request, step, 0);
}

static bool submit_here(struct spd_request *request, enum scsi_step step, void *bounce)
{
    (void)bounce;
    return spd_device_submit(request, step);
}

static bool call_on_pool(struct spd_request *request, enum scsi_step step, void *bounce)
{
    return bounce ? spd_device_call_on_own(request, step, bounce)
                  : spd_device_post(request, step);
}

static bool try_here(struct spd_request *request, enum scsi_step step, void *bounce)
{
    if (!bounce && spd_device_call(request, step, SPD_NOWAIT))
        return true;
    return call_on_pool(request, step, bounce);
}

static bool submit_flush(struct spd_request *request)
{
    return spd_device_submit(request, SCSI_FLUSH);
}

/* Most operations that reach a dispatcher wait rather than compute, and flushes share their wait:
 * there is work for more threads than processors. There is a thread more than a nexus can have, so
 * that its long operations keep no other nexus waiting. */
static int start_pool(struct spd_unit *unit, uint32_t threads)
{
    uint32_t share = os_cpu_count();

    if (threads)
        return spd_dispatchers_start(unit, threads, 0, spd_request_run);
    if (share < SPD_THREADS_LEAST)
        share = SPD_THREADS_LEAST;
    if (share >= SPD_THREADS_MAX)
        share = SPD_THREADS_MAX - 1;
    return spd_dispatchers_start(unit, share + 1, share, spd_request_run);
}

const struct spd_executor spd_executor_inline = {
    .perform = call_here,
    .flush = spd_device_flush_here,
};

const struct spd_executor spd_executor_async = {
    .perform = submit_here,
    .flush = submit_flush,
};

const struct spd_executor spd_executor_pool = {
    .perform = call_on_pool,
    .flush = spd_device_flush_here,
    .start = start_pool,
    .stop = spd_dispatchers_stop,
};

const struct spd_executor spd_executor_try = {
    .perform = try_here,
    .flush = spd_device_flush_here,
    .start = start_pool,
    .stop = spd_dispatchers_stop,
};
