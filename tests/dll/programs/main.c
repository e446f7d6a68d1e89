/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "client.h"

int main(void)
{
    test_unit();
    test_dispatch();
    test_log();
    test_pipe();
    test_transport();
    test_spd();
    test_uri();
    return finished();
}
