/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Classes of the tests, in the 32-bit view of the registry. */

#include "launched.h"

#define PRODUCT "SOFTWARE\\WinSpd"
#define SERVICES PRODUCT "\\Services"
#define PREFIX "kit-"
#define VIEW KEY_WOW64_32KEY

static HKEY open_class(const char *name, const char *below)
{
    char path[300];
    HKEY key;

    snprintf(path, sizeof path, SERVICES "\\" PREFIX "%s%s", name, below);
    return RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WRITE | VIEW, &key) ? NULL
                                                                                        : key;
}

void class_add(const char *name)
{
    char path[300], program[MAX_PATH];
    HKEY key;

    snprintf(path, sizeof path, SERVICES "\\" PREFIX "%s", name);
    CHECK_EQUAL(RegCreateKeyExA(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE | VIEW, NULL, &key,
                    NULL), 0);
    RegCloseKey(key);
    CHECK(GetModuleFileNameA(NULL, program, sizeof program));
    class_text(name, "Executable", program);
    class_text(name, "Security", EVERYBODY);
}

void class_text(const char *name, const char *value, const char *text)
{
    HKEY key = open_class(name, "");

    CHECK(key);
    if (text)
        CHECK_EQUAL(RegSetValueExA(key, value, 0, REG_SZ, (const BYTE *)text,
                        (DWORD)strlen(text) + 1), 0);
    else
        RegDeleteValueA(key, value);
    RegCloseKey(key);
}

void class_number(const char *name, const char *value, DWORD number)
{
    HKEY key = open_class(name, "");

    CHECK(key);
    CHECK_EQUAL(RegSetValueExA(key, value, 0, REG_DWORD, (const BYTE *)&number, sizeof number), 0);
    RegCloseKey(key);
}

void class_command(const char *name, const char *log, const char *mode)
{
    char file[80], line[600];

    snprintf(file, sizeof file, "%s.log", log);
    snprintf(line, sizeof line, "--child server \"%s\" %s", file_of(file), mode);
    class_text(name, "CommandLine", line);
}

unsigned stored_count(const char *name)
{
    HKEY key = open_class(name, "\\Instances");
    DWORD count = 0;

    if (!key)
        return 0;
    RegQueryInfoKeyA(key, NULL, NULL, NULL, NULL, NULL, NULL, &count, NULL, NULL, NULL, NULL);
    RegCloseKey(key);
    return count;
}

bool is_stored(const char *name, const char *instance)
{
    HKEY key = open_class(name, "\\Instances");
    bool is = key && !RegQueryValueExA(key, instance, NULL, NULL, NULL, NULL);

    if (key)
        RegCloseKey(key);
    return is;
}

void store(const char *name, const char *instance, const char *strings, size_t length)
{
    HKEY key = open_class(name, ""), below;

    CHECK(key);
    CHECK_EQUAL(RegCreateKeyExA(
                    key, "Instances", 0, NULL, 0, KEY_WRITE | VIEW, NULL, &below, NULL), 0);
    CHECK_EQUAL(RegSetValueExA(
                    below, instance, 0, REG_MULTI_SZ, (const BYTE *)strings, (DWORD)length), 0);
    RegCloseKey(below);
    RegCloseKey(key);
}

/* A key that only the tests have made. */
static void remove_if_empty(const char *path)
{
    DWORD keys = 1, values = 1;
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | VIEW, &key))
        return;
    RegQueryInfoKeyA(key, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL, NULL);
    RegCloseKey(key);
    if (!keys && !values)
        RegDeleteKeyExA(HKEY_LOCAL_MACHINE, path, VIEW, 0);
}

/* Those of others stay. */
void classes_remove(void)
{
    char names[64][80];
    unsigned count = 0;
    DWORD room = sizeof names[0];
    HKEY key;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, SERVICES, 0, KEY_READ | KEY_WRITE | VIEW, &key))
        return;
    for (DWORD i = 0; count < 64 &&
         RegEnumKeyExA(key, i, names[count], &room, NULL, NULL, NULL, NULL) != ERROR_NO_MORE_ITEMS;
         i++, room = sizeof names[0])
        count += !strncmp(names[count], PREFIX, strlen(PREFIX));
    for (unsigned i = 0; i < count; i++)
        RegDeleteTreeA(key, names[i]);
    RegCloseKey(key);
    remove_if_empty(SERVICES);
    remove_if_empty(PRODUCT);
}
