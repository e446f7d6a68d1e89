/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvtest --list          the names
 * drvtest [--from NAME]   all, or from that one on; stops at the first that fails
 * drvtest NAME            one; also of those that need settings of their own, which are not listed
 * drvtest --child NAME X  part of a test, in another process
 * drvtest --COMMAND X     see commands.c
 */

#include "client.h"

const struct test *const groups[] = { ioctl_tests, transact_tests, process_tests, scsi_tests,
    error_tests, reset_tests, disk_tests, large_tests, double_tests };
const unsigned group_count = sizeof(groups) / sizeof(*groups);
static const struct test *const others[] = { timeout_tests };

static void open_or_exit(void)
{
    adapter = open_adapter();
    if (adapter != INVALID_HANDLE_VALUE)
        return;
    printf("# the adapter cannot be opened: error %lu\n", GetLastError());
    fflush(stdout);
    ExitProcess(3);
}

static void begin(void)
{
    open_or_exit();
    hold_lifetime();
}

static void wait_for_nobody(void)
{
    DWORD bytes = 0;
    UINT32 list[256];

    double_number(DOUBLE_IOCTL_KEEP_GONE, FALSE);
    double_number(DOUBLE_IOCTL_SILENT, FALSE);
    /* The units of a process that failed go away soon after it; and the port driver sees later
     * that one is gone, and lets nothing through to a disk until then. */
    WAIT_UNTIL(!list_units(list, sizeof(list), &bytes) && !bytes && double_state().disks == 0);
}

int main(int argc, char **argv)
{
    int status;

    setvbuf(stdout, NULL, _IOFBF, 4096);
    if (argc == 4 && !strcmp(argv[1], "--child")) {
        open_or_exit();
        return process_child(argv[2], argv[3]);
    }
    if (argc == 3 && strcmp(argv[1], "--from")) {
        open_or_exit();
        return command(argv[1], argv[2]);
    }
    status = run_tests(groups, group_count, argc, argv, begin, wait_for_nobody);
    if (status == 2)
        status = run_tests(others, sizeof(others) / sizeof(*others), argc, argv, begin,
            wait_for_nobody);
    return status;
}
