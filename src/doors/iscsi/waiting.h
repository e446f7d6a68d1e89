/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logins that wait until the writes of a former session have reached the medium. */

#ifndef ISCSI_WAITING_H
#define ISCSI_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iscsi_connection;

enum { WAITING_TEXT_MAX = 192 };

void iscsi_waiting_begin(struct iscsi_connection *c);
bool iscsi_waiting_is_over(const struct iscsi_connection *c);
/* Once a second. The status with which the login is refused, and the reason; LOGIN_SUCCESS: it may
 * wait on. */
uint16_t iscsi_waiting_tick(struct iscsi_connection *c, char why[WAITING_TEXT_MAX]);

#endif
