/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The order of a start, and what becomes of the store when it ends before it serves. */

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <spd/program.h>

#include "../work.h"

static const spd_program program = {
    .name = "test", .summary = "A test.", .product_id = "Test",
};

static char directory[WORK_SHORT_MAX], uri[WORK_SHORT_MAX + 16];
static unsigned made, unmade;

static int read_zeros(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device;
    (void)lba;
    (void)flags;
    (void)status;
    memset(buffer, 0, (size_t)blocks * 512);
    return 0;
}

static const spd_ops ops = {.size = sizeof ops, .read = read_zeros};

static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count;
}

/* A signal comes at this moment, and the thread that shuts the unit down has done so. */
static int make_and_be_ended(void *context, const spd_params *params)
{
    unsigned before = count_threads();

    (void)context;
    (void)params;
    made++;
    raise(SIGTERM);
    while (count_threads() >= before)
        sched_yield();
    return 0;
}

static int make_fails(void *context, const spd_params *params)
{
    (void)context;
    (void)params;
    made++;
    return 42;
}

static void unmake(void *context)
{
    (void)context;
    unmade++;
}

static int run(int (*make)(void *context, const spd_params *params), const char *door)
{
    const char *words[] = {"test", "-c", "8", "-W", "0", "-U", "0", "-p", door, NULL};
    const spd_program_store store = {.make = make, .unmake = unmake};
    spd_program_options options;
    spd_program_disk disk;

    made = unmade = 0;
    assert_int_equal(spd_program_begin(&program, 9, (char **)(uintptr_t)words, &options, NULL), -1);
    spd_program_disk_init(&disk, &options, 0);
    disk.device = (spd_device){ &ops, NULL };
    disk.store = &store;
    return spd_program_run(&disk, 1);
}

static void signal_before_the_start_is_an_orderly_end(void **state)
{
    (void)state;
    assert_int_equal(run(make_and_be_ended, uri), 0);
    assert_int_equal(made, 1);
    assert_int_equal(unmade, 1);
}

static void failed_make_is_taken_back(void **state)
{
    (void)state;
    assert_int_equal(run(make_fails, uri), 42);
    assert_int_equal(made, 1);
    assert_int_equal(unmade, 1);
}

static void nothing_is_made_before_the_doors_are_bound(void **state)
{
    (void)state;
    assert_int_equal(run(make_fails, "nosuch:door"), SPD_PROGRAM_EXIT_USAGE);
    assert_int_equal(made, 0);
    assert_int_equal(unmade, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signal_before_the_start_is_an_orderly_end),
        cmocka_unit_test(failed_make_is_taken_back),
        cmocka_unit_test(nothing_is_made_before_the_doors_are_bound),
    };
    char folder[WORK_PATH_MAX];
    int fd, failed;

    if (!mkdtemp(work_template(folder, "start")))
        return 1;
    fd = work_shorten(directory, folder);
    snprintf(uri, sizeof uri, "unix:%s/s", directory);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(fd);
    rmdir(folder);
    return failed;
}
