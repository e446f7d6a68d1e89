/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The launcher's answers to requests: one table of commands. */

#ifndef LAUNCHER_COMMAND_H
#define LAUNCHER_COMMAND_H

#include <windows.h>

#include "launch/protocol.h"

/* bytes: of the message, as it arrived. token: the client's. Blocks for as long as a stop takes to
 * lock volumes. Any thread. */
void commands_answer(
    const char16_t *message, size_t bytes, HANDLE token, struct launch_answer *answer);

#endif
