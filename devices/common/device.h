/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of a device program, from its parameters to its exit status. */

#ifndef DEVICES_COMMON_DEVICE_H
#define DEVICES_COMMON_DEVICE_H

#include "options.h"

#include <spd/spd.h>

/* main() begins with this: it reserves the descriptors 0 to 2, does options_parse(), and refuses an
 * output that is options->file. */
int device_begin(struct device_options *options, const struct device_program *program, int argc,
    char **argv);

/* Makes unit parameters from the options; the program sets block_count and guid. */
spd_params device_params(const struct device_options *options);

/* The part of the device's store, an image, in the start. */
struct device_store {
    /* Both functions get the device's context. All else is ready to serve: makes what is missing,
     * for these effective parameters. Returns 0, or the exit status after a message. */
    int (*make)(void *context, const spd_params *params);
    /* make() was called, and the start failed then or later: removes the files that it has made. */
    void (*unmake)(void *context);
};

/* A disk of the program. The program sets all but the unit. */
struct device_disk {
    struct device_options options; /* options_disk() */
    spd_params params;
    spd_device device; /* its context stays until device_run() returns */
    const struct device_store *store; /* NULL: nothing has to be made */
    void *store_context;
    spd_unit *unit;
    bool made;
};

/* Serves the disks until SIGINT, SIGTERM or SIGHUP; prints a start line for each when clients can
 * connect. Disk i has the LUN that the URI says, 0 without one, plus i. Returns the exit status. */
int device_run(struct device_disk *disks, uint32_t count);

#endif
