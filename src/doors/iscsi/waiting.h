/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logins that wait until what a former session writes has reached the medium. */

#ifndef ISCSI_WAITING_H
#define ISCSI_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

enum { WAITING_TEXT_MAX = 192 };

void waiting_begin(struct connection *c);
bool waiting_is_over(const struct connection *c);
/* Once a second. The status with which the login is to be refused, and why; LOGIN_SUCCESS: it may
 * wait on. */
uint16_t waiting_tick(struct connection *c, char why[WAITING_TEXT_MAX]);

#endif
