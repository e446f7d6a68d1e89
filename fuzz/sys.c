/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The Windows driver: device controls and SRBs from arbitrary bytes, in any order. */

#include <stddef.h>
#include <stdint.h>

#include "play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    shim_play(data, size);
    return 0;
}
