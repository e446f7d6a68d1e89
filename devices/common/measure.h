/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SIGUSR1: the disks shall look at their sizes again. Windows has no such signal. */

#ifndef DEVICES_COMMON_MEASURE_H
#define DEVICES_COMMON_MEASURE_H

#include <stdbool.h>

#include <spd/program.h>

/* Has the disk as many blocks as its store has by now, if that is more. A message says what has
 * become of it. */
void measure_disk(spd_program_disk *disk);

/* From now on the signal does not end the program. Those that come before measure_start() wait for
 * it. */
void measure_begin(void);

/* Calls look() on a thread of its own for each signal, or once for several that come together. */
void measure_start(void (*look)(void *context), void *context);

/* The same as a signal. False: nobody looks. Any thread, between the start and the stop. */
bool measure_ask(void);

/* look() is not called any more, and does not run. Also without a start. */
void measure_stop(void);

#endif
