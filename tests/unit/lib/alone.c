/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "../child.h"
#include "alone.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char alone_said[ALONE_TEXT_MAX];

int alone_run(void (*function)(void))
{
    FILE *output = tmpfile();
    size_t length;
    int status;
    pid_t child;

    assert_non_null(output);
    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
        dup2(fileno(output), STDERR_FILENO);
        alarm(ALONE_SECONDS);
        function();
        child_exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    rewind(output);
    length = fread(alone_said, 1, sizeof alone_said - 1, output);
    alone_said[length] = 0;
    fclose(output);
    return status;
}

void alone_expect_abort(void (*function)(void), const char *line)
{
    int status = alone_run(function);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("status %#x and not SIGABRT, for \"%s\"; it said \"%s\"", (unsigned)status, line,
            alone_said);
    if (!strstr(alone_said, line))
        fail_msg("\"%s\" and not \"%s\"", alone_said, line);
}
