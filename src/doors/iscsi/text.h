/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text requests: RFC 7143 11.10. */

#ifndef ISCSI_TEXT_H
#define ISCSI_TEXT_H

#include <stdint.h>

struct iscsi_connection;

void iscsi_text_request(
    struct iscsi_connection *c, const uint8_t *bhs, const char *data, uint32_t length);

#endif
