/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A class of servers: a key below HKLM\SOFTWARE\WinSpd\Services in the 32-bit view, where an
 * installer or administrator puts it. A table has the names, kinds, limits and defaults of its
 * values; doc/launcher.md describes them.
 */

#ifndef LAUNCHER_CLASS_H
#define LAUNCHER_CLASS_H

#include <windows.h>

#include "launch/command_line.h"

#define CLASS_DEFAULT_SECURITY L"D:P(A;;RPWPLC;;;SY)(A;;RPWPLC;;;BA)"

enum {
    CLASS_PATH_MAX = MAX_PATH, /* characters with the NUL, as everywhere here */
    CLASS_NAME_MAX = 256,      /* a registry key's bound */
    CLASS_TEXT_MAX = 512,
};

struct class_values {
    wchar_t executable[CLASS_PATH_MAX];
    wchar_t command_line[CLASS_TEXT_MAX]; /* the whole template, with its %0 */
    wchar_t work_directory[CLASS_PATH_MAX];
    wchar_t security[CLASS_TEXT_MAX];
    wchar_t run_as[CLASS_PATH_MAX]; /* an account of NT AUTHORITY; empty: ours */
    wchar_t standard_error[CLASS_PATH_MAX];
    DWORD job_control;
    DWORD persistent;
    DWORD restart;
    DWORD restart_delay; /* seconds before the first */
    DWORD restart_limit; /* times in a row */
    DWORD credentials;
};

/* HKEY of the class or of a key below it (NULL: itself), in the 32-bit view. rights: KEY_READ, ...;
 * create: makes what is below. Win32's error; ERROR_FILE_NOT_FOUND also for an impossible name.
 * The caller closes it. */
DWORD class_open(const wchar_t *name, const wchar_t *below, REGSAM rights, BOOL create, HKEY *key);

/*
 * Reads a class. 0; LAUNCH_ERROR_NOT_FOUND: there is no such class, or it has no Executable;
 * LAUNCH_ERROR_BAD_CLASS: an event record has named the bad value and the allowed ones.
 * values->security is always set: to the class's, or the default if it has none or a bad one. The
 * others are set only after 0.
 */
DWORD class_read(const wchar_t *name, struct class_values *values);

/* Calls for each class; the name lives during the call. */
void class_for_each(void (*call)(const wchar_t *name));

#endif
