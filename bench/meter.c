/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "meter.h"

#include <stdio.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time) != 0)
        return 0;
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct meter_point point_now(const struct meter *meter, const struct load *load)
{
    struct meter_point point = {
        .time = seconds_of(CLOCK_MONOTONIC),
        .client_cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID),
        .ios = meter->ios,
    };
    clockid_t clock;

    /* All threads of the process, in nanoseconds; /proc/PID/stat has only 10 ms. */
    if (load->server != 0 && clock_getcpuclockid(load->server, &clock) == 0)
        point.server_cpu = seconds_of(clock);
    return point;
}

void meter_start(struct meter *meter, const struct load *load)
{
    meter->begun = seconds_of(CLOCK_MONOTONIC);
    meter->start = point_now(meter, load);
    meter->measuring = load->warmup == 0;
}

bool meter_tick(struct meter *meter, const struct load *load)
{
    double now = seconds_of(CLOCK_MONOTONIC);

    if (!meter->measuring && now - meter->begun >= load->warmup) {
        meter->start = point_now(meter, load);
        meter->measuring = true;
    }
    if (!meter->measuring || now - meter->start.time < load->seconds)
        return false;
    meter_stop(meter, load);
    return true;
}

void meter_stop(struct meter *meter, const struct load *load)
{
    meter->end = point_now(meter, load);
}

void meter_print(const struct meter *meter, const struct load *load)
{
    double seconds = meter->end.time - meter->start.time;
    double ios = (double)(meter->end.ios - meter->start.ios);

    if (ios == 0)
        ios = 1;
    printf("\"seconds\": %.4f, \"ios\": %.0f, \"iops\": %.1f, \"mib_s\": %.1f, ", seconds, ios,
        ios / seconds, ios * load->block / seconds / (1 << 20));
    printf(
        "\"client_cpu_us\": %.3f", (meter->end.client_cpu - meter->start.client_cpu) * 1e6 / ios);
    if (load->server != 0)
        printf(", \"server_cpu_us\": %.3f",
            (meter->end.server_cpu - meter->start.server_cpu) * 1e6 / ios);
}
