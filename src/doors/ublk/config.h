/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The parameters of a ublk: name. */

#ifndef DOORS_UBLK_CONFIG_H
#define DOORS_UBLK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct spd_uri;

enum { UBLK_ANY_NUMBER = UINT32_MAX };

struct ublk_config {
    uint32_t number; /* the N of /dev/ublkbN, or UBLK_ANY_NUMBER */
    uint16_t queues; /* 1..UBLK_CONFIG_QUEUES_MAX */
    uint16_t depth;  /* requests of a queue at a time */
    bool recover;    /* takes a device over whose server has died, and lets others take ours over */
};

/* 0 or a spd_error with its detail. */
int ublk_config_read(const struct spd_uri *uri, struct ublk_config *config);

/* The name that makes this door again; malloc'ed, NULL: no memory. */
char *ublk_config_name(const struct ublk_config *config);

#endif
