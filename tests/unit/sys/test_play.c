/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Random interleavings of everything that can happen, from seeds, on one thread. */

#include "rig.h"

#include "play.h"

enum { LENGTH = 6000 };

/* Known weakness 21 is among what the shim judges: copies and completions with a lock held. */
static void test_any_interleaving_keeps_the_rules(void **state)
{
    static uint8_t bytes[LENGTH];

    (void)state;
    for (uint64_t seed = 1; seed <= PLAYS; seed++) {
        uint64_t x = seed * 0x9e3779b97f4a7c15;

        for (size_t i = 0; i < LENGTH; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bytes[i] = (uint8_t)(x >> 32);
        }
        shim_play(bytes, LENGTH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_interleaving_keeps_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
