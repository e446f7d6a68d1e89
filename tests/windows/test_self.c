/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Tests by which the harness sees that a failure is one, and a skip none. */

#include "../wine/programs/check.h"

static void it_fails(void)
{
    CHECK_EQUAL(1 + 1, 3);
}

static void it_is_skipped(void)
{
    skip("it asks for %s", "that");
}

static void it_passes(void)
{
    CHECK_EQUAL(1 + 1, 2);
}

const struct test self_tests[] = {
    { "self: passes", it_passes, .needs = ONLY_BY_NAME },
    { "self: is skipped", it_is_skipped, .needs = ONLY_BY_NAME },
    { "self: fails", it_fails, .needs = ONLY_BY_NAME },
    { "self: passes again", it_passes, .needs = ONLY_BY_NAME },
    { 0 }
};
