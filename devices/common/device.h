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

/* Serves the disk until SIGINT, SIGTERM or SIGHUP; prints the start line when clients can connect.
 * What the device needs must stay until it returns. store is NULL where nothing has to be made.
 * Returns the exit status. */
int device_run(struct device_options *options, const spd_params *params, const spd_device *device,
    const struct device_store *store);

#endif
