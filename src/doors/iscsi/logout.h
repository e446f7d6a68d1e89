/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How a session ends in words, at either end's wish: RFC 7143 11.14, 11.15, 11.9. */

#ifndef ISCSI_LOGOUT_H
#define ISCSI_LOGOUT_H

#include <stdint.h>

struct connection;

void logout_request(struct connection *c, const uint8_t *bhs);
/* Tells the initiator that we are going away, which saves it a timeout. */
void async_drop(struct connection *c);

#endif
