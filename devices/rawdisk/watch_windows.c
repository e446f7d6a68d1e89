/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A file that was opened without FILE_SHARE_DELETE keeps its name, and so do its folders. */

#include "watch.h"

#include <stddef.h>

bool watch_has_its_name(const struct image *image, char message[IMAGE_MESSAGE_MAX])
{
    (void)image;
    (void)message;
    return true;
}

struct watch *watch_start(const struct image *image,
    void (*say)(void *context, const char *message), void *context)
{
    (void)image;
    (void)say;
    (void)context;
    return NULL;
}

void watch_stop(struct watch *watch)
{
    (void)watch;
}
