/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/persist.h"

#include "launcher/log.h"
#include "launcher/security.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define KEY L"Instances"

/* Characters: the arguments come in a message, their descriptor from a class, with one entry more.
 * A longer value was not stored by us. */
enum { DATA_MAX = 2 * LAUNCH_MESSAGE_MAX, NAME_MAX_CHARS = LAUNCH_MESSAGE_MAX };

static void complain(
    const wchar_t *class_name, const wchar_t *instance_name, const wchar_t *what, DWORD error)
{
    wchar_t text[LOG_ERROR_MAX];

    log_write(EVENTLOG_WARNING_TYPE, L"%ls %ls: %ls: %ls", class_name, instance_name, what,
        log_error_text(error, text));
}

static bool append(wchar_t data[DATA_MAX], size_t *length, const wchar_t *text)
{
    size_t all = wcslen(text) + 1;

    if (all > DATA_MAX - *length)
        return false;
    wmemcpy(data + *length, text, all);
    *length += all;
    return true;
}

static DWORD encode(const struct instance_start *start, wchar_t data[DATA_MAX], size_t *length)
{
    wchar_t *security;
    bool fits = true;
    DWORD error = security_text(start->security, &security);

    if (error)
        return error;
    *length = 0;
    for (size_t i = 0; fits && i < start->argument_count; i++)
        fits = append(data, length, start->arguments[i]);
    fits = fits && append(data, length, security) && append(data, length, L"");
    LocalFree(security);
    return fits ? 0 : ERROR_INSUFFICIENT_BUFFER;
}

void persist_store(const struct instance_start *start)
{
    wchar_t data[DATA_MAX];
    size_t length;
    HKEY key;
    DWORD error = encode(start, data, &length);

    if (!error)
        error = class_open(start->class_name, KEY, KEY_WRITE, TRUE, &key);
    if (!error) {
        error = (DWORD)RegSetValueExW(key, start->instance_name, 0, REG_MULTI_SZ,
            (const BYTE *)data, (DWORD)(length * sizeof *data));
        RegCloseKey(key);
    }
    if (error)
        complain(start->class_name, start->instance_name, L"will not come again", error);
}

void persist_forget(const wchar_t *class_name, const wchar_t *instance_name)
{
    HKEY key;
    DWORD error = class_open(class_name, KEY, KEY_WRITE, FALSE, &key);

    if (!error) {
        error = (DWORD)RegDeleteValueW(key, instance_name);
        RegCloseKey(key);
    }
    if (error && error != ERROR_FILE_NOT_FOUND)
        complain(class_name, instance_name, L"is stopped, but will come again", error);
}

/* The strings of a value; an empty one is an argument. The last is the descriptor. */
static DWORD decode(wchar_t *data, size_t length, struct instance_start *start)
{
    wchar_t *strings[LAUNCH_ARGUMENTS_MAX + 1];
    size_t count = 0;

    /* Without the NUL behind the last string's. */
    if (length < 3 || data[length - 1] || data[length - 2])
        return ERROR_INVALID_DATA;
    for (wchar_t *text = data; text < data + length - 1; text += wcslen(text) + 1) {
        if (count == LAUNCH_ARGUMENTS_MAX + 1)
            return ERROR_INVALID_DATA;
        strings[count++] = text;
    }
    start->argument_count = count - 1;
    memcpy(start->arguments, strings, start->argument_count * sizeof *strings);
    return security_parse(strings[count - 1], &start->security);
}

static void start_stored(wchar_t *class_name, wchar_t *instance_name, wchar_t *data, size_t length)
{
    struct instance_start start = { .class_name = class_name, .instance_name = instance_name };
    DWORD error = class_read(class_name, &start.values);

    if (!error)
        error = decode(data, length, &start);
    if (error)
        complain(class_name, instance_name, L"is stored and cannot be started", error);
    else
        instance_start(&start);
}

static void start_class(const wchar_t *name)
{
    wchar_t class_name[CLASS_NAME_MAX], instance_name[NAME_MAX_CHARS], data[DATA_MAX];
    DWORD type, length = NAME_MAX_CHARS, size = sizeof data;
    LSTATUS error;
    HKEY key;

    wcscpy(class_name, name);
    if (class_open(name, KEY, KEY_READ, FALSE, &key))
        return;
    for (DWORD i = 0; (error = RegEnumValueW(key, i, instance_name, &length, NULL, &type,
                           (BYTE *)data, &size)) != ERROR_NO_MORE_ITEMS;
         i++) {
        if (error)
            complain(class_name, L"*", L"a stored instance cannot be read", (DWORD)error);
        else if (type == REG_MULTI_SZ)
            start_stored(class_name, instance_name, data, size / sizeof *data);
        if (error && error != ERROR_MORE_DATA)
            break;
        length = NAME_MAX_CHARS;
        size = sizeof data;
    }
    RegCloseKey(key);
}

void persist_start_all(void)
{
    class_for_each(start_class);
}
