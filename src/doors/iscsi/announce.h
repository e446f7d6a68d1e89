/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The addresses of the target in SendTargets. */

#ifndef ISCSI_ANNOUNCE_H
#define ISCSI_ANNOUNCE_H

struct iscsi_connection;
struct iscsi_config;
struct iscsi_target;
struct iscsi_text;
struct spd_uri;

/* Sets the config's portals. 0 or a spd_error with a detail. */
int iscsi_announce_read(const struct spd_uri *uri, struct iscsi_config *config);
/* The target's TargetAddress keys for the initiator of this connection. */
void iscsi_announce_put(const struct iscsi_connection *c, const struct iscsi_target *target,
    struct iscsi_text *answer);

#endif
