/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Shares of the launcher's pipes. There are few, and anybody may connect: a client that says
 * nothing, or does not read its answer, keeps one. So a few are always kept free for the next
 * client. When it comes, the user who keeps most loses the pipe that was kept for longest. The
 * requests of a user that are being answered have at most half of the pipes.
 *
 * Pure functions; the native tests compile them.
 */

#ifndef LAUNCHER_SHARE_H
#define LAUNCHER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHARE_PIPES = 32,
    SHARE_SPARE = 4, /* pipes that wait for clients, if possible */
    SHARE_SERVED_MAX = SHARE_PIPES / 2,
};

enum share_state {
    SHARE_FREE,
    SHARE_SILENT, /* connected; its request has not come, or its answer was not read */
    SHARE_SERVED, /* its request is being answered */
};

struct share_pipe {
    enum share_state state;
    uint64_t user;  /* two are the same user's when these are equal */
    uint64_t since; /* any clock: smaller is longer ago */
};

/* The pipe that its client has to lose now; SHARE_PIPES: none. */
size_t share_victim(const struct share_pipe pipes[SHARE_PIPES]);

/* Whether this silent client may be served; others of its user may be served already. */
bool share_may_serve(const struct share_pipe pipes[SHARE_PIPES], size_t which);

#endif
