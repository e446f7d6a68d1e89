/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Windows' service manager asks a service itself; a program that is no service tells it nothing. */

#include "notify.h"

void notify_begin(void)
{
}

void notify_ready(const char *const *uris)
{
    (void)uris;
}

void notify_stopping(void)
{
}
