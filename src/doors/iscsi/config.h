/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The URI of a door: its parameters, and those on which doors of one target and one portal
 * agree. */

#ifndef ISCSI_CONFIG_H
#define ISCSI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/limits.h"

struct spd_uri;

/* A network portal (RFC 7143 3.1), in the form that initiators use. */
struct iscsi_announced {
    char host[ISCSI_HOST_MAX + 1]; /* without brackets */
    uint16_t port;                 /* 0: where the door listens */
};

/* Seconds. They matter before an initiator has named a target. */
struct iscsi_times {
    uint32_t login;        /* a login that takes longer is dropped */
    uint32_t nop_interval; /* seconds of silence before a ping */
    uint32_t nop_timeout;  /* for the answer to a ping */
};

struct iscsi_config {
    char target[ISCSI_NAME_MAX + 1];
    struct iscsi_announced portals[ISCSI_PORTALS_MAX]; /* for SendTargets */
    uint32_t portal_count; /* 0: the address to which the discovery came */
    uint32_t lun;
    struct iscsi_chap_accounts chap;
    struct iscsi_chap_accounts mutual;
    struct iscsi_times times;
    uint32_t threads;   /* loops of the portal */
    uint32_t write_wait; /* wait of a login for writes of a former session */
    bool demand_mutual; /* an initiator that does not have the target authenticate is refused */
    bool resets; /* target resets are carried out even while others use the unit */
};

/* The caller frees the config. guarded: whether the URI lets initiators of other hosts in. 0, or a
 * spd_error with a detail and nothing to free. */
int iscsi_config_read(const struct spd_uri *uri, struct iscsi_config *config, bool *guarded);
void iscsi_config_free(struct iscsi_config *config);

/* The parameter of the URI in which two doors of one portal, or (iscsi_config_other) of one target,
 * differ; NULL: none. */
const char *iscsi_times_other(const struct iscsi_times *one, const struct iscsi_times *other);
const char *iscsi_config_other(const struct iscsi_config *one, const struct iscsi_config *other);

enum { CONFIG_DESIGNATORS_MAX = 3 * 256 };

/* The designation descriptors of the port with this number and of its target; at most
 * CONFIG_DESIGNATORS_MAX bytes. Returns their length. */
uint16_t iscsi_config_designators(
    const struct iscsi_config *config, uint16_t port, uint8_t *designators);

#endif
