/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests in the order of their CmdSN (RFC 7143 4.2.2.1). */

#ifndef ISCSI_DELIVER_H
#define ISCSI_DELIVER_H

#include <stdint.h>

struct iscsi_connection;
struct iscsi_portal;

/* Acts on a request that is no SCSI command, whose turn by CmdSN has come. */
void iscsi_deliver_request(
    struct iscsi_connection *c, const uint8_t *bhs, uint8_t *data, uint32_t length);
/* Delivers held requests whose turn has come. */
void iscsi_deliver_held(struct iscsi_connection *c);
/* The same in all sessions, when a command ended that others may have waited for. */
void iscsi_deliver_all(struct iscsi_portal *portal);

#endif
