/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Reject: RFC 7143 11.17. */

#ifndef ISCSI_REJECT_H
#define ISCSI_REJECT_H

#include <stdint.h>

#include "doors/iscsi/pdu.h"

struct iscsi_connection;

void iscsi_reject(struct iscsi_connection *c, const uint8_t *bhs, enum iscsi_reject_reason reason);
/* Reject, then close: the peer broke the protocol. why: for the log. */
void iscsi_reject_and_close(struct iscsi_connection *c, const uint8_t *bhs,
    enum iscsi_reject_reason reason, const char *why);

#endif
