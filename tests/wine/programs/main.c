/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvtest --list          the names
 * drvtest [--from NAME]   all, or from that one on; stops at the first that fails
 * drvtest NAME            one
 * drvtest --child NAME X  part of a test, in another process
 * drvtest --units N       the adapter has N targets
 * drvtest --find          the judge finds something
 */

#include "client.h"

static const struct test *const groups[] = { ioctl_tests, transact_tests, process_tests,
    scsi_tests, error_tests, reset_tests, disk_tests, double_tests };

static void wait_for_nobody(void)
{
    DWORD bytes = 0;
    UINT32 list[256];
    int tries = 500;

    /* The units of a process that failed go away soon after it. */
    while (--tries && (list_units(list, sizeof(list), &bytes) || bytes))
        Sleep(10);
    CHECK(tries);
}

static void run(const struct test *test)
{
    DWORD start = GetTickCount();

    printf("# %s\n", test->name);
    fflush(stdout);
    wait_for_nobody();
    test->run();
    printf("# %lu ms\nok - %s\n", GetTickCount() - start, test->name);
    fflush(stdout);
}

static int as_many_units(unsigned count)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 list[256], btl;
    DWORD bytes;
    unsigned i;

    hold_lifetime();
    for (i = 0; i < count; i++) {
        params.Guid.Data1 = i;
        CHECK_EQUAL(provision_good(&params), BTL(i));
    }
    params.Guid = guid_b;
    CHECK_EQUAL(provision(&params, &btl), ERROR_CANNOT_MAKE);
    CHECK_EQUAL(list_units(list, sizeof(list), &bytes), 0);
    CHECK_EQUAL(bytes, count * 4);
    scsi_ready(BTL(count - 1));
    return 0;
}

static int find(void)
{
    ULONG number = 0;

    CHECK_EQUAL(device_control(adapter, DOUBLE_IOCTL_FIND, &number, 4, &number, 4, NULL), 0);
    return 0;
}

int main(int argc, char **argv)
{
    BOOL from = argc == 3 && !strcmp(argv[1], "--from");
    const char *wanted = from ? argv[2] : argc == 2 ? argv[1] : NULL;
    BOOL running = !wanted, list = wanted && !strcmp(wanted, "--list");
    const struct test *test;
    unsigned i;

    setvbuf(stdout, NULL, _IOFBF, 4096);
    if (!list) {
        adapter = open_adapter();
        if (adapter == INVALID_HANDLE_VALUE) {
            printf("# the adapter cannot be opened: error %lu\n", GetLastError());
            return 3;
        }
    }
    if (argc == 4 && !strcmp(argv[1], "--child"))
        return process_child(argv[2], argv[3]);
    if (argc == 3 && !strcmp(argv[1], "--units"))
        return as_many_units((unsigned)atoi(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "--find"))
        return find();
    if (!list)
        hold_lifetime();
    for (i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        for (test = groups[i]; test->name; test++) {
            if (list) {
                printf("%s\n", test->name);
                continue;
            }
            if (wanted && !strcmp(test->name, wanted))
                running = TRUE;
            if (running)
                run(test);
            if (running && wanted && !from)
                return 0;
        }
    }
    return 0;
}
