/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A child of fork(), from its begin to its end with a status for its parent. Sanitizers want care
 * for both. Their allocator has locks, which fork() copies in any state. Their leak checker would
 * find memory in the child that only the threads of the parent knew. */

#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The thread runs, or is about to: proc_pid_stat(5) has S for one that waits. */
static inline bool child_thread_runs(const char *id)
{
    char path[64], state = 'S';
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", id);
    file = fopen(path, "r");
    if (file) { /* or it has ended */
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = 'S';
        fclose(file);
    }
    return state != 'S';
}

static inline bool child_others_run(void)
{
    char own[16];
    bool run = false;
    DIR *threads = opendir("/proc/self/task");

    snprintf(own, sizeof own, "%d", (int)gettid());
    for (struct dirent *entry; threads && !run && (entry = readdir(threads));)
        run = entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0 &&
            child_thread_runs(entry->d_name);
    if (threads)
        closedir(threads);
    return run;
}

/* fork() while all other threads wait for something. A thread that begins allocates: a child that
 * is forked meanwhile waits forever for the lock of ASan's allocator. */
static inline pid_t child_fork(void)
{
    while (child_others_run())
        usleep(1000);
    return fork();
}

/* It is another program's end, so no leak checker runs. */
static inline _Noreturn void child_exit(int status)
{
    char text[16];

    snprintf(text, sizeof text, "exit %d", status);
    execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

#endif
