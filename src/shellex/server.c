/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The extension's requests to the launcher. A disk names the process that serves it, and a process
 * id may be used again. So an eject asks the launcher for its record of that process, and stops the
 * instance only if the record has this disk. A launcher without such records stops the process, as
 * with the original's extension.
 */

#include "shellex.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "launch/list.h"

static const struct {
    DWORD error;
    unsigned hint;
} hints[] = {
    { ERROR_ACCESS_DENIED, HINT_ACCESS },
    { ERROR_DEVICE_IN_USE, HINT_IN_USE },
};

static DWORD call(enum launch_command command, const wchar_t *class_name,
    const wchar_t *instance_name, struct launch_reply *reply)
{
    struct launch_request request = {
        .command = command, .class_name = class_name, .instance_name = instance_name
    };

    if (command == LAUNCH_START)
        request.arguments[request.argument_count++] = instance_name;
    return launch_call(&request, reply);
}

/* The call got no answer: for Explorer no program can open the file. */
static struct outcome without_answer(DWORD error)
{
    switch (error) {
    case ERROR_INVALID_PARAMETER:
        return outcome_of(ERROR_FILENAME_EXCED_RANGE, HINT_TOO_LONG);
    case WAIT_TIMEOUT:
        return outcome_of(ERROR_NO_ASSOCIATION, HINT_TIMEOUT);
    default:
        return outcome_of(ERROR_NO_ASSOCIATION, HINT_NO_LAUNCHER);
    }
}

static struct outcome refused(DWORD error, unsigned other)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (hints[i].error == error)
            return outcome_of(error, hints[i].hint);
    }
    return outcome_of(error, error ? other : 0);
}

struct outcome server_start(const wchar_t *class_name, const wchar_t *path)
{
    struct launch_reply reply;
    DWORD error = call(LAUNCH_START, class_name, path, &reply);
    struct outcome outcome;

    if (error)
        return without_answer(error);
    if (reply.error != LAUNCH_ERROR_NOT_FOUND)
        return refused(reply.error, HINT_SERVER);
    outcome = outcome_of(ERROR_NO_ASSOCIATION, HINT_NO_CLASS);
    wcsncpy(outcome.argument, class_name, MAX_PATH - 1);
    return outcome;
}

void server_take_back(const wchar_t *class_name, const wchar_t *path)
{
    struct launch_reply reply;

    call(LAUNCH_STOP, class_name, path, &reply);
}

/* With braces. A character that is no ASCII is no digit either. */
static BOOL read_guid(const char16_t braced[LAUNCH_GUID_MAX], uint8_t guid[16])
{
    char text[LAUNCH_GUID_TEXT];

    if (wcslen(braced) != LAUNCH_GUID_TEXT + 2)
        return FALSE;
    for (size_t i = 0; i < LAUNCH_GUID_TEXT; i++)
        text[i] = braced[i + 1] < 0x80 ? (char)braced[i + 1] : '?';
    return launch_guid_parse(text, guid);
}

/* Whether the record of an instance has the disk. */
static BOOL serves(const struct launch_view *view, const struct launch_owner *owner)
{
    for (size_t i = 0; owner->has_guid && i < view->disk_count; i++) {
        uint8_t guid[sizeof owner->guid];

        if (read_guid(view->disks[i].guid, guid) && !memcmp(guid, owner->guid, sizeof guid))
            return TRUE;
    }
    return FALSE;
}

/* 0: the reply is the record of an instance that serves the disk, and the view lies in it.
 * Otherwise an error of the launcher, or *transport has the error of the call. */
static DWORD view(const wchar_t *class_name, const wchar_t *instance_name,
    const struct launch_owner *owner, struct launch_reply *reply, struct launch_view *found,
    DWORD *transport)
{
    *transport = call(LAUNCH_VIEW, class_name, instance_name, reply);
    if (*transport)
        return LAUNCH_ERROR_NOT_FOUND;
    if (reply->error)
        return reply->error;
    if (!launch_decode_view(reply->payload, reply->payload_length, found))
        return LAUNCH_ERROR_MALFORMED;
    return serves(found, owner) ? 0 : LAUNCH_ERROR_NOT_FOUND;
}

/* After a restarted program has taken its disk over, Windows may still name the former process. */
static DWORD view_any(
    const struct launch_owner *owner, struct launch_reply *reply, struct launch_view *found)
{
    DWORD error = LAUNCH_ERROR_NOT_FOUND, transport;
    struct launch_list list;

    launch_list_begin(&list);
    while (launch_list_next(&list)) {
        DWORD answer = view(list.class_name, list.instance_name, owner, reply, found, &transport);

        if (!answer)
            return 0;
        /* An instance that the user may not query may be the right one. */
        if (answer == LAUNCH_ERROR_ACCESS_DENIED)
            error = answer;
    }
    return error;
}

static struct outcome stop(const wchar_t *class_name, const wchar_t *instance_name)
{
    struct launch_reply reply;
    DWORD error = call(LAUNCH_STOP, class_name, instance_name, &reply);

    if (error)
        return without_answer(error);
    if (reply.error == LAUNCH_ERROR_NOT_FOUND)
        return outcome_of(ERROR_NO_ASSOCIATION, HINT_NOT_LAUNCHED);
    return refused(reply.error, 0);
}

static struct outcome eject(const struct launch_owner *owner)
{
    struct launch_reply reply;
    struct launch_view found;
    wchar_t process[16];
    DWORD error, other, transport;

    swprintf(process, 16, L"%lu", (unsigned long)owner->pid);
    error = view(LAUNCH_CLASS_BY_PID, process, owner, &reply, &found, &transport);
    if (transport)
        return without_answer(transport);
    if (error == LAUNCH_ERROR_INVALID)
        return stop(LAUNCH_CLASS_BY_PID, process);
    other = error ? view_any(owner, &reply, &found) : 0;
    if (!error || !other)
        return stop(found.class_name, found.instance_name);
    /* A client without the right to query an instance does not learn that it exists. */
    if (error == LAUNCH_ERROR_ACCESS_DENIED || other == LAUNCH_ERROR_ACCESS_DENIED)
        return outcome_of(ERROR_ACCESS_DENIED, HINT_NOT_YOURS);
    return outcome_of(ERROR_NO_ASSOCIATION, HINT_NOT_LAUNCHED);
}

struct outcome server_eject(const wchar_t *volume)
{
    struct launch_owner owner;

    /* Ask again: since the menu was opened another disk may have come to this place. */
    if (launch_volume_owner_of(volume, &owner))
        return outcome_of(ERROR_DEV_NOT_EXIST, HINT_GONE);
    return eject(&owner);
}
