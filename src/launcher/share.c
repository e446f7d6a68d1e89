/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/share.h"

static size_t count(
    const struct share_pipe pipes[SHARE_PIPES], enum share_state state, const uint64_t *user)
{
    size_t found = 0;

    for (size_t i = 0; i < SHARE_PIPES; i++)
        found += pipes[i].state == state && (!user || pipes[i].user == *user);
    return found;
}

size_t share_victim(const struct share_pipe pipes[SHARE_PIPES])
{
    size_t victim = SHARE_PIPES, most = 0;

    if (count(pipes, SHARE_FREE, NULL) >= SHARE_SPARE)
        return SHARE_PIPES;
    for (size_t i = 0; i < SHARE_PIPES; i++) {
        size_t kept = pipes[i].state == SHARE_SILENT ? count(pipes, SHARE_SILENT, &pipes[i].user)
                                                     : 0;

        if (kept > most || (kept && kept == most && pipes[i].since < pipes[victim].since)) {
            most = kept;
            victim = i;
        }
    }
    return victim;
}

bool share_may_serve(const struct share_pipe pipes[SHARE_PIPES], size_t which)
{
    return count(pipes, SHARE_SERVED, &pipes[which].user) < SHARE_SERVED_MAX;
}
