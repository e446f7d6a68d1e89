/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Does the image's path still lead to the image? A file that is moved over it, or its deletion,
 * changes nothing for the disk, which holds the file open; but all is lost when it is closed.
 *
 * The system tells of most changes at once. A change that it does not tell of, such as a rename by
 * another host on a network file system, is found by looking every few seconds.
 */

#ifndef DEVICES_RAWDISK_WATCH_H
#define DEVICES_RAWDISK_WATCH_H

#include "image.h"

/* False: message says what has become of the path, and what to do. */
bool watch_has_its_name(const struct image *image, char message[IMAGE_MESSAGE_MAX]);

/* Looks until watch_stop(), and calls say() on a thread of its own each time the answer changes.
 * NULL: there is no need on this system, or no thread can be had. The image stays as long. */
struct watch *watch_start(const struct image *image,
    void (*say)(void *context, const char *message), void *context);
void watch_stop(struct watch *watch);

#endif
