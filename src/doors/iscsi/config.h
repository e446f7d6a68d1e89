/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The URI of a door: what it asks for. */

#ifndef ISCSI_CONFIG_H
#define ISCSI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/limits.h"

struct spd_uri;

/* A network portal (RFC 7143 3.1), as initiators name it. */
struct iscsi_portal {
    char host[ISCSI_HOST_MAX + 1]; /* without brackets */
    uint16_t port;                 /* 0: where the door listens */
};

struct iscsi_config {
    char target[ISCSI_NAME_MAX + 1];
    struct iscsi_portal portals[ISCSI_PORTALS_MAX]; /* that SendTargets tells of */
    uint32_t portal_count; /* 0: where the discovery came to */
    uint64_t lun; /* as a LUN field has it */
    struct iscsi_chap_accounts chap;
    struct iscsi_chap_accounts mutual;
    uint32_t nop_interval;
    uint32_t nop_timeout;
    uint32_t login_timeout;
    uint32_t write_wait; /* of a login, for what a former session writes */
    bool demand_mutual; /* an initiator that does not ask us to prove ourselves is refused */
    bool resets; /* target resets are carried out even while others use the unit */
};

/* The caller frees the config. guarded: whether the URI lets initiators of other hosts in. 0, or a
 * spd_error with a detail and nothing to free. */
int iscsi_config_read(const struct spd_uri *uri, struct iscsi_config *config, bool *guarded);
void iscsi_config_free(struct iscsi_config *config);

enum { CONFIG_DESIGNATORS_MAX = 3 * 256 };

/* The designation descriptors of the port with this number and of its target; at most
 * CONFIG_DESIGNATORS_MAX bytes. Returns their length. */
uint16_t iscsi_config_designators(
    const struct iscsi_config *config, uint16_t port, uint8_t *designators);

#endif
