/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reports the program's state to a service manager, by the protocol of sd_notify(3). */

#ifndef DEVICES_COMMON_NOTIFY_H
#define DEVICES_COMMON_NOTIFY_H

/* Before the program gives up rights: finds the manager that started it. Without a manager the
 * calls below do nothing. */
void notify_begin(void);

/* Clients can connect now. uris ends with NULL; they are the manager's status line. */
void notify_ready(const char *const *uris);

/* The program ends from here on. */
void notify_stopping(void);

#endif
