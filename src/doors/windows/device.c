/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Finds the path of a device name, and opens it. */

#include "doors/windows/windows.h"

#include <initguid.h>
#include <setupapi.h>
#include <string.h>
#include <winioctl.h>

enum { IDS_MAX = 1024, PATH_MAX_CHARS = 1024 };

static bool same_id(PCWSTR a, PCWSTR b)
{
    for (;; a++, b++) {
        WCHAR x = *a >= L'A' && *a <= L'Z' ? (WCHAR)(*a | 0x20) : *a;
        WCHAR y = *b >= L'A' && *b <= L'Z' ? (WCHAR)(*b | 0x20) : *b;

        if (x != y)
            return false;
        if (!x)
            return true;
    }
}

static bool has_id(HDEVINFO devices, SP_DEVINFO_DATA *device, PCWSTR id)
{
    WCHAR ids[IDS_MAX + 2];

    ZeroMemory(ids, sizeof ids);
    if (!SetupDiGetDeviceRegistryPropertyW(devices, device, SPDRP_HARDWAREID, NULL, (BYTE *)ids,
            IDS_MAX * sizeof(WCHAR), NULL))
        return false;
    for (PCWSTR at = ids; *at; at += wcslen(at) + 1) {
        if (same_id(at, id))
            return true;
    }
    return false;
}

static DWORD join(PCWSTR head, PCWSTR tail, PWCHAR path, UINT32 size)
{
    size_t head_length = wcslen(head), tail_length = wcslen(tail);

    if ((head_length + tail_length + 1) * sizeof(WCHAR) > size)
        return ERROR_MORE_DATA;
    memcpy(path, head, head_length * sizeof(WCHAR));
    memcpy(path + head_length, tail, (tail_length + 1) * sizeof(WCHAR));
    return 0;
}

/* The interface that port drivers register; for systems that do not tell the name of the physical
 * device object. */
static DWORD interface_path(
    HDEVINFO devices, SP_DEVINFO_DATA *device, PWCHAR path, UINT32 size)
{
    SP_DEVICE_INTERFACE_DATA data = { .cbSize = sizeof data };
    union {
        SP_DEVICE_INTERFACE_DETAIL_DATA_W detail;
        UCHAR room[sizeof(SP_DEVICE_INTERFACE_DETAIL_DATA_W) + PATH_MAX_CHARS * sizeof(WCHAR)];
    } found = { .detail.cbSize = sizeof found.detail };
    WCHAR instance[PATH_MAX_CHARS];
    HDEVINFO interfaces;
    DWORD error = ERROR_FILE_NOT_FOUND;

    if (!SetupDiGetDeviceInstanceIdW(devices, device, instance, PATH_MAX_CHARS, NULL))
        return GetLastError();
    interfaces = SetupDiGetClassDevsW(&GUID_DEVINTERFACE_STORAGEPORT, instance, NULL,
        DIGCF_PRESENT | DIGCF_DEVICEINTERFACE);
    if (interfaces == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (SetupDiEnumDeviceInterfaces(interfaces, NULL, &GUID_DEVINTERFACE_STORAGEPORT, 0, &data) &&
        SetupDiGetDeviceInterfaceDetailW(
            interfaces, &data, &found.detail, sizeof found, NULL, NULL))
        error = join(L"", found.detail.DevicePath, path, size);
    SetupDiDestroyDeviceInfoList(interfaces);
    return error;
}

static DWORD device_path(HDEVINFO devices, SP_DEVINFO_DATA *device, PWCHAR path, UINT32 size)
{
    WCHAR name[PATH_MAX_CHARS + 1];

    ZeroMemory(name, sizeof name);
    if (SetupDiGetDeviceRegistryPropertyW(devices, device, SPDRP_PHYSICAL_DEVICE_OBJECT_NAME, NULL,
            (BYTE *)name, PATH_MAX_CHARS * sizeof(WCHAR), NULL))
        return join(L"\\\\?\\GLOBALROOT", name, path, size);
    return interface_path(devices, device, path, size);
}

static DWORD find_hardware_id(GUID *class, PCWSTR id, PWCHAR path, UINT32 size)
{
    SP_DEVINFO_DATA device = { .cbSize = sizeof device };
    DWORD error = ERROR_FILE_NOT_FOUND;
    HDEVINFO devices = SetupDiGetClassDevsW(
        class, NULL, NULL, DIGCF_PRESENT | (class ? 0 : DIGCF_ALLCLASSES));

    if (devices == INVALID_HANDLE_VALUE)
        return GetLastError();
    for (DWORD i = 0;; i++) {
        if (!SetupDiEnumDeviceInfo(devices, i, &device)) {
            if (GetLastError() != ERROR_NO_MORE_ITEMS)
                error = GetLastError();
            break;
        }
        if (has_id(devices, &device, id)) {
            error = device_path(devices, &device, path, size);
            break;
        }
    }
    SetupDiDestroyDeviceInfoList(devices);
    return error;
}

DWORD SPD_CALL SpdIoctlGetDevicePath(
    GUID *ClassGuid, PWSTR DeviceName, PWCHAR PathBuf, UINT32 PathBufSize)
{
    if (!wcsncmp(DeviceName, L"\\\\?\\", 4) || !wcsncmp(DeviceName, L"\\\\.\\", 4))
        return join(L"", DeviceName, PathBuf, PathBufSize);
    if (DeviceName[0] == L'\\')
        return join(L"\\\\?\\GLOBALROOT", DeviceName, PathBuf, PathBufSize);
    if (wcspbrk(DeviceName, L"\\*"))
        return find_hardware_id(ClassGuid, DeviceName, PathBuf, PathBufSize);
    return join(L"\\\\?\\", DeviceName, PathBuf, PathBufSize);
}

DWORD SPD_CALL SpdIoctlOpenDevice(PWSTR DeviceName, PHANDLE PDeviceHandle)
{
    WCHAR path[PATH_MAX_CHARS];
    DWORD error;

    *PDeviceHandle = INVALID_HANDLE_VALUE;
    error = SpdIoctlGetDevicePath(NULL, DeviceName, path, sizeof path);
    if (error)
        return error;
    /* Without the flag the system would let only one request through at a time. */
    *PDeviceHandle = CreateFileW(path, GENERIC_READ | GENERIC_WRITE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    return *PDeviceHandle == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}
