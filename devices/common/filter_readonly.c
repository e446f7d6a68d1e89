/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* readonly: the disk is write-protected, and the image below is not. The engine and the doors do
 * all of it, as for --write-allowed 0: there is nothing to do for a request. */

#include "filter.h"

const struct filter_type filter_readonly = {
    .name = "readonly",
    .help = "initiators may not write, and learn it",
    .size = sizeof(struct filter),
    .flags = SPD_WRITE_PROTECTED,
};
