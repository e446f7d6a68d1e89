/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* NOP-Out, and our pings: RFC 7143 11.18, 11.19. */

#ifndef ISCSI_NOP_H
#define ISCSI_NOP_H

#include <stdint.h>

struct iscsi_connection;

void iscsi_nop_out(
    struct iscsi_connection *c, const uint8_t *bhs, const uint8_t *data, uint32_t length);
void iscsi_nop_ping(struct iscsi_connection *c);

#endif
