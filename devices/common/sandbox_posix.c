/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * --sandbox: a list of system calls, made of what every server needs and what its doors need. The
 * kernel holds back each call outside the list and asks a thread here, which refuses it with EPERM.
 * A refusal is an error that the caller can handle; a kill would lose the disk.
 *
 * The thread that answers does nothing else: a refused call of its own would wait for it for ever,
 * and a log or an allocation may end in one. So another thread logs the names of refused calls.
 */

#include "confine.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CALLS_MAX = 64, CALL_NUMBERS = 1024, ARENAS_MAX = 8 };

#define CALL(name) SCMP_SYS(name)

struct call_group {
    const char *scheme;   /* begins URIs of doors that need it; NULL: every server does */
    int calls[CALLS_MAX]; /* ended by 0, which is read() and in the first one */
};

static const struct call_group call_groups[] = {
    { NULL, {
        /* the image, whatever is printed */
        CALL(write), CALL(readv), CALL(writev), CALL(pread64), CALL(pwrite64), CALL(preadv),
        CALL(pwritev), CALL(preadv2), CALL(pwritev2), CALL(lseek), CALL(fsync), CALL(fdatasync),
        CALL(fallocate), CALL(fadvise64), CALL(fstat), CALL(newfstatat), CALL(statx), CALL(close),
        CALL(fcntl),
        /* memory */
        CALL(munmap), CALL(madvise), CALL(mremap), CALL(brk),
        /* threads, time, signals */
        CALL(futex), CALL(set_robust_list), CALL(rseq), CALL(exit), CALL(exit_group),
        CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(restart_syscall),
        CALL(getpid), CALL(gettid), CALL(tgkill), CALL(sched_yield), CALL(sched_getaffinity),
        CALL(clock_gettime), CALL(clock_nanosleep), CALL(gettimeofday), CALL(getrandom),
        CALL(prlimit64),
        /* waiting */
        CALL(poll), CALL(ppoll), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
        CALL(epoll_pwait), CALL(eventfd2), CALL(timerfd_create), CALL(timerfd_settime),
        /* the control socket */
        CALL(accept4), CALL(shutdown),
        /* the end, or a failed start, removes files: sockets, image, state file */
        CALL(unlink), CALL(unlinkat), CALL(ftruncate),
    } },
    { "iscsi:", {
        CALL(accept4), CALL(recvfrom), CALL(sendmsg), CALL(setsockopt), CALL(getpeername),
        CALL(getsockname), CALL(shutdown),
    } },
    { "nbd", { /* by TCP and Unix sockets, also with TLS */
        CALL(accept4), CALL(recvfrom), CALL(recvmsg), CALL(sendto), CALL(sendmsg),
        CALL(setsockopt), CALL(getsockopt), CALL(getpeername), CALL(getsockname), CALL(shutdown),
    } },
    { "/dev/ublkb", {
        CALL(io_uring_enter), CALL(io_uring_register),
    } },
    /* The start and the end of a disk are files and folders of the kernel. */
    { "tcmu:", {
        CALL(openat), CALL(getdents64), CALL(mkdir), CALL(rmdir), CALL(symlink),
    } },
    { "vhost-user-", {
        CALL(accept4), CALL(recvfrom), CALL(recvmsg), CALL(sendto), CALL(sendmsg),
        CALL(getsockopt), CALL(shutdown), CALL(memfd_create),
    } },
    { "unix:", {
        CALL(accept4), CALL(recvfrom), CALL(recvmsg), CALL(sendto), CALL(sendmsg),
        CALL(getsockopt), CALL(shutdown),
    } },
};

enum { GROUPS = sizeof call_groups / sizeof call_groups[0] };

static bool is_used(const struct call_group *group, const char *const *uris)
{
    if (!group->scheme)
        return true;
    for (; *uris; uris++)
        if (strncmp(*uris, group->scheme, strlen(group->scheme)) == 0)
            return true;
    return false;
}

/* Calls that the list allows in part, by their arguments. */
static int allow_parts(scmp_filter_ctx filter)
{
    int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(read), 0);

    /* Executable memory never comes after the start. */
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Threads, no processes. The newer call has its flags in memory, which the kernel cannot look
     * at; without it the C library takes the older one. */
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prctl), 1,
            SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    /* A server whose keys are gone wants to be dumpable again. It stays as it is. */
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), CALL(prctl), 1,
            SCMP_A0(SCMP_CMP_EQ, PR_SET_DUMPABLE));
    /* The thread below talks to the kernel by these. */
    for (unsigned i = 0; i < 3 && !error; i++) {
        static const unsigned long requests[] = { SECCOMP_IOCTL_NOTIF_RECV,
            SECCOMP_IOCTL_NOTIF_SEND, SECCOMP_IOCTL_NOTIF_ID_VALID };

        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
            SCMP_A1(SCMP_CMP_EQ, requests[i]));
    }
    return error;
}

static int fill(scmp_filter_ctx filter, const char *const *uris)
{
    int error = allow_parts(filter);

    for (const struct call_group *group = call_groups; group < call_groups + GROUPS; group++) {
        if (!is_used(group, uris))
            continue;
        for (const int *call = group->calls; *call && !error; call++)
            error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *call, 0);
    }
    return error;
}

static struct {
    const spd_program *program;
    int fd;
    struct seccomp_notif *call;
    struct seccomp_notif_resp *answer;
    atomic_bool refused[CALL_NUMBERS]; /* by number, save those that were logged */
    uint32_t arch;
    sem_t work; /* wakes the thread that logs */
} guard;

static void note(const struct seccomp_notif *call)
{
    static bool noted[CALL_NUMBERS];

    if (call->data.nr < 0 || call->data.nr >= CALL_NUMBERS || noted[call->data.nr])
        return;
    noted[call->data.nr] = true;
    atomic_store(&guard.refused[call->data.nr], true);
    sem_post(&guard.work);
}

static void *guard_main(void *argument)
{
    for (;;) {
        memset(guard.call, 0, sizeof *guard.call); /* the kernel asks for it */
        if (seccomp_notify_receive(guard.fd, guard.call) == 0) {
            *guard.answer = (struct seccomp_notif_resp){ .id = guard.call->id, .error = -EPERM };
            seccomp_notify_respond(guard.fd, guard.answer);
            note(guard.call);
        } else if (errno != EINTR && errno != ENOENT) { /* ENOENT: the asking thread is no more */
            break;
        }
    }
    /* Without this thread the kernel answers, with ENOSYS; nobody waits for ever. */
    close(guard.fd);
    return argument;
}

static void log_call(int number)
{
    char *name = seccomp_syscall_resolve_num_arch(guard.arch, number);

    spd_program_error(guard.program,
        "sandbox: the system call %s was refused; if the disk suffers, start without --sandbox",
        name ? name : "without a name");
    free(name);
}

static void *teller_main(void *argument)
{
    for (;;) {
        while (sem_wait(&guard.work) != 0)
            ;
        for (int i = 0; i < CALL_NUMBERS; i++)
            if (atomic_exchange(&guard.refused[i], false))
                log_call(i);
    }
    return argument;
}

/* They live as long as the process. */
static int start_threads(void)
{
    void *(*const mains[])(void *) = { guard_main, teller_main };
    sigset_t all, before;
    int error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < 2 && !error; i++) {
        pthread_t thread;

        error = pthread_create(&thread, NULL, mains[i], NULL);
        if (!error)
            pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int confine(const spd_program_options *options, const char *const *uris)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_NOTIFY);
    int error = filter ? 0 : -ENOMEM;

    guard.program = options->program;
    guard.arch = seccomp_arch_native();
    sem_init(&guard.work, 0, 0);
    /* Otherwise malloc() opens a file in /sys to learn the number of processors. */
    mallopt(M_ARENA_MAX, ARENAS_MAX);
    /* And another one in /proc before it gives back the end of a thread's heap. */
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    /* It asks the kernel for sizes by a call that is not on the list. */
    if (!error)
        error = seccomp_notify_alloc(&guard.call, &guard.answer);

    /* Calls of another processor mode, which no program here makes, do not kill either. */
    if (!error)
        error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    if (!error)
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!error)
        error = fill(filter, uris);
    if (!error)
        error = seccomp_load(filter);
    if (!error) {
        guard.fd = seccomp_notify_fd(filter);
        error = -start_threads();
    }
    seccomp_release(filter);
    return -error;
}

bool confine_calls(const spd_program_options *options, const char *const *uris)
{
    int error = options->sandbox ? confine(options, uris) : 0;

    if (error)
        spd_program_error(options->program,
            "--sandbox: the system refused it (%s); it needs Linux 5.7 or later and seccomp, which "
            "some containers lack: leave it out there", strerror(error));
    return error == 0;
}
