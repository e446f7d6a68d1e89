/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The thread of an instance: it alone starts its processes and sees them end. */

#include "launcher/instance.h"

#include "launcher/log.h"
#include "launcher/persist.h"

#include <stdio.h>

enum {
    NAME_MAX = 256,        /* characters of an instance in event records */
    DELAY_MAX_S = 300,     /* delays double up to this, or to the class's delay if that is longer */
    STEADY_MS = 60 * 1000, /* a server that ran so long begins a new row of crashes */
};

struct ward {
    struct instance *instance;
    wchar_t name[NAME_MAX];
    DWORD in_a_row; /* restarts */
};

/* Under the lock. */
static void publish(struct instance *instance, enum instance_state state)
{
    instance->state = state;
    instance_changed();
}

static DWORD start_process(struct ward *ward)
{
    struct instance *instance = ward->instance;
    struct process process;
    DWORD error = process_start(
        &instance->start.values, instance->command_line, ward->name, &process);

    if (error)
        return error;
    /* It happens before a stop can come, which forgets the instance. */
    if (instance->state == INSTANCE_STARTING && instance->start.values.persistent)
        persist_store(&instance->start);
    instance_lock();
    instance->process = process;
    instance->since = GetTickCount64();
    publish(instance, INSTANCE_RUNNING);
    instance_unlock();
    return 0;
}

/* Returns when its process has gone and nobody is about to stop it: its exit code. */
static DWORD await_end(struct instance *instance, bool *killed)
{
    HANDLE events[] = { instance->process.handle, instance->kill };
    struct process process;

    if (WaitForMultipleObjects(2, events, FALSE, INFINITE) == WAIT_OBJECT_0 + 1)
        process_end(&instance->process);
    instance_lock();
    while (instance->stopping)
        instance_wait();
    *killed = instance->killed;
    process = instance->process;
    instance->process = (struct process){ 0 };
    publish(instance, INSTANCE_WAITING);
    instance_unlock();
    return process_forget(&process);
}

static DWORD delay_of(const struct class_values *values, DWORD in_a_row)
{
    DWORD most = values->restart_delay > DELAY_MAX_S ? values->restart_delay : DELAY_MAX_S;
    DWORD delay = values->restart_delay;

    while (in_a_row-- > 0 && delay < most)
        delay *= 2;
    return delay < most ? delay : most;
}

/* After a crash, when it has to start again: whether nobody stopped it meanwhile. */
static bool await_restart(struct ward *ward, DWORD exit_code)
{
    const struct class_values *values = &ward->instance->start.values;
    DWORD delay = delay_of(values, ward->in_a_row);

    if (ward->in_a_row >= values->restart_limit) {
        log_write(EVENTLOG_ERROR_TYPE,
            L"%ls: has ended with exit code %lu, and is given up after %lu restarts in a row",
            ward->name, exit_code, ward->in_a_row);
        return false;
    }
    log_write(EVENTLOG_WARNING_TYPE,
        L"%ls: has ended with exit code %lu, and is started again in %lu s (restart %lu of %lu)",
        ward->name, exit_code, delay, ward->in_a_row + 1, values->restart_limit);
    ward->in_a_row++;
    return WaitForSingleObject(ward->instance->kill, delay * 1000) == WAIT_TIMEOUT;
}

/* A process that ends with an error and that nobody has stopped. Whether another one runs. */
static bool restart(struct ward *ward, DWORD exit_code)
{
    struct instance *instance = ward->instance;
    wchar_t text[LOG_ERROR_MAX];
    DWORD error;

    if (GetTickCount64() - instance->since >= STEADY_MS)
        ward->in_a_row = 0;
    while (await_restart(ward, exit_code)) {
        error = start_process(ward);
        if (!error) {
            instance_lock();
            instance->restarts++;
            instance_unlock();
            return true;
        }
        exit_code = error;
        log_write(EVENTLOG_WARNING_TYPE, L"%ls: cannot be started again: %ls", ward->name,
            log_error_text(error, text));
    }
    return false;
}

static void end(struct ward *ward, DWORD error)
{
    struct instance *instance = ward->instance;
    struct launch_volumes volumes;

    instance_lock();
    /* A thread that claimed it while there was nothing to wait for decides first. */
    while (instance->stopping)
        instance_wait();
    instance->error = error;
    volumes = instance->volumes;
    instance->volumes = (struct launch_volumes){ 0 };
    instance_remove(instance);
    instance_unlock();
    launch_volume_release(&volumes);
    instance_release(instance);
}

static void watch(struct ward *ward)
{
    DWORD exit_code;
    bool killed;

    do {
        exit_code = await_end(ward->instance, &killed);
        if (killed || exit_code == 0 || !ward->instance->start.values.restart) {
            log_write(killed || exit_code == 0 ? EVENTLOG_INFORMATION_TYPE : EVENTLOG_WARNING_TYPE,
                killed ? L"%ls: stopped, exit code %lu" : L"%ls: has ended with exit code %lu",
                ward->name, exit_code);
            return;
        }
    } while (restart(ward, exit_code));
}

DWORD WINAPI warden(void *argument)
{
    struct ward ward = { .instance = argument };
    const struct instance_start *start = &ward.instance->start;
    wchar_t text[LOG_ERROR_MAX];
    DWORD error;

    _snwprintf(ward.name, NAME_MAX - 1, L"%ls %ls", start->class_name, start->instance_name);
    error = start_process(&ward);
    if (error) {
        log_write(EVENTLOG_ERROR_TYPE, L"%ls: cannot be started: %ls", ward.name,
            log_error_text(error, text));
    } else {
        log_write(EVENTLOG_INFORMATION_TYPE, L"%ls: started, process %lu", ward.name,
            ward.instance->process.id);
        watch(&ward);
    }
    end(&ward, error);
    return 0;
}
