/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A lock, and a way to wait under it for another thread. Each operating system has a file for it,
 * which alone knows what is in it. */

#ifndef DEVICES_RAWDISK_MONITOR_H
#define DEVICES_RAWDISK_MONITOR_H

struct monitor;

struct monitor *monitor_new(void); /* NULL: there is no memory */
void monitor_delete(struct monitor *monitor);

void monitor_lock(struct monitor *monitor);
void monitor_unlock(struct monitor *monitor);

/* Both with the lock held. A wait may end without a wake. */
void monitor_wait(struct monitor *monitor);
void monitor_wake_all(struct monitor *monitor);

#endif
