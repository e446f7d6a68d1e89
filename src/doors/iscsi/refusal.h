/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator's lines about refused logins. */

#ifndef ISCSI_REFUSAL_H
#define ISCSI_REFUSAL_H

#include <stdint.h>

struct iscsi_connection;

/* why: NULL or empty if the status says it all. */
void iscsi_refusal_report(const struct iscsi_connection *c, uint16_t status, const char *why);

#endif
