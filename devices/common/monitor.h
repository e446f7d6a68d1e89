/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A lock, ways to wait under it for another thread or for a time, and threads. Each operating
 * system has a file for it, since C11's own are not on all of them. */

#ifndef DEVICES_COMMON_MONITOR_H
#define DEVICES_COMMON_MONITOR_H

#include <stdint.h>

struct monitor;

struct monitor *monitor_new(void); /* NULL: there is no memory */
void monitor_delete(struct monitor *monitor);

void monitor_lock(struct monitor *monitor);
void monitor_unlock(struct monitor *monitor);

/* All with the lock held. A wait may end without a wake. */
void monitor_wait(struct monitor *monitor);
void monitor_wait_until(struct monitor *monitor, uint64_t time); /* by the clock below */
void monitor_wake_one(struct monitor *monitor);
void monitor_wake_all(struct monitor *monitor);

/* Nanoseconds of a clock that only goes on. */
uint64_t monitor_now(void);

struct monitor_thread;

/* A thread that gets no signals. NULL: the system makes none. */
struct monitor_thread *monitor_thread_new(void (*main)(void *argument), void *argument);
/* Waits for its end. */
void monitor_thread_join(struct monitor_thread *thread);

#endif
