/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Two pipes lead to the process that runs the command. It gets the environment by one of them, and
 * then learns of the server's end from it. It sends the command's wait status by the other one. So
 * the server needs no system calls here that --sandbox refuses.
 */

#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_COMMAND = 127 };

struct exec {
    const spd_program *program;
    int orders, reports; /* the server's ends of the pipes */
    pid_t pid;
    void (*ended)(void *context);
    void *context;
    pthread_t thread;
    bool started;
    atomic_bool has_ended;
    int status; /* as of waitpid(), when it has ended */
};

/* The process beside the server. */

static void take_signal(int number)
{
    (void)number; /* it only ends ppoll() */
}

static void close_others(int one, int other)
{
    long limit = sysconf(_SC_OPEN_MAX);

    for (int fd = STDERR_FILENO + 1; fd < (limit < 0 ? 1024 : limit); fd++)
        if (fd != one && fd != other)
            close(fd);
}

static bool read_all(int fd, void *bytes, size_t length)
{
    char *at = bytes;

    while (length) {
        ssize_t count = read(fd, at, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

static bool write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        ssize_t count = write(fd, at, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

/* The server sends a number of texts, each with its length. False: it has ended. */
static bool read_environment(int orders)
{
    uint32_t count, length;

    if (!read_all(orders, &count, sizeof count))
        return false;
    while (count--) {
        char *text;

        if (!read_all(orders, &length, sizeof length) || !(text = calloc(1, (size_t)length + 1)) ||
            !read_all(orders, text, length) || putenv(text) != 0)
            return false;
    }
    return true;
}

static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void ignore_signals(void (*handler)(int number))
{
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], handler);
}

/* Without a terminal the command and its own children are a group, which is ended together. */
static pid_t run_command(const char *command, const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    ignore_signals(SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (!isatty(STDIN_FILENO))
        setpgid(0, 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(EXIT_NO_COMMAND);
}

static void end_command(pid_t pid)
{
    if (kill(-pid, SIGTERM) != 0)
        kill(pid, SIGTERM);
}

/* Until the command has ended, or the server. */
static int watch_command(pid_t pid, int orders, const sigset_t *unblocked)
{
    struct pollfd server = { .fd = orders };
    bool tells = true;
    int status;

    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (ppoll(&server, tells, NULL, unblocked) <= 0)
            continue;
        tells = false;
        end_command(pid);
    }
    return status;
}

static void run_beside(const char *command, int orders, int reports)
{
    struct sigaction action = { .sa_handler = take_signal };
    sigset_t child, before;
    pid_t pid;
    int status;

    close_others(orders, reports);
    ignore_signals(SIG_IGN);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    if (!read_environment(orders))
        return;
    pid = run_command(command, &before);
    status = pid < 0 ? EXIT_NO_COMMAND << 8 : watch_command(pid, orders, &before);
    write_all(reports, &status, sizeof status);
}

/* The server. */

static void *wait_command(void *argument)
{
    struct exec *exec = argument;

    if (!read_all(exec->reports, &exec->status, sizeof exec->status))
        exec->status = EXIT_NO_COMMAND << 8;
    atomic_store(&exec->has_ended, true);
    exec->ended(exec->context);
    return NULL;
}

static void close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static bool make_pipes(int orders[2], int reports[2])
{
    if (pipe2(orders, O_CLOEXEC) != 0)
        return false;
    if (pipe2(reports, O_CLOEXEC) == 0)
        return true;
    close_pair(orders);
    return false;
}

static bool fork_beside(struct exec *exec, const char *command)
{
    int orders[2], reports[2];

    if (!make_pipes(orders, reports))
        return false;
    exec->pid = fork();
    if (exec->pid == 0) {
        run_beside(command, orders[0], reports[1]);
        _exit(0);
    }
    if (exec->pid < 0) {
        close_pair(orders);
        close_pair(reports);
        return false;
    }
    close(orders[0]);
    close(reports[1]);
    exec->orders = orders[1];
    exec->reports = reports[0];
    return true;
}

bool exec_begin(const spd_program_options *options, struct exec **result)
{
    struct exec *exec;

    *result = NULL;
    if (!options->exec)
        return true;
    exec = calloc(1, sizeof *exec);
    if (!exec || !fork_beside(exec, options->exec)) {
        spd_program_error(options->program, "--exec: cannot make a process: %s", strerror(errno));
        free(exec);
        return false;
    }
    exec->program = options->program;
    *result = exec;
    return true;
}

/* NAME=each of them, separated by spaces. */
static bool send_list(int fd, const char *name, const char *const *uris, bool devices, bool first)
{
    size_t room = strlen(name) + 2;
    uint32_t length;
    char *text;
    bool sent;

    for (const char *const *at = uris; *at; at++)
        room += strlen(*at) + 1;
    text = calloc(1, room);
    if (!text)
        return false;
    length = (uint32_t)snprintf(text, room, "%s=", name);
    for (bool found = false; *uris && !(found && first); uris++) {
        if (devices && strncmp(*uris, "/dev/", strlen("/dev/")) != 0)
            continue;
        length += (uint32_t)snprintf(text + length, room - length, "%s%s", found ? " " : "", *uris);
        found = true;
    }
    sent = write_all(fd, &length, sizeof length) && write_all(fd, text, length);
    free(text);
    return sent;
}

bool exec_start(
    struct exec *exec, const char *const *uris, void (*ended)(void *context), void *context)
{
    uint32_t count = 4;
    int error;

    if (!exec)
        return true;
    exec->ended = ended;
    exec->context = context;
    if (!write_all(exec->orders, &count, sizeof count) ||
        !send_list(exec->orders, "SPD_DEVICE", uris, true, true) ||
        !send_list(exec->orders, "SPD_DEVICES", uris, true, false) ||
        !send_list(exec->orders, "SPD_URI", uris, false, true) ||
        !send_list(exec->orders, "SPD_URIS", uris, false, false)) {
        spd_program_error(exec->program, "--exec: the process for the command is gone");
        return false;
    }
    error = pthread_create(&exec->thread, NULL, wait_command, exec);
    if (error)
        spd_program_error(exec->program, "--exec: cannot make a thread: %s", strerror(error));
    exec->started = !error;
    return !error;
}

int exec_end(struct exec *exec)
{
    bool by_itself;
    int status = 0;

    if (!exec)
        return 0;
    by_itself = atomic_load(&exec->has_ended);
    close(exec->orders);
    if (exec->started)
        pthread_join(exec->thread, NULL);
    close(exec->reports);
    if (by_itself)
        status = WIFSIGNALED(exec->status) ? 128 + WTERMSIG(exec->status)
                                           : WEXITSTATUS(exec->status);
    free(exec);
    return status;
}
