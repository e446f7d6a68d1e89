/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The orderly end of a session, at either end's wish: RFC 7143 11.14, 11.15, 11.9. */

#ifndef ISCSI_LOGOUT_H
#define ISCSI_LOGOUT_H

#include <stdint.h>

struct iscsi_connection;

void iscsi_logout_request(struct iscsi_connection *c, const uint8_t *bhs);
/* Tells the initiator that the target goes away, which saves it a timeout. */
void iscsi_async_drop(struct iscsi_connection *c);

#endif
