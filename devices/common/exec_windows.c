/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* On Windows the launcher runs programs for disks. */

#include "exec.h"

bool exec_begin(const spd_program_options *options, struct exec **exec)
{
    *exec = NULL;
    if (!options->exec)
        return true;
    spd_program_error(options->program,
        "--exec is not for Windows: start the command once the line 'serving' has come");
    return false;
}

bool exec_start(
    struct exec *exec, const char *const *uris, void (*ended)(void *context), void *context)
{
    (void)exec;
    (void)uris;
    (void)ended;
    (void)context;
    return true;
}

int exec_end(struct exec *exec)
{
    (void)exec;
    return 0;
}
