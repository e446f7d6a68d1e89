/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* rate: a limit of operations and bytes for each second. Answers wait until they are due: those who
 * have as many requests running as they may then send no more. */

#include "filter.h"
#include "later.h"

enum { SECOND = 1000000000 };

struct rate {
    struct filter filter;
    _Atomic uint32_t operations;
    _Atomic uint64_t iops, bytes, burst;
    uint64_t block_length;
    struct later later;
    uint64_t paid; /* until when the operations have used the rate; later.monitor guards it */
};

#define AT(member) .offset = offsetof(struct rate, member)

static const struct filter_option options[] = {
    { "iops", "operations a second; 0: no limit", FILTER_NUMBER, .max = SECOND, .initial = "0",
        .live = true, AT(iops) },
    { "bytes", "bytes a second: 50M; 0: no limit", FILTER_SIZE, .initial = "0", .live = true,
        AT(bytes) },
    { "burst", "what was not used for so long may be used at once", FILTER_TIME,
        .initial = "100ms", .live = true, AT(burst) },
    { "on", "the operations", FILTER_OPERATIONS, .initial = "read+write", .live = true,
        AT(operations) },
};

/* The time that the operation has of each limit; both limits hold. */
static uint64_t cost(const struct rate *rate, const spd_request *request)
{
    uint64_t iops = rate->iops, limit = rate->bytes, time = iops ? SECOND / iops : 0;
    double bytes = (double)spd_request_blocks(request) * (double)rate->block_length;
    double of_bytes = limit ? bytes * SECOND / (double)limit : 0;

    return of_bytes > (double)time ? (uint64_t)of_bytes : time;
}

/* The time at which the operation is due. */
static uint64_t pay(struct rate *rate, const spd_request *request)
{
    uint64_t now = monitor_now(), burst = rate->burst, due;

    monitor_lock(rate->later.monitor);
    if (rate->paid < now)
        rate->paid = now;
    rate->paid += cost(rate, request);
    due = rate->paid > burst ? rate->paid - burst : 0; /* the clock may have begun just now */
    monitor_unlock(rate->later.monitor);
    return due;
}

static void submit(spd_device *device, spd_request *request)
{
    spd_request_pass(request, &((struct rate *)device->context)->filter.below);
}

static void returned(spd_device *device, spd_request *request, const spd_status *status)
{
    struct rate *rate = device->context;
    uint64_t due = filter_has(rate->operations, request) ? pay(rate, request) : 0;

    if (due > monitor_now())
        later_add(&rate->later, request, status, due);
    else
        spd_request_complete(request, status);
}

static void abort_one(spd_device *device, spd_request *request)
{
    later_abort(&((struct rate *)device->context)->later, request);
}

static void stop(spd_device *device)
{
    struct rate *rate = device->context;

    later_stop(&rate->later);
    spd_device_stop(&rate->filter.below);
}

static bool check(const struct filter *filter, char message[FILTER_MESSAGE_MAX])
{
    const struct rate *rate = (const struct rate *)filter;

    if (rate->iops || rate->bytes)
        return true;
    snprintf(message, FILTER_MESSAGE_MAX, "filter rate needs iops= or bytes=");
    return false;
}

static bool place(struct filter *filter, const struct filter_place *place)
{
    ((struct rate *)filter)->block_length = place->block_length;
    return true;
}

/* Operations do not wait for what others have used of the former limit. */
static void changed(struct filter *filter)
{
    struct rate *rate = (struct rate *)filter;

    monitor_lock(rate->later.monitor);
    rate->paid = 0;
    monitor_unlock(rate->later.monitor);
}

static bool open_rate(struct filter *filter)
{
    return later_open(&((struct rate *)filter)->later);
}

static bool close_rate(struct filter *filter, bool served)
{
    (void)served;
    later_close(&((struct rate *)filter)->later);
    return true;
}

const struct filter_type filter_rate = {
    .name = "rate",
    .help = "a limit of operations or bytes a second",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct rate),
    .ops = { FILTER_OPS, .submit = submit, .returned = returned, .abort = abort_one, .stop = stop,
        .request_size = sizeof(struct later_entry) },
    .check = check,
    .place = place,
    .open = open_rate,
    .changed = changed,
    .close = close_rate,
};
