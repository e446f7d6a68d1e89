/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * --exec: a command that uses the disks, and with whose end they go. A process beside the server
 * runs it. This process is made before the server has threads, and before it gives up rights: so
 * the command has the rights of the user, for example to mount the disk.
 *
 * The command ends by SIGTERM if the server ends first, however that happens.
 */

#ifndef DEVICES_COMMON_EXEC_H
#define DEVICES_COMMON_EXEC_H

#include "options.h"

struct exec;

/* Without --exec: true, and *exec is NULL, as the functions below take it. False: a message was
 * printed. Call it while the process has one thread. */
bool exec_begin(const spd_program_options *options, struct exec **exec);

/* Starts the command. Its environment has the URIs, a list that ends with NULL, in SPD_URIS and the
 * block devices among them in SPD_DEVICES; SPD_URI and SPD_DEVICE are the first of each. At its end
 * ended(context) is called on a thread of its own. False: a message was printed. */
bool exec_start(
    struct exec *exec, const char *const *uris, void (*ended)(void *context), void *context);

/* Ends the command if it still runs, and frees. Returns its exit status, 128 and the number of the
 * signal that has killed it, or 0: it was not started, or the server's end has ended it. */
int exec_end(struct exec *exec);

#endif
