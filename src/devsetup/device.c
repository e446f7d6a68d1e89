/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "devsetup.h"

#include <cfgmgr32.h>
#include <newdev.h>
#include <stdlib.h>

static DWORD last_error(const wchar_t *what)
{
    return fail(GetLastError(), L"%ls", what);
}

void device_close(struct device *device)
{
    if (device->list != INVALID_HANDLE_VALUE)
        SetupDiDestroyDeviceInfoList(device->list);
    device->list = INVALID_HANDLE_VALUE;
}

/* A string property of any length, with two terminators more than Windows wrote; NULL without. */
static wchar_t *read_property(const struct device *device, DWORD property)
{
    DWORD size = 512;

    for (;;) {
        wchar_t *text = calloc(1, size + 2 * sizeof(wchar_t));
        DWORD needed = 0, type;
        if (!text ||
            SetupDiGetDeviceRegistryPropertyW(device->list, (SP_DEVINFO_DATA *)&device->node,
                property, &type, (BYTE *)text, size, &needed))
            return text;
        free(text);
        if (GetLastError() != ERROR_INSUFFICIENT_BUFFER || needed <= size)
            return NULL;
        size = needed;
    }
}

static bool has_hardware_id(const struct device *device, const wchar_t *hardware_id)
{
    wchar_t *ids = read_property(device, SPDRP_HARDWAREID);
    bool found = false;

    for (wchar_t *id = ids; id && *id && !found; id += wcslen(id) + 1)
        found = CompareStringOrdinal(id, -1, hardware_id, -1, TRUE) == CSTR_EQUAL;
    free(ids);
    return found;
}

DWORD device_find(struct device *device, const wchar_t *hardware_id)
{
    device->list = SetupDiGetClassDevsW(NULL, NULL, NULL, DIGCF_ALLCLASSES | DIGCF_PRESENT);
    if (device->list == INVALID_HANDLE_VALUE)
        return last_error(L"cannot list the devices");
    device->node.cbSize = sizeof device->node;
    for (DWORD i = 0; SetupDiEnumDeviceInfo(device->list, i, &device->node); i++) {
        if (has_hardware_id(device, hardware_id))
            return 0;
    }
    if (GetLastError() != ERROR_NO_MORE_ITEMS)
        return last_error(L"cannot list the devices");
    device_close(device);
    return ERROR_FILE_NOT_FOUND;
}

static DWORD read_class(const wchar_t *inf, GUID *guid, wchar_t name[MAX_CLASS_NAME_LEN])
{
    wchar_t known[MAX_CLASS_NAME_LEN];

    if (!SetupDiGetINFClassW(inf, guid, name, MAX_CLASS_NAME_LEN, NULL))
        return fail(GetLastError(), L"cannot read the device class from %ls", inf);
    if (SetupDiClassNameFromGuidW(guid, known, MAX_CLASS_NAME_LEN, NULL) && _wcsicmp(name, known))
        return fail((DWORD)ERROR_CLASS_MISMATCH, L"%ls has a class %ls that Windows calls %ls",
            inf, name, known);
    return 0;
}

DWORD device_create(struct device *device, const wchar_t *hardware_id, const wchar_t *inf)
{
    wchar_t class_name[MAX_CLASS_NAME_LEN], ids[MAX_DEVICE_ID_LEN + 2] = L"";
    size_t length = wcslen(hardware_id);
    GUID class_guid;
    DWORD error;

    if (length >= MAX_DEVICE_ID_LEN)
        return fail(ERROR_INVALID_PARAMETER, L"the hardware id is longer than %d characters",
            MAX_DEVICE_ID_LEN - 1);
    /* A list of one: its end is a second terminator. */
    wcscpy(ids, hardware_id);
    error = read_class(inf, &class_guid, class_name);
    if (error)
        return error;

    device->node.cbSize = sizeof device->node;
    device->list = SetupDiCreateDeviceInfoList(&class_guid, NULL);
    if (device->list == INVALID_HANDLE_VALUE)
        return last_error(L"cannot create a device list");
    if (!SetupDiCreateDeviceInfoW(
            device->list, class_name, &class_guid, NULL, NULL, DICD_GENERATE_ID, &device->node) ||
        !SetupDiSetDeviceRegistryPropertyW(device->list, &device->node, SPDRP_HARDWAREID,
            (const BYTE *)ids, (DWORD)((length + 2) * sizeof(wchar_t))))
        return last_error(L"cannot create the device");
    return 0;
}

DWORD device_check_class(const struct device *device, const wchar_t *inf)
{
    wchar_t name[MAX_CLASS_NAME_LEN];
    GUID guid;
    DWORD error = read_class(inf, &guid, name);

    if (!error && !IsEqualGUID(&guid, &device->node.ClassGuid))
        return fail((DWORD)ERROR_CLASS_MISMATCH,
            L"%ls is for the class %ls, and the device that is there is of another", inf, name);
    return error;
}

DWORD device_register(struct device *device)
{
    if (!SetupDiCallClassInstaller(DIF_REGISTERDEVICE, device->list, &device->node))
        return last_error(L"cannot create the device");
    return 0;
}

/* Outlives device_install() if the installation does not end. */
struct installation {
    wchar_t hardware_id[MAX_DEVICE_ID_LEN], inf[MAX_PATH];
    DWORD flags;
    DWORD error;
    BOOL reboot;
};

static DWORD WINAPI install(void *argument)
{
    struct installation *job = argument;

    if (!UpdateDriverForPlugAndPlayDevicesW(
            NULL, job->hardware_id, job->inf, job->flags, &job->reboot))
        job->error = GetLastError() ? GetLastError() : ERROR_GEN_FAILURE;
    return 0;
}

enum { DEFAULT_SECONDS = 300 };

/* Windows' own limit for an installation, which a group policy may set. */
static DWORD seconds_to_install(void)
{
    DWORD seconds = DEFAULT_SECONDS, size = sizeof seconds;

    RegGetValueW(HKEY_LOCAL_MACHINE,
        L"SOFTWARE\\Policies\\Microsoft\\Windows\\DeviceInstall\\Settings", L"InstallTimeout",
        RRF_RT_REG_DWORD, NULL, &seconds, &size);
    return seconds && seconds < INFINITE / 1000 ? seconds : DEFAULT_SECONDS;
}

/* False: it has not ended. */
static bool install_in_time(struct installation *job, DWORD seconds)
{
    HANDLE thread = CreateThread(NULL, 0, install, job, 0, NULL);
    bool ended = true;

    if (thread) {
        ended = WaitForSingleObject(thread, seconds * 1000) == WAIT_OBJECT_0;
        CloseHandle(thread);
    } else {
        job->error = GetLastError();
    }
    return ended;
}

DWORD device_install(
    const wchar_t *hardware_id, const wchar_t *inf, bool only_if_better, bool *reboot)
{
    struct installation *job = calloc(1, sizeof *job);
    DWORD seconds = seconds_to_install(), error;

    if (!job)
        return fail(ERROR_OUTOFMEMORY, L"cannot install the driver");
    wcsncpy(job->hardware_id, hardware_id, MAX_DEVICE_ID_LEN - 1);
    wcsncpy(job->inf, inf, MAX_PATH - 1);
    job->flags = (only_if_better ? 0 : INSTALLFLAG_FORCE) |
                 (desktop_visible() ? 0 : INSTALLFLAG_NONINTERACTIVE);
    if (!install_in_time(job, seconds))
        return fail(ERROR_TIMEOUT, L"installing the driver has not ended within %lu s", seconds);

    error = job->error;
    *reboot |= job->reboot;
    free(job);
    /* Windows has this driver already, or a newer one. */
    if (!error || (only_if_better && error == ERROR_NO_MORE_ITEMS))
        return 0;
    return fail(error, L"cannot install the driver from %ls", inf);
}

/* Windows may have started the device and not its driver. */
static DWORD check_service(const struct device *device)
{
    wchar_t *service = read_property(device, SPDRP_SERVICE);
    DWORD error = 0;

    if (service && *service && !driver_runs(service))
        error = fail(
            ERROR_GEN_FAILURE, L"the device does not start: the driver %ls does not run", service);
    free(service);
    return error;
}

DWORD device_check(const struct device *device, bool *reboot)
{
    ULONG status = 0, problem = 0;

    if (!driver_is_installed(device))
        return fail((DWORD)ERROR_NO_SUCH_DEVINST, L"the device has got no driver");
    if (CM_Get_DevNode_Status(&status, &problem, device->node.DevInst, 0) != CR_SUCCESS ||
        !(status & DN_HAS_PROBLEM))
        return *reboot ? 0 : check_service(device);
    if (problem == CM_PROB_NEED_RESTART) {
        *reboot = true;
        return 0;
    }
    return fail(ERROR_GEN_FAILURE, L"the device does not start (device manager code %lu%ls)",
        problem,
        problem == CM_PROB_DRIVER_FAILED_LOAD || problem == 52 /* unsigned driver */
            ? L": is the driver signed? See doc/windows.md"
            : L"");
}

/* The node alone, without its children. */
static BOOL remove_node(struct device *device, BOOL *reboot)
{
    SP_DEVINSTALL_PARAMS_W outcome = { .cbSize = sizeof outcome };

    if (!SetupDiCallClassInstaller(DIF_REMOVE, device->list, &device->node))
        return FALSE;
    *reboot = SetupDiGetDeviceInstallParamsW(device->list, &device->node, &outcome) &&
              outcome.Flags & (DI_NEEDREBOOT | DI_NEEDRESTART);
    return TRUE;
}

/* The import library does not have them, and under Wine they are there but end the process. */
static FARPROC newdev_function(const char *name)
{
    if (GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version"))
        return NULL;
    return GetProcAddress(GetModuleHandleW(L"newdev.dll"), name);
}

DWORD device_remove(struct device *device, bool *reboot)
{
    typedef BOOL(WINAPI * uninstall_function)(HWND, HDEVINFO, SP_DEVINFO_DATA *, DWORD, BOOL *);
    uninstall_function uninstall = (uninstall_function)(void *)newdev_function("DiUninstallDevice");
    BOOL needed = FALSE;

    if (!(uninstall ? uninstall(NULL, device->list, &device->node, 0, &needed)
                    : remove_node(device, &needed)))
        return last_error(L"cannot remove the device");
    *reboot |= needed;
    return 0;
}

bool device_roll_back(struct device *device, bool *reboot)
{
    typedef BOOL(
        WINAPI * roll_back_function)(HDEVINFO, SP_DEVINFO_DATA *, HWND, DWORD, BOOL *);
    roll_back_function roll_back = (roll_back_function)(void *)newdev_function("DiRollbackDriver");
    BOOL needed = FALSE;
    bool done = roll_back &&
        roll_back(device->list, &device->node, NULL, 1 /* ROLLBACK_FLAG_NO_UI */, &needed);

    *reboot |= needed;
    return done;
}
