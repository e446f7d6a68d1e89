/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Windows gives a process its account when it is made, so there is nothing to give up later: a
 * service runs as the account that its manager names. */

#include "confine.h"

bool confine_check(const spd_program_options *options)
{
    if (!options->user && !options->group && !options->sandbox)
        return true;
    spd_program_error(options->program,
        "--user, --group and --sandbox are not for Windows: start the program as another account");
    return false;
}

bool confine_user(const spd_program_options *options)
{
    (void)options;
    return true;
}

bool confine_calls(const spd_program_options *options, const char *const *uris)
{
    (void)options;
    (void)uris;
    return true;
}
