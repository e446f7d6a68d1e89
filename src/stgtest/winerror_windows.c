/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/winerror.h"

/* Windows keeps all of it. */
int winerror_exit_status(int error)
{
    return error;
}
