/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text requests: RFC 7143 11.10. */

#ifndef ISCSI_TEXT_H
#define ISCSI_TEXT_H

#include <stdint.h>

struct connection;

void text_request(struct connection *c, const uint8_t *bhs, const char *data, uint32_t length);

#endif
