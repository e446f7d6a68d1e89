/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "said.h"

#include "../../wine/programs/check.h"

void check(bool ok, const char *text, const char *file, int line)
{
    if (!ok)
        fail(file, line, "%s (error %lu)", text, GetLastError());
}
