/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* There is no control socket on Windows yet. */

#include "control.h"

void control_open(const spd_program_options *options)
{
    if (options->control)
        spd_program_error(options->program, "--control: there is no control socket on Windows");
}

void control_start(struct control_disks *disks)
{
    (void)disks;
}

void control_close(void)
{
}
