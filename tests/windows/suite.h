/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The tables of winspd-tests. A test is a row, a suite is a list of rows with what they share. A
 * suite of the driver runs under Wine, whose port driver is our double, and on Windows. Rows that
 * only one of the two can run say so; the other skips them with the reason.
 */

#ifndef WINDOWS_SUITE_H
#define WINDOWS_SUITE_H

enum {
    NEEDS_DOUBLE = 1,    /* what only the StorPort double reports, or does when it is asked */
    NEEDS_WINDOWS = 2,   /* disks, volumes and a port driver of Windows */
    NEEDS_NO_DRIVER = 4,
    ONLY_BY_NAME = 8,    /* runs when an argument +NAME asks for it */
    NEEDS_LAUNCHER = 16, /* its service is installed */
    NEEDS_RIGHTS = 32,   /* a launcher that knows its clients and sends CTRL_BREAK: no shipped one
                            does under Wine, so that launcher-test has to be the service */
};

/* The last row has no name. Names are unique in the whole program. */
struct test {
    const char *name;
    void (*run)(void);
    const char *original; /* the original's name of it; NULL: it has no such test */
    unsigned needs;       /* of the above */
};

struct suite {
    const char *name; /* not unique */
    const struct test *tests;
    int of_driver;         /* it opens the adapter */
    void (*begin)(void);   /* once, before the first of its tests; NULL: nothing */
    void (*before)(void);  /* before each test; NULL: nothing */
    void (*after)(void);   /* after each test that passed or was skipped; NULL: nothing */
    unsigned needs;        /* of all its tests */
};

/* The exit status of a test in a process of its own, or of a child that is a part of one. */
enum {
    CHILD_UNKNOWN = 2,  /* there is no such test, or child */
    CHILD_SKIPS = 77,   /* it cannot run here: the reason is in what it printed */
};

/* Ends the test that runs: it cannot run here. */
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
