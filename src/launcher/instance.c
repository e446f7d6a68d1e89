/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/instance.h"

#include "launcher/log.h"
#include "launcher/persist.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static struct instance *instances;
static bool closing;

void instance_lock(void)
{
    AcquireSRWLockExclusive(&lock);
}

void instance_unlock(void)
{
    ReleaseSRWLockExclusive(&lock);
}

void instance_changed(void)
{
    WakeAllConditionVariable(&changed);
}

void instance_wait(void)
{
    SleepConditionVariableSRW(&changed, &lock, INFINITE, 0);
}

static void destroy(struct instance *instance)
{
    struct instance_start *start = &instance->start;

    free(start->class_name);
    free(start->instance_name);
    for (size_t i = 0; i < start->argument_count; i++)
        free(start->arguments[i]);
    LocalFree(start->security);
    free(instance->command_line);
    if (instance->kill)
        CloseHandle(instance->kill);
    free(instance);
}

void instance_release(struct instance *instance)
{
    bool last;

    if (!instance)
        return;
    instance_lock();
    last = --instance->references == 0;
    instance_unlock();
    if (last)
        destroy(instance);
}

static bool copy_strings(struct instance *instance, const struct instance_start *start)
{
    bool good;

    instance->start.class_name = _wcsdup(start->class_name);
    instance->start.instance_name = _wcsdup(start->instance_name);
    good = instance->start.class_name && instance->start.instance_name;
    for (size_t i = 0; i < start->argument_count; i++) {
        instance->start.arguments[i] = _wcsdup(start->arguments[i]);
        good = good && instance->start.arguments[i];
    }
    return good;
}

static DWORD expand(struct instance *instance)
{
    const struct instance_start *start = &instance->start;
    wchar_t *line = malloc(LAUNCH_COMMAND_LINE_MAX * sizeof *line);
    const wchar_t *arguments[LAUNCH_ARGUMENTS_MAX];

    if (!line)
        return ERROR_NOT_ENOUGH_MEMORY;
    memcpy(arguments, start->arguments, sizeof arguments);
    instance->command_line = line;
    return launch_command_line(start->values.command_line, start->values.executable,
               start->argument_count, arguments, line)
               ? 0
               : ERROR_FILENAME_EXCED_RANGE;
}

/* It has two references: the caller's and the warden's. */
static DWORD create(const struct instance_start *start, struct instance **result)
{
    struct instance *instance = calloc(1, sizeof *instance);
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;

    if (!instance) {
        LocalFree(start->security);
        return error;
    }
    instance->start.security = start->security;
    instance->start.argument_count = start->argument_count;
    instance->start.values = start->values;
    instance->references = 2;
    instance->kill = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (instance->kill && copy_strings(instance, start))
        error = expand(instance);
    if (error)
        destroy(instance);
    else
        *result = instance;
    return error;
}

/* As the registry has it. */
static int compare(const wchar_t *name, const wchar_t *other)
{
    return CompareStringOrdinal(name, -1, other, -1, TRUE) - CSTR_EQUAL;
}

int instance_compare(
    const struct instance *instance, const wchar_t *class_name, const wchar_t *instance_name)
{
    int order = compare(instance->start.class_name, class_name);

    return order ? order : compare(instance->start.instance_name, instance_name);
}

static struct instance *find(const wchar_t *class_name, const wchar_t *instance_name)
{
    struct instance *instance = instances;

    while (instance && instance_compare(instance, class_name, instance_name))
        instance = instance->next;
    return instance;
}

static DWORD insert(struct instance *instance)
{
    const struct instance_start *start = &instance->start;
    DWORD error = 0;

    instance_lock();
    if (closing)
        error = ERROR_SHUTDOWN_IN_PROGRESS;
    else if (find(start->class_name, start->instance_name))
        error = LAUNCH_ERROR_ALREADY;
    if (!error) {
        instance->next = instances;
        instances = instance;
    }
    instance_unlock();
    return error;
}

void instance_remove(struct instance *instance)
{
    struct instance **link = &instances;

    while (*link != instance)
        link = &(*link)->next;
    *link = instance->next;
    instance->state = INSTANCE_ENDED;
    instance_changed();
}

/* The outcome of its first process. */
static DWORD wait_for_start(struct instance *instance)
{
    DWORD error;

    instance_lock();
    while (instance->state == INSTANCE_STARTING)
        instance_wait();
    error = instance->error;
    instance_unlock();
    return error;
}

DWORD instance_start(const struct instance_start *start)
{
    struct instance *instance;
    DWORD error = create(start, &instance);
    HANDLE thread;

    if (error)
        return error;
    error = insert(instance);
    if (error) {
        destroy(instance);
        return error;
    }
    thread = CreateThread(NULL, 0, warden, instance, 0, NULL);
    if (thread) {
        CloseHandle(thread);
        error = wait_for_start(instance);
    } else {
        error = GetLastError();
        instance_lock();
        instance->references--;
        instance_remove(instance);
        instance_unlock();
    }
    instance_release(instance);
    return error;
}

struct instance *instance_find(const wchar_t *class_name, const wchar_t *instance_name)
{
    struct instance *instance;

    instance_lock();
    instance = find(class_name, instance_name);
    if (instance)
        instance->references++;
    instance_unlock();
    return instance;
}

struct instance *instance_find_process(DWORD process_id)
{
    struct instance *instance;

    instance_lock();
    instance = instances;
    while (instance && (!instance->process.handle || instance->process.id != process_id))
        instance = instance->next;
    if (instance)
        instance->references++;
    instance_unlock();
    return instance;
}

static int in_order(const void *one, const void *other)
{
    const struct instance *second = *(struct instance *const *)other;

    return instance_compare(
        *(struct instance *const *)one, second->start.class_name, second->start.instance_name);
}

struct instance **instance_all(size_t *count)
{
    struct instance **all, *instance;
    size_t most = 0;

    instance_lock();
    for (instance = instances; instance; instance = instance->next)
        most++;
    all = malloc((most + 1) * sizeof(struct instance *));
    *count = 0;
    for (instance = instances; all && instance; instance = instance->next) {
        instance->references++;
        all[(*count)++] = instance;
    }
    instance_unlock();
    if (all)
        qsort(all, *count, sizeof *all, in_order);
    return all;
}

struct instance_status instance_status(struct instance *instance)
{
    struct instance_status status = { 0 };

    instance_lock();
    status.restarts = instance->restarts;
    if (instance->process.handle) {
        status.process_id = instance->process.id;
        status.uptime = (GetTickCount64() - instance->since) / 1000;
    }
    instance_unlock();
    return status;
}

/* The lock is held. Whether it can still be stopped, by this caller alone. */
static bool claim(struct instance *instance)
{
    while (instance->state == INSTANCE_STARTING || instance->stopping)
        instance_wait();
    if (instance->killed || instance->state == INSTANCE_ENDED)
        return false;
    instance->stopping = true;
    return true;
}

static void tell_of_force(const struct instance *instance, const struct launch_volume *refused)
{
    log_write(EVENTLOG_WARNING_TYPE,
        L"%ls %ls: forced to stop although a program uses the volume %ls",
        instance->start.class_name, instance->start.instance_name, refused ? refused->path : L"?");
}

DWORD instance_stop(struct instance *instance, bool forced)
{
    const struct launch_volume *refused = NULL;
    struct launch_volumes volumes = { 0 };
    DWORD error = 0, process_id;

    instance_lock();
    if (!claim(instance)) {
        error = instance->killed ? 0 : LAUNCH_ERROR_NOT_FOUND;
        instance_unlock();
        return error;
    }
    process_id = instance->process.handle ? instance->process.id : 0;
    instance_unlock();

    if (process_id)
        error = launch_volume_find(LAUNCH_VOLUMES, process_id, &volumes);
    if (process_id && !error)
        error = launch_volume_lock(&volumes, &refused);
    if (error && forced) {
        tell_of_force(instance, refused);
        error = 0;
    }

    /* It happens before the end, after which the name is free for another stored instance. */
    if (!error)
        persist_forget(instance->start.class_name, instance->start.instance_name);

    instance_lock();
    if (!error) {
        instance->volumes = volumes;
        instance->killed = true;
        SetEvent(instance->kill);
    }
    instance->stopping = false;
    instance_changed();
    instance_unlock();
    if (error)
        launch_volume_release(&volumes);
    return error;
}

bool instance_stop_all(DWORD milliseconds)
{
    ULONGLONG end = GetTickCount64() + milliseconds, now;
    bool gone;

    instance_lock();
    closing = true;
    for (struct instance *instance = instances; instance; instance = instance->next) {
        instance->killed = true;
        SetEvent(instance->kill);
    }
    while (instances && (now = GetTickCount64()) < end)
        SleepConditionVariableSRW(&changed, &lock, (DWORD)(end - now), 0);
    gone = !instances;
    instance_unlock();
    return gone;
}
