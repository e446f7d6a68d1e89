/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rawdisk/identity.h"

static char message[IDENTITY_MESSAGE_MAX];

enum { HERE = 7 };

/* machine 0: it has no identity. */
static struct state about(uint8_t machine, uint64_t inode, uint64_t birth, const char *device)
{
    struct state state = {.guid = {1}, .machine = {machine}, .inode = inode, .birth = birth};

    snprintf(state.device, sizeof state.device, "%s", device);
    return state;
}

static void state_file_of_something_else_is_refused(void **unused)
{
    static const struct {
        uint8_t machine;
        uint64_t inode, birth;
        const char *device, *difference; /* NULL: none */
    } found[] = {
        {HERE, 12, 34, "disk", NULL},
        {HERE, 0, 0, "", NULL},
        {HERE, 12, 0, "", NULL},
        {HERE + 1, 12, 34, "disk", "another machine"},
        {0, 12, 34, "disk", "another machine"},
        {HERE, 13, 34, "disk", "inode 13, and this is 12"},
        {HERE, 12, 35, "disk", "made at another time"},
        {HERE, 12, 34, "other", "other, and this is disk"},
    };
    struct state now = about(HERE, 12, 34, "disk");

    (void)unused;
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        struct state state =
            about(found[i].machine, found[i].inode, found[i].birth, found[i].device);
        struct identity_case which = {.found = &state, .now = &now, .path = "disk.spdstate"};
        enum identity_choice choice = identity_choose(&which, message);

        assert_int_equal(choice, found[i].difference ? IDENTITY_REFUSED : IDENTITY_KEPT);
        assert_true(!found[i].difference || strstr(message, found[i].difference));
        assert_true(!found[i].difference || strstr(message, "--adopt"));
        which.adopt = true;
        assert_int_equal(identity_choose(&which, message), IDENTITY_KEPT);
        which.adopt = false;
        which.renew = true;
        assert_int_equal(identity_choose(&which, message), IDENTITY_RANDOM);
        which.renew = false;
        which.given = true;
        assert_int_equal(identity_choose(&which, message), IDENTITY_GIVEN);
    }
}

static void without_a_state_file_the_machine_decides(void **unused)
{
    struct state now = about(HERE, 12, 34, "");
    struct identity_case which = {.now = &now, .path = "disk.spdstate"};

    (void)unused;
    assert_int_equal(identity_choose(&which, message), IDENTITY_DERIVED);
    now.machine[0] = 0;
    assert_int_equal(identity_choose(&which, message), IDENTITY_RANDOM);
    which.adopt = true;
    assert_int_equal(identity_choose(&which, message), IDENTITY_REFUSED);
    assert_non_null(strstr(message, "no state file disk.spdstate"));
}

static void new_image_does_not_take_the_place_of_another(void **unused)
{
    struct state state = about(HERE, 12, 34, ""), now = about(HERE, 0, 0, "");
    struct identity_case which = {
        .found = &state, .now = &now, .path = "disk.spdstate", .missing = true
    };

    (void)unused;
    assert_int_equal(identity_choose(&which, message), IDENTITY_RANDOM);
    assert_non_null(strstr(message, "--guid 01000000-"));
    which.named = true;
    assert_int_equal(identity_choose(&which, message), IDENTITY_REFUSED);
    assert_non_null(strstr(message, "not mounted"));
    which.renew = true;
    assert_int_equal(identity_choose(&which, message), IDENTITY_RANDOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_file_of_something_else_is_refused),
        cmocka_unit_test(without_a_state_file_the_machine_decides),
        cmocka_unit_test(new_image_does_not_take_the_place_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
