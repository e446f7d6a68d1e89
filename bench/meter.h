/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A load and what it costs: time and CPU time from the end of the warm-up to the end of the run. */

#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct load {
    uint32_t block; /* bytes a command */
    uint32_t depth; /* commands outstanding */
    bool write;
    double warmup, seconds;
    pid_t server; /* measure the CPU time of this process, 0: nobody's */
};

struct meter {
    uint64_t ios; /* finished so far: the user counts them */
    double begun;
    bool measuring;
    struct meter_point {
        double time, client_cpu, server_cpu; /* seconds */
        uint64_t ios;
    } start, end;
};

void meter_start(struct meter *meter, const struct load *load);

/* To be called now and then; returns true once the time is over. */
bool meter_tick(struct meter *meter, const struct load *load);

/* Ends it early. */
void meter_stop(struct meter *meter, const struct load *load);

/* The members of a JSON object. */
void meter_print(const struct meter *meter, const struct load *load);

/* Moves the same bytes between two processes over TCP on the loopback interface. The server makes
 * one receive and one send for all that has arrived. No iSCSI target can cost less. */
bool floor_run(struct load *load, struct meter *meter);

#endif
