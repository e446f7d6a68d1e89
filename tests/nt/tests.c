/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The suites of the driver, without winspd-tests, which needs Win32. */

#include "../wine/programs/client.h"
#include "main.h"

const struct test *const groups[] = { ioctl_tests, transact_tests, batch_tests, process_tests,
    scsi_tests, error_tests, reset_tests, disk_tests, large_tests, exchange_tests,
    double_tests };
const unsigned group_count = sizeof groups / sizeof *groups;

/* Nothing is skipped: where the double does not own the disks, the stages name what can run. */
void skip(const char *format, ...)
{
    fail(__FILE__, __LINE__, "%s", format);
}

static const struct test *find(const char *name)
{
    const struct test *test;
    unsigned i;

    for (i = 0; i < group_count; i++)
        for (test = groups[i]; test->name; test++)
            if (!strcmp(test->name, name))
                return test;
    return NULL;
}

static int run_test(const char *name)
{
    const struct test *test = find(name);
    DWORD start = GetTickCount();

    if (!test)
        return CHILD_UNKNOWN;
    printf("# %s\n", name);
    driver_begin();
    driver_before();
    test->run();
    printf("# %lu ms\nok - %s\n", GetTickCount() - start, name);
    fflush(stdout);
    return 0;
}

int tests_main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "--child"))
        return process_child(argv[2], argv[3]);
    return argc == 2 ? run_test(argv[1]) : CHILD_UNKNOWN;
}
