/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logins that were refused, as the operator reads of them. */

#ifndef ISCSI_REFUSAL_H
#define ISCSI_REFUSAL_H

#include <stdint.h>

struct iscsi_connection;

/* why: NULL or empty where the status says it all. */
void iscsi_refusal_report(const struct iscsi_connection *c, uint16_t status, const char *why);

#endif
