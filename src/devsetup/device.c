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

DWORD device_create(struct device *device, const wchar_t *hardware_id, const wchar_t *inf)
{
    wchar_t class_name[MAX_CLASS_NAME_LEN], ids[MAX_DEVICE_ID_LEN + 2] = L"";
    size_t length = wcslen(hardware_id);
    GUID class_guid;

    if (length >= MAX_DEVICE_ID_LEN)
        return fail(ERROR_INVALID_PARAMETER, L"the hardware id is longer than %d characters",
            MAX_DEVICE_ID_LEN - 1);
    /* A list of one: its end is a second terminator. */
    wcscpy(ids, hardware_id);
    if (!SetupDiGetINFClassW(inf, &class_guid, class_name, MAX_CLASS_NAME_LEN, NULL))
        return fail(GetLastError(), L"cannot read the device class from %ls", inf);

    device->node.cbSize = sizeof device->node;
    device->list = SetupDiCreateDeviceInfoList(&class_guid, NULL);
    if (device->list == INVALID_HANDLE_VALUE)
        return last_error(L"cannot create a device list");
    if (!SetupDiCreateDeviceInfoW(
            device->list, class_name, &class_guid, NULL, NULL, DICD_GENERATE_ID, &device->node) ||
        !SetupDiSetDeviceRegistryPropertyW(device->list, &device->node, SPDRP_HARDWAREID,
            (const BYTE *)ids, (DWORD)((length + 2) * sizeof(wchar_t))) ||
        !SetupDiCallClassInstaller(DIF_REGISTERDEVICE, device->list, &device->node))
        return last_error(L"cannot create the device");
    return 0;
}

DWORD device_install(
    const wchar_t *hardware_id, const wchar_t *inf, bool only_if_better, bool *reboot)
{
    BOOL needed = FALSE;

    if (!UpdateDriverForPlugAndPlayDevicesW(
            NULL, hardware_id, inf, only_if_better ? 0 : INSTALLFLAG_FORCE, &needed)) {
        /* Windows has this driver already, or a newer one. */
        if (only_if_better && GetLastError() == ERROR_NO_MORE_ITEMS)
            return 0;
        return fail(GetLastError(), L"cannot install the driver from %ls", inf);
    }
    *reboot |= needed;
    return 0;
}

DWORD device_check(const struct device *device, bool *reboot)
{
    ULONG status = 0, problem = 0;
    wchar_t *driver = read_property(device, SPDRP_DRIVER);

    if (!driver)
        return fail((DWORD)ERROR_NO_SUCH_DEVINST, L"the device has got no driver");
    free(driver);
    if (CM_Get_DevNode_Status(&status, &problem, device->node.DevInst, 0) != CR_SUCCESS ||
        !(status & DN_HAS_PROBLEM))
        return 0;
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

DWORD device_remove(struct device *device, bool *reboot)
{
    typedef BOOL(WINAPI * uninstall_function)(HWND, HDEVINFO, SP_DEVINFO_DATA *, DWORD, BOOL *);
    uninstall_function uninstall = NULL;
    BOOL needed = FALSE;

    /* The import library does not have it, and under Wine it is there but ends the process. */
    if (!GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version"))
        uninstall = (uninstall_function)(void *)GetProcAddress(
            GetModuleHandleW(L"newdev.dll"), "DiUninstallDevice");
    if (!(uninstall ? uninstall(NULL, device->list, &device->node, 0, &needed)
                    : remove_node(device, &needed)))
        return last_error(L"cannot remove the device");
    *reboot |= needed;
    return 0;
}
