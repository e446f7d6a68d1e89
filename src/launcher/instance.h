/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Instances: servers that the launcher has started and whose end it has not seen. A class and name,
 * in any case of their letters, have one instance. It lives from the moment that somebody starts it
 * until its process has gone for good.
 *
 * Each has a thread (warden.c) that starts its process, waits for it, starts it again after a crash
 * where its class says so, and ends it. Other threads set a request under a lock and wait for that
 * thread. So the same few states cover two starts of a name, a start beside a stop, an exit in the
 * middle of a stop and a stop of the service. Functions are called by any thread.
 */

#ifndef LAUNCHER_INSTANCE_H
#define LAUNCHER_INSTANCE_H

#include <stdbool.h>

#include "launch/volume.h"
#include "launcher/class.h"
#include "launcher/process.h"

enum instance_state {
    INSTANCE_STARTING, /* its first process is being made */
    INSTANCE_RUNNING,
    INSTANCE_WAITING, /* it has crashed, and is about to be started again */
    INSTANCE_ENDED,   /* in no list any more */
};

/* The parameters of its start: they never change; each holder of a reference may read them. */
struct instance_start {
    wchar_t *class_name, *instance_name; /* for their length: launch/protocol.h */
    size_t argument_count;
    wchar_t *arguments[LAUNCH_ARGUMENTS_MAX];
    PSECURITY_DESCRIPTOR security; /* the rights of users over it */
    struct class_values values;
};

struct instance {
    struct instance_start start;
    wchar_t *command_line;

    /* The rest belongs to the lock of the table. */
    struct instance *next;
    unsigned references;
    enum instance_state state;
    DWORD error;            /* the reason why the first process was not made */
    bool stopping;          /* a client is about to decide whether it ends */
    bool killed;            /* it is to end */
    HANDLE kill;            /* event: killed */
    struct process process; /* its warden writes it */
    ULONGLONG since;        /* GetTickCount64() of its process's start */
    DWORD restarts;
    struct launch_volumes volumes; /* locked until its process has gone */
};

/* Starts a server. class_name, instance_name and the rest of start are copied, but for security,
 * which is the instance's (LocalFree) whatever is returned. 0 when its process runs; else Win32's
 * error: LAUNCH_ERROR_ALREADY, ERROR_SHUTDOWN_IN_PROGRESS, CreateProcess()'s. */
DWORD instance_start(const struct instance_start *start);

/* A reference, or NULL; the caller releases it. */
struct instance *instance_find(const wchar_t *class_name, const wchar_t *instance_name);
struct instance *instance_find_process(DWORD process_id);
void instance_release(struct instance *instance);

/* A reference to each, in the order of their names; the caller releases them and free()s the array.
 * NULL: no memory. */
struct instance **instance_all(size_t *count);

/* Below, at or above 0: its names come before these, are these, or come behind them. The case of
 * letters does not count. */
int instance_compare(
    const struct instance *instance, const wchar_t *class_name, const wchar_t *instance_name);

/* Locks its volumes and has it end. Returns 0 when the end has begun; LAUNCH_ERROR_IN_USE: a
 * program uses a volume (never when forced), LAUNCH_ERROR_NOT_FOUND: it has ended by itself. */
DWORD instance_stop(struct instance *instance, bool forced);

/* How it is now. */
struct instance_status {
    DWORD process_id; /* 0: no process, or none yet */
    DWORD restarts;
    ULONGLONG uptime; /* seconds */
};
struct instance_status instance_status(struct instance *instance);

/* Ends all instances, even with volumes in use, and lets no other begin; waits for them, at most
 * that long. Whether all have gone. */
bool instance_stop_all(DWORD milliseconds);

/* For the warden: between these calls the caller has the table's lock. */
void instance_lock(void);
void instance_unlock(void);
/* Wakes waiters after a change. Wait for a change: unlocks meanwhile. */
void instance_changed(void);
void instance_wait(void);
/* It is in no list any more; its waiters are woken. */
void instance_remove(struct instance *instance);

/* warden.c: the thread of an instance; it has a reference, which it releases. */
DWORD WINAPI warden(void *instance);

#endif
