/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "output.h"

bool output_same(struct output_file one, struct output_file other)
{
    return one.known && other.known && one.device == other.device && one.number == other.number;
}
