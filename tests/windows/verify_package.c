/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Checks the traces of the installer's package on a machine: files, registry, service, classes. */

#include <string.h>

#include "verify.h"

#define PRODUCT "SOFTWARE\\WinSpd"
#define VIEW KEY_WOW64_32KEY /* of the product's own keys */

/* FALSE: there is no such value. */
static bool read_text(const char *key, const char *name, REGSAM view, char *text, DWORD room)
{
    DWORD length = room - 1, type = 0;
    bool good;
    HKEY open;

    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, key, 0, KEY_READ | view, &open))
        return false;
    good = !RegQueryValueExA(open, name, NULL, &type, (BYTE *)text, &length) &&
        (type == REG_SZ || type == REG_EXPAND_SZ);
    text[good ? length : 0] = 0;
    RegCloseKey(open);
    return good;
}

static bool tell(struct run *run, const char *what, bool good, const char *more)
{
    say(run, "%s: %s%s%s\n", what, good ? "yes" : "NO", *more ? ", " : "", more);
    return good;
}

static bool has_files(struct run *run, const char *folder)
{
    static const char *const files[] = { "bin\\launcher-" ARCH ".exe",
        "bin\\launchctl-" ARCH ".exe", "bin\\shellex-" ARCH ".dll", "bin\\stgtest-" ARCH ".exe",
        "sys\\winspd-" ARCH ".sys", "sys\\winspd.inf", "sys\\winspd-" ARCH ".cat",
        "sys\\devsetup-" ARCH ".exe" };
    bool good = true;

    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        char path[2 * MAX_PATH];

        snprintf(path, sizeof path, "%s%s", folder, files[i]);
        good &= tell(run, files[i], GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES, "");
    }
    return good;
}

static bool service_runs(struct run *run)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceA(manager, "WinSpd.Launcher", SERVICE_QUERY_STATUS);
    SERVICE_STATUS status = { 0 };
    char more[40];

    if (service)
        QueryServiceStatus(service, &status);
    snprintf(more, sizeof more, "state %lu", status.dwCurrentState);
    CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return tell(run, "the service WinSpd.Launcher runs", status.dwCurrentState == SERVICE_RUNNING,
        more);
}

static bool is_registered(struct run *run)
{
    static const struct {
        const char *what, *key, *name;
        REGSAM view;
        bool only_developer;
    } rows[] = {
        { "Explorer's mount", "SOFTWARE\\Classes\\CLSID\\{62AD20C1-8F38-452A-AB7A-F281004D0283}"
            "\\InProcServer32", NULL, 0, false },
        { "Explorer's eject", "SOFTWARE\\Classes\\CLSID\\{18F72BBE-CE30-4EBA-8691-911D158A883C}"
            "\\InProcServer32", NULL, 0, false },
        { "the class rawdisk", PRODUCT "\\Services\\rawdisk", "Executable", VIEW, true },
    };
    bool good = true;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[MAX_PATH] = "";
        bool there = read_text(rows[i].key, rows[i].name, rows[i].view, text, sizeof text);

        there = there && GetFileAttributesA(text) != INVALID_FILE_ATTRIBUTES;
        /* This run has asked for the developer feature; another installation need not. */
        good &= tell(run, rows[i].what, there, text) ||
            (rows[i].only_developer && !(run->asked & IF_INSTALLING));
    }
    return good;
}

bool check_installation(struct run *run)
{
    char folder[MAX_PATH] = "";
    bool good;

    if (!read_text(PRODUCT, "InstallDir", VIEW, folder, sizeof folder)) {
        say(run, "WinSpd is not installed by its package.\n");
        return !(run->asked & IF_INSTALLING && run->asked & IF_PACKAGE);
    }
    say(run, "InstallDir: %s\n", folder);
    if (*folder && folder[strlen(folder) - 1] != '\\')
        strncat(folder, "\\", sizeof folder - strlen(folder) - 1);
    good = has_files(run, folder);
    good &= service_runs(run);
    return is_registered(run) && good;
}
