/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What each type of request PDU needs before its data segment, and what it does after it. */

#ifndef ISCSI_REQUEST_H
#define ISCSI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* The header in c->rx is complete and its digest right; false: nothing more of it is wanted. */
bool request_begin(struct connection *c, uint32_t length);
/* Its data has come, too. */
void request_end(struct connection *c, uint32_t length);
/* Instead of request_end(), when the data digest is wrong. */
void request_damaged(struct connection *c, uint32_t length);

#endif
