/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/command.h"

#include "launch/text.h"
#include "launcher/instance.h"
#include "launcher/security.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

/* The rights of a user over the user's own instance. */
enum { STARTER_RIGHTS = SERVICE_QUERY_STATUS | SERVICE_STOP };

typedef DWORD handler(
    const struct launch_request *request, HANDLE token, struct launch_answer *answer);
/* Handles an instance for which the client has the right. */
typedef DWORD instance_handler(struct instance *instance, struct launch_answer *answer);

static DWORD start_allowed(const struct launch_request *request, struct instance_start *start)
{
    start->class_name = (wchar_t *)request->class_name;
    start->instance_name = (wchar_t *)request->instance_name;
    start->argument_count = request->argument_count;
    for (size_t i = 0; i < request->argument_count; i++)
        start->arguments[i] = (wchar_t *)request->arguments[i];
    return instance_start(start);
}

/* The present descriptor of the class. It judges a client that asks for an instance which is not
 * there, or not yet. */
static DWORD class_security(
    const wchar_t *class_name, struct class_values *values, PSECURITY_DESCRIPTOR *security)
{
    DWORD read = class_read(class_name, values), error = security_parse(values->security, security);

    return error ? error : read;
}

/* The instance's name becomes part of lines in logs and in launchctl's list. */
static bool is_one_line(const char16_t *name)
{
    while (*name >= 0x20 && *name != 0x7f)
        name++;
    return *name == 0;
}

static DWORD start(const struct launch_request *request, HANDLE token, struct launch_answer *answer)
{
    struct instance_start start = { 0 };
    PSECURITY_DESCRIPTOR security = NULL;
    DWORD error;

    (void)answer;
    if (!wcscmp(request->class_name, LAUNCH_CLASS_BY_PID) || !is_one_line(request->instance_name))
        return LAUNCH_ERROR_INVALID;
    error = class_security(request->class_name, &start.values, &security);
    if (error == LAUNCH_ERROR_BAD_CLASS || !error) {
        if (!security_allows(security, token, SERVICE_START))
            error = LAUNCH_ERROR_ACCESS_DENIED;
    }
    if (!error)
        error = security_grant(security, token, STARTER_RIGHTS, &start.security);
    LocalFree(security);
    return error ? error : start_allowed(request, &start);
}

static struct instance *find(const struct launch_request *request)
{
    uint64_t process_id;

    if (wcscmp(request->class_name, LAUNCH_CLASS_BY_PID))
        return instance_find(request->class_name, request->instance_name);
    if (!text_number(request->instance_name, true, &process_id) || process_id > MAXDWORD)
        return NULL;
    return instance_find_process((DWORD)process_id);
}

/* The answer is the same with and without such an instance: a client without the right learns
 * nothing. */
static bool allowed(const struct launch_request *request, const struct instance *instance,
    HANDLE token, ACCESS_MASK right)
{
    PSECURITY_DESCRIPTOR security = NULL;
    struct class_values values;
    bool granted;

    if (instance)
        return security_allows(instance->start.security, token, right);
    class_security(request->class_name, &values, &security);
    granted = security && security_allows(security, token, right);
    LocalFree(security);
    return granted;
}

static DWORD with_instance(const struct launch_request *request, HANDLE token, ACCESS_MASK right,
    instance_handler *handle, struct launch_answer *answer)
{
    struct instance *instance = find(request);
    DWORD error = 0;

    if (!allowed(request, instance, token, right))
        error = LAUNCH_ERROR_ACCESS_DENIED;
    else if (!instance)
        error = LAUNCH_ERROR_NOT_FOUND;
    if (!error)
        error = handle(instance, answer);
    instance_release(instance);
    return error;
}

static DWORD stop_gently(struct instance *instance, struct launch_answer *answer)
{
    (void)answer;
    return instance_stop(instance, false);
}

static DWORD stop_by_force(struct instance *instance, struct launch_answer *answer)
{
    (void)answer;
    return instance_stop(instance, true);
}

static DWORD tell(struct instance *instance, struct launch_answer *answer)
{
    return launch_answer_string(answer, instance->start.class_name) &&
                   launch_answer_string(answer, instance->start.instance_name) &&
                   launch_answer_string(answer, instance->command_line)
               ? 0
               : LAUNCH_ERROR_NO_ROOM;
}

static void write_guid(const struct launch_owner *owner, wchar_t text[LAUNCH_GUID_MAX])
{
    const uint8_t *g = owner->guid;

    _snwprintf(text, LAUNCH_GUID_MAX,
        L"{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}", g[0], g[1], g[2],
        g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
    text[LAUNCH_GUID_MAX - 1] = 0;
}

static DWORD view(struct instance *instance, struct launch_answer *answer)
{
    struct instance_status status = instance_status(instance);
    struct launch_view view = {
        .class_name = instance->start.class_name,
        .instance_name = instance->start.instance_name,
        .process_id = status.process_id,
        .restarts = status.restarts,
        .uptime = status.uptime,
    };
    struct launch_volumes disks = { 0 };

    if (status.process_id)
        launch_volume_find(LAUNCH_DISKS, status.process_id, &disks);
    for (size_t i = 0; i < disks.count && view.disk_count < LAUNCH_DISKS_MAX; i++) {
        if (disks.items[i].disk == LAUNCH_NO_DISK || !disks.items[i].owner.has_guid)
            continue;
        view.disks[view.disk_count].number = disks.items[i].disk;
        write_guid(&disks.items[i].owner, view.disks[view.disk_count].guid);
        view.disk_count++;
    }
    launch_volume_release(&disks);
    return launch_encode_view(&view, answer) ? 0 : LAUNCH_ERROR_NO_ROOM;
}

static bool append_names(struct launch_answer *answer, const struct instance *instance)
{
    size_t before = answer->length;
    bool fits = launch_answer_string(answer, instance->start.class_name) &&
                launch_answer_string(answer, instance->start.instance_name);

    if (!fits)
        answer->length = before;
    return fits;
}

/* As many as fit, in the order of their names, so that a client can go on behind the last one. A
 * pair that no message can hold does not keep later ones back. */
static DWORD list_behind(const wchar_t *class_name, const wchar_t *instance_name, HANDLE token,
    struct launch_answer *answer)
{
    size_t count, empty = answer->length;
    struct instance **all = instance_all(&count);
    bool full = false;

    if (!all)
        return ERROR_NO_SYSTEM_RESOURCES;
    for (size_t i = 0; i < count; i++) {
        if (!full && instance_compare(all[i], class_name, instance_name) > 0 &&
            security_allows(all[i]->start.security, token, SERVICE_QUERY_STATUS))
            full = !append_names(answer, all[i]) && answer->length > empty;
        instance_release(all[i]);
    }
    free(all);
    return 0;
}

/* The original's list: the part that does not fit is left out silently. */
static DWORD list(const struct launch_request *request, HANDLE token, struct launch_answer *answer)
{
    (void)request;
    return list_behind(L"", L"", token, answer);
}

static DWORD next(const struct launch_request *request, HANDLE token, struct launch_answer *answer)
{
    return list_behind(request->class_name, request->instance_name, token, answer);
}

/* A command with a handler of instances also has the right that it takes. */
static const struct {
    handler *handle;
    instance_handler *handle_instance;
    ACCESS_MASK right;
} commands[LAUNCH_COMMANDS] = {
    [LAUNCH_START] = { .handle = start },
    [LAUNCH_STOP] = { .handle_instance = stop_gently, .right = SERVICE_STOP },
    [LAUNCH_STOP_FORCED] = { .handle_instance = stop_by_force, .right = SERVICE_STOP },
    [LAUNCH_INFO] = { .handle_instance = tell, .right = SERVICE_QUERY_STATUS },
    [LAUNCH_VIEW] = { .handle_instance = view, .right = SERVICE_QUERY_STATUS },
    [LAUNCH_LIST] = { .handle = list },
    [LAUNCH_NEXT] = { .handle = next },
};

void commands_answer(
    const char16_t *message, size_t bytes, HANDLE token, struct launch_answer *answer)
{
    struct launch_request request;
    DWORD error = launch_decode_request(message, bytes, &request);

    launch_answer_success(answer);
    if (!error && commands[request.command].handle_instance)
        error = with_instance(&request, token, commands[request.command].right,
            commands[request.command].handle_instance, answer);
    else if (!error && commands[request.command].handle)
        error = commands[request.command].handle(&request, token, answer);
    else if (!error)
        error = LAUNCH_ERROR_INVALID;
    if (error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_OUTOFMEMORY)
        error = ERROR_NO_SYSTEM_RESOURCES;
    if (error)
        launch_answer_failure(answer, error);
}
