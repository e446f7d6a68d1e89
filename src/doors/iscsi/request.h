/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Request PDUs, by type: before the data segment of each, and after it. */

#ifndef ISCSI_REQUEST_H
#define ISCSI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

struct iscsi_connection;

/* The header in c->rx is complete and its digest right; false: the rest of the PDU is not
 * needed. */
bool iscsi_request_begin(struct iscsi_connection *c, uint32_t length);
/* Its data has come, too. */
void iscsi_request_end(struct iscsi_connection *c, uint32_t length);
/* Replaces iscsi_request_end() when the data digest is wrong. */
void iscsi_request_damaged(struct iscsi_connection *c, uint32_t length);

#endif
