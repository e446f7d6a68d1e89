/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* delay: each operation takes longer. The device below does it first, and the answer waits. */

#include "filter.h"
#include "later.h"

enum { FIXED, UNIFORM, NORMAL, EXPONENTIAL };
static const char *const distributions[] = { "fixed", "uniform", "normal", "exponential", NULL };

struct delay {
    struct filter filter;
    _Atomic uint32_t operations, distribution;
    _Atomic uint64_t time, spread;
    union {
        uint64_t seed;
        _Atomic uint64_t random;
    };
    struct later later;
};

#define AT(member) .offset = offsetof(struct delay, member)

static const struct filter_option options[] = {
    { "time", "the mean of the delay", FILTER_TIME, .required = true, .live = true,
        AT(time) },
    { "on", "the operations", FILTER_OPERATIONS, .initial = "read+write+flush+unmap+zero",
        .live = true, AT(operations) },
    { "distribution", "fixed, uniform, normal or exponential", FILTER_WORD, .words = distributions,
        .initial = "fixed", .live = true, AT(distribution) },
    { "spread", "uniform: more or less by at most this; normal: sigma",
        FILTER_TIME, .initial = "0ns", .live = true, AT(spread) },
    { "seed", "another series of random times", FILTER_NUMBER, .max = UINT64_MAX, .initial = "1",
        AT(seed) },
};

/* 0 to 1. */
static double unit_random(struct delay *delay)
{
    return (double)(filter_random(&delay->random) >> 11) / (double)(UINT64_C(1) << 53);
}

/* The sum of twelve uniform numbers has the variance 1, and is near enough to normal. */
static double normal(struct delay *delay)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += unit_random(delay);
    return sum;
}

/* J. von Neumann (1951): the length of falling runs of uniform numbers makes an exponential one,
 * without a logarithm. */
static double exponential(struct delay *delay)
{
    for (unsigned whole = 0;; whole++) {
        double first = unit_random(delay), last = first, next;
        unsigned run = 1;

        while ((next = unit_random(delay)) < last) {
            last = next;
            run++;
        }
        if (run % 2)
            return whole + first;
    }
}

static uint64_t draw(struct delay *delay)
{
    double time = (double)delay->time, spread = (double)delay->spread;
    uint32_t distribution = delay->distribution;

    switch (distribution) {
    case UNIFORM: time += spread * (2 * unit_random(delay) - 1); break;
    case NORMAL: time += spread * normal(delay); break;
    case EXPONENTIAL: time *= exponential(delay); break;
    default: break;
    }
    return time > 0 ? (uint64_t)time : 0;
}

static void submit(spd_device *device, spd_request *request)
{
    spd_request_pass(request, &((struct delay *)device->context)->filter.below);
}

static void returned(spd_device *device, spd_request *request, const spd_status *status)
{
    struct delay *delay = device->context;

    if (filter_has(delay->operations, request))
        later_add(&delay->later, request, status, monitor_now() + draw(delay));
    else
        spd_request_complete(request, status);
}

static void abort_one(spd_device *device, spd_request *request)
{
    later_abort(&((struct delay *)device->context)->later, request);
}

static void stop(spd_device *device)
{
    struct delay *delay = device->context;

    later_stop(&delay->later);
    spd_device_stop(&delay->filter.below);
}

static bool check(const struct filter *filter, char message[FILTER_MESSAGE_MAX])
{
    const struct delay *delay = (const struct delay *)filter;
    bool spreads = delay->distribution == UNIFORM || delay->distribution == NORMAL;

    if (spreads == !!delay->spread)
        return true;
    snprintf(message, FILTER_MESSAGE_MAX, spreads
        ? "filter delay: distribution=%s needs spread=, the width of it"
        : "filter delay: spread= is not for distribution=%s, but for uniform and normal",
        distributions[delay->distribution]);
    return false;
}

static bool open_delay(struct filter *filter)
{
    return later_open(&((struct delay *)filter)->later);
}

static bool close_delay(struct filter *filter, bool served)
{
    (void)served;
    later_close(&((struct delay *)filter)->later);
    return true;
}

const struct filter_type filter_delay = {
    .name = "delay",
    .help = "operations take longer",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct delay),
    .ops = { FILTER_OPS, .submit = submit, .returned = returned, .abort = abort_one, .stop = stop,
        .request_size = sizeof(struct later_entry) },
    .check = check,
    .open = open_delay,
    .close = close_delay,
};
