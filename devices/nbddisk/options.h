/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* nbddisk's own options, beside those that every program has. */

#ifndef DEVICES_NBDDISK_OPTIONS_H
#define DEVICES_NBDDISK_OPTIONS_H

#include <spd/program.h>

struct nbddisk_options {
    const char *uri;
    uint64_t connections;
    uint64_t reconnect; /* seconds */
    uint64_t timeout;   /* seconds */
    uint64_t journal;   /* bytes */
};

#define NBDDISK_OPTIONS_INIT { NULL, 1, 60, 60, 64 << 20 }

extern const spd_program nbddisk_program;

#endif
