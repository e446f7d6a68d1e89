/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Checks the parts of an INF before anything is changed. */

#include "devsetup.h"

#include <stdlib.h>

/* The driver of the list that Windows would take: the section of the INF. */
static bool select_driver(struct device *device, wchar_t section[LINE_LEN])
{
    SP_DRVINFO_DATA_W driver = { .cbSize = sizeof driver };
    DWORD size = sizeof(SP_DRVINFO_DETAIL_DATA_W);
    SP_DRVINFO_DETAIL_DATA_W *detail;
    bool done = false;

    if (!SetupDiSelectBestCompatDrv(device->list, &device->node) ||
        !SetupDiGetSelectedDriverW(device->list, &device->node, &driver))
        return false;
    SetupDiGetDriverInfoDetailW(device->list, &device->node, &driver, NULL, 0, &size);
    detail = calloc(1, size);
    if (detail) {
        detail->cbSize = sizeof *detail;
        done = SetupDiGetDriverInfoDetailW(
            device->list, &device->node, &driver, detail, size, NULL);
        if (done)
            wcscpy(section, detail->SectionName);
    }
    free(detail);
    return done;
}

/* The list of drivers is made of this INF alone, whatever else Windows knows. */
static DWORD find_section(struct device *device, const wchar_t *hardware_id, const wchar_t *inf,
    wchar_t section[LINE_LEN])
{
    SP_DEVINSTALL_PARAMS_W params = { .cbSize = sizeof params }, before;
    DWORD error = 0;

    if (!SetupDiGetDeviceInstallParamsW(device->list, &device->node, &params))
        return fail(GetLastError(), L"cannot look for a driver in %ls", inf);
    before = params;
    params.Flags |= DI_ENUMSINGLEINF;
    wcscpy(params.DriverPath, inf);
    if (!SetupDiSetDeviceInstallParamsW(device->list, &device->node, &params) ||
        !SetupDiBuildDriverInfoList(device->list, &device->node, SPDIT_COMPATDRIVER)) {
        error = fail(GetLastError(), L"cannot look for a driver in %ls", inf);
    } else {
        if (!select_driver(device, section))
            error = fail(
                (DWORD)ERROR_NO_COMPAT_DRIVERS, L"%ls is not for %ls", inf, hardware_id);
        SetupDiDestroyDriverInfoList(device->list, &device->node, SPDIT_COMPATDRIVER);
    }
    SetupDiSetDeviceInstallParamsW(device->list, &device->node, &before);
    return error;
}

/* Once the device is there, a missing file makes Windows ask for a disk and wait. */
static DWORD check_file(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
        OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD error;

    if (file == INVALID_HANDLE_VALUE)
        return fail(GetLastError(), L"the INF file needs %ls, which cannot be read", path);
    error = image_check(path, file);
    CloseHandle(file);
    return error;
}

struct scan {
    struct driver *brings;
    DWORD error;
};

static UINT CALLBACK on_file(void *context, UINT notification, UINT_PTR argument, UINT_PTR unused)
{
    const FILEPATHS_W *paths = (const FILEPATHS_W *)argument;
    struct scan *scan = context;

    (void)unused;
    if (notification != SPFILENOTIFY_QUEUESCAN_EX || scan->error)
        return NO_ERROR;
    scan->error = check_file(paths->Source);
    if (GetFileAttributesW(paths->Target) == INVALID_FILE_ATTRIBUTES)
        driver_add_file(scan->brings, paths->Target);
    return NO_ERROR;
}

/* Lets SetupAPI plan the copying: only it knows all the rules by which sources follow. */
static DWORD check_files(
    HINF inf, const wchar_t *section, const wchar_t *folder, struct driver *brings)
{
    HSPFILEQ queue = SetupOpenFileQueue();
    struct scan scan = { .brings = brings };
    DWORD result;

    if (queue == INVALID_HANDLE_VALUE)
        return fail(GetLastError(), L"cannot plan the copying of files");
    if (!SetupInstallFilesFromInfSectionW(inf, NULL, queue, section, folder, 0))
        scan.error = fail(GetLastError(), L"cannot plan the copying of [%ls]", section);
    else if (!SetupScanFileQueueW(
                 queue, SPQ_SCAN_USE_CALLBACKEX, NULL, on_file, &scan, &result) &&
             !scan.error)
        scan.error = fail(GetLastError(), L"cannot list the files of [%ls]", section);
    SetupCloseFileQueue(queue);
    return scan.error;
}

DWORD package_check(struct device *device, const wchar_t *hardware_id, const wchar_t *inf,
    struct driver *brings)
{
    wchar_t name[LINE_LEN], section[LINE_LEN], folder[MAX_PATH];
    DWORD error = find_section(device, hardware_id, inf, name);
    UINT line = 0;
    HINF handle;

    if (error)
        return error;
    wcscpy(folder, inf);
    *(wcsrchr(folder, L'\\') + 1) = L'\0';
    handle = SetupOpenInfFileW(inf, NULL, INF_STYLE_WIN4, &line);
    if (handle == INVALID_HANDLE_VALUE)
        return fail(GetLastError(), L"cannot read %ls, line %u", inf, line);
    if (!SetupDiGetActualSectionToInstallW(handle, name, section, LINE_LEN, NULL, NULL))
        error = fail(GetLastError(), L"%ls has no [%ls]", inf, name);
    else
        error = check_files(handle, section, folder, brings);
    SetupCloseInfFile(handle);
    return error;
}
