/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/class.h"

#include "launcher/log.h"
#include "launcher/security.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

#define ROOT L"SOFTWARE\\WinSpd\\Services"

enum { KEY_PATH_MAX = 600 };

struct value {
    const wchar_t *name;
    size_t offset; /* in struct class_values */
    size_t room;   /* room for a text, in characters; 0: a number */
    bool required;
    const wchar_t *text;       /* the default */
    DWORD number, least, most; /* the default and the range */
    const wchar_t *allowed;
    bool (*check)(wchar_t *text); /* checks a text; may put it into its stored form */
};

#define PLACE(field) offsetof(struct class_values, field)
#define ROOM(field)  (sizeof((struct class_values *)0)->field / sizeof(wchar_t))

static bool is_security(wchar_t *text)
{
    PSECURITY_DESCRIPTOR descriptor;

    if (security_parse(text, &descriptor))
        return false;
    LocalFree(descriptor);
    return true;
}

static bool is_account(wchar_t *text)
{
    if (!_wcsicmp(text, L"LocalSystem"))
        *text = 0;
    return !*text || !_wcsicmp(text, L"LocalService") || !_wcsicmp(text, L"NetworkService");
}

static const struct value values_of_classes[] = {
    /* It comes first: it decides who may learn of other faults. */
    { L"Security", PLACE(security), ROOM(security), .text = CLASS_DEFAULT_SECURITY,
        .allowed = L"a security descriptor in SDDL of at most 511 characters",
        .check = is_security },
    { L"Executable", PLACE(executable), ROOM(executable), .required = true,
        .allowed = L"the full path of a program, at most 259 characters" },
    { L"CommandLine", PLACE(command_line), ROOM(command_line) - 3, .text = L"",
        .allowed = L"a text of at most 508 characters" },
    { L"WorkDirectory", PLACE(work_directory), ROOM(work_directory), .text = L"",
        .allowed = L"the path of a folder, at most 259 characters, or `.`" },
    { L"RunAs", PLACE(run_as), ROOM(run_as), .text = L"",
        .allowed = L"LocalSystem, LocalService or NetworkService", .check = is_account },
    { L"StandardError", PLACE(standard_error), ROOM(standard_error), .text = L"",
        .allowed = L"the full path of a file, at most 259 characters" },
    { L"JobControl", PLACE(job_control), .number = 1, .most = MAXDWORD,
        .allowed = L"a number: 0 or another" },
    { L"Persistent", PLACE(persistent), .most = MAXDWORD, .allowed = L"a number: 0 or another" },
    { L"Restart", PLACE(restart), .most = 1, .allowed = L"the number 0 or 1" },
    { L"RestartDelay", PLACE(restart_delay), .number = 5, .least = 1, .most = 3600,
        .allowed = L"a number from 1 to 3600, seconds" },
    { L"RestartLimit", PLACE(restart_limit), .number = 5, .least = 1, .most = 1000,
        .allowed = L"a number from 1 to 1000" },
    { L"Credentials", PLACE(credentials),
        .allowed = L"only 0: the launcher hands no passwords to programs" },
};

DWORD class_open(const wchar_t *name, const wchar_t *below, REGSAM rights, BOOL create, HKEY *key)
{
    wchar_t path[KEY_PATH_MAX];
    HKEY class_key;
    DWORD error;

    if (!*name || wcschr(name, L'\\') || wcslen(name) >= CLASS_NAME_MAX)
        return ERROR_FILE_NOT_FOUND;
    _snwprintf(path, KEY_PATH_MAX, ROOT L"\\%ls", name);
    error = (DWORD)RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0,
        (below ? KEY_READ | KEY_CREATE_SUB_KEY : rights) | KEY_WOW64_32KEY, &class_key);
    if (error || !below) {
        *key = class_key;
        return error;
    }
    rights |= KEY_WOW64_32KEY;
    error = (DWORD)(create ? RegCreateKeyExW(class_key, below, 0, NULL, 0, rights, NULL, key, NULL)
                           : RegOpenKeyExW(class_key, below, 0, rights, key));
    RegCloseKey(class_key);
    return error;
}

static bool read_text(HKEY key, const struct value *value, wchar_t *text, bool *there)
{
    DWORD size = (DWORD)(value->room * sizeof *text);
    LSTATUS error = RegGetValueW(key, NULL, value->name, RRF_RT_REG_SZ, NULL, text, &size);

    *there = error != ERROR_FILE_NOT_FOUND;
    if (*there && !error && (!value->check || value->check(text)))
        return true;
    wcscpy(text, value->text ? value->text : L"");
    return !*there;
}

static bool read_number(HKEY key, const struct value *value, DWORD *number)
{
    DWORD size = sizeof *number;
    LSTATUS error = RegGetValueW(key, NULL, value->name, RRF_RT_REG_DWORD, NULL, number, &size);

    if (error == ERROR_FILE_NOT_FOUND) {
        *number = value->number;
        return true;
    }
    return !error && *number >= value->least && *number <= value->most;
}

static bool read_value(HKEY key, const struct value *value, void *at, bool *missing)
{
    bool good, there = true;

    if (value->room == 0)
        return read_number(key, value, at);
    good = read_text(key, value, at, &there);
    *missing |= !there && value->required;
    return good;
}

/* The command line is added to the program itself. */
static void complete_template(wchar_t *template)
{
    size_t length = wcslen(template);

    if (length == 0) {
        wcscpy(template, L"%0");
        return;
    }
    wmemmove(template + 3, template, length + 1);
    wmemcpy(template, L"%0 ", 3);
}

static void complete_work_directory(wchar_t *directory)
{
    wchar_t *slash;

    if (wcscmp(directory, L".") || !GetModuleFileNameW(NULL, directory, CLASS_PATH_MAX))
        return;
    directory[CLASS_PATH_MAX - 1] = 0;
    slash = wcsrchr(directory, L'\\');
    if (slash)
        *slash = 0;
}

DWORD class_read(const wchar_t *name, struct class_values *values)
{
    bool good = true, missing = false;
    HKEY key;

    memset(values, 0, sizeof *values);
    wcscpy(values->security, CLASS_DEFAULT_SECURITY);
    if (class_open(name, NULL, KEY_READ, FALSE, &key))
        return LAUNCH_ERROR_NOT_FOUND;
    for (size_t i = 0; i < sizeof values_of_classes / sizeof values_of_classes[0]; i++) {
        const struct value *value = &values_of_classes[i];

        if (read_value(key, value, (char *)values + value->offset, &missing))
            continue;
        good = false;
        log_write(EVENTLOG_ERROR_TYPE, L"class %ls: the value %ls is bad; allowed is %ls", name,
            value->name, value->allowed);
    }
    RegCloseKey(key);
    if (missing)
        return LAUNCH_ERROR_NOT_FOUND;
    complete_template(values->command_line);
    complete_work_directory(values->work_directory);
    return good ? 0 : LAUNCH_ERROR_BAD_CLASS;
}

void class_for_each(void (*call)(const wchar_t *name))
{
    wchar_t name[CLASS_NAME_MAX];
    DWORD length = CLASS_NAME_MAX;
    HKEY root;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, ROOT, 0, KEY_READ | KEY_WOW64_32KEY, &root) !=
        ERROR_SUCCESS)
        return;
    for (DWORD i = 0; !RegEnumKeyExW(root, i, name, &length, NULL, NULL, NULL, NULL); i++) {
        call(name);
        length = CLASS_NAME_MAX;
    }
    RegCloseKey(root);
}
