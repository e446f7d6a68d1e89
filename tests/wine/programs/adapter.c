/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* adapter add INF | adapter remove: the adapter's device, without devsetup. */

#include <windows.h>
#include <setupapi.h>
#include <newdev.h>
#include <stdio.h>
#include <string.h>

static const GUID scsi_adapter = { 0x4d36e97b, 0xe325, 0x11ce,
    { 0xbf, 0xc1, 0x08, 0x00, 0x2b, 0xe1, 0x03, 0x18 } };
static const wchar_t hardware_ids[] = L"root\\winspd\0";

static int failed(const char *what)
{
    fprintf(stderr, "adapter: %s: error %lu\n", what, GetLastError());
    return 1;
}

static int add(const char *inf)
{
    SP_DEVINFO_DATA device = { .cbSize = sizeof(device) };
    HDEVINFO set = SetupDiCreateDeviceInfoList(&scsi_adapter, NULL);
    wchar_t path[MAX_PATH], full[MAX_PATH];
    BOOL reboot;

    MultiByteToWideChar(CP_ACP, 0, inf, -1, path, MAX_PATH);
    GetFullPathNameW(path, MAX_PATH, full, NULL);
    if (set == INVALID_HANDLE_VALUE ||
        !SetupDiCreateDeviceInfoW(
            set, L"winspd", &scsi_adapter, NULL, NULL, DICD_GENERATE_ID, &device))
        return failed("SetupDiCreateDeviceInfo");
    if (!SetupDiSetDeviceRegistryPropertyW(set, &device, SPDRP_HARDWAREID,
            (const BYTE *)hardware_ids, sizeof(hardware_ids)))
        return failed("SetupDiSetDeviceRegistryProperty");
    if (!SetupDiCallClassInstaller(DIF_REGISTERDEVICE, set, &device))
        return failed("DIF_REGISTERDEVICE");
    if (!UpdateDriverForPlugAndPlayDevicesW(NULL, hardware_ids, full, INSTALLFLAG_FORCE, &reboot))
        return failed("UpdateDriverForPlugAndPlayDevices");
    SetupDiDestroyDeviceInfoList(set);
    return 0;
}

static int remove_all(void)
{
    HDEVINFO set = SetupDiGetClassDevsW(&scsi_adapter, L"root", NULL, 0);
    SP_DEVINFO_DATA device = { .cbSize = sizeof(device) };
    wchar_t ids[128];
    DWORD index;
    int found = 0;

    if (set == INVALID_HANDLE_VALUE)
        return failed("SetupDiGetClassDevs");
    for (index = 0; SetupDiEnumDeviceInfo(set, index, &device); index++) {
        if (!SetupDiGetDeviceRegistryPropertyW(
                set, &device, SPDRP_HARDWAREID, NULL, (BYTE *)ids, sizeof(ids), NULL) ||
            _wcsicmp(ids, hardware_ids))
            continue;
        if (!SetupDiCallClassInstaller(DIF_REMOVE, set, &device))
            return failed("DIF_REMOVE");
        found++;
    }
    SetupDiDestroyDeviceInfoList(set);
    printf("%d removed\n", found);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "add"))
        return add(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "remove"))
        return remove_all();
    fprintf(stderr, "usage: adapter add INF | adapter remove\n");
    return 2;
}
