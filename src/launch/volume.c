/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/volume.h"

#include "launch/inquiry.h"

#include <setupapi.h>
#include <stdlib.h>
#include <winioctl.h>

/* A descriptor of Windows has the page of a disk, at most 255 bytes of 16-bit length each. */
enum {
    DESCRIPTOR_MAX = 4096,
    FULL_SHARING = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE
};

/* GUID_DEVINTERFACE_VOLUME and _DISK: some programs that link this define them, others do not. */
static const GUID interfaces[] = {
    [LAUNCH_VOLUMES] = { 0x53f5630d, 0xb6bf, 0x11d0,
        { 0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b } },
    [LAUNCH_DISKS] = { 0x53f56307, 0xb6bf, 0x11d0,
        { 0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b } },
};

static DWORD query(HANDLE device, STORAGE_PROPERTY_ID property, void *reply, DWORD *length)
{
    STORAGE_PROPERTY_QUERY asked = { .PropertyId = property, .QueryType = PropertyStandardQuery };

    if (DeviceIoControl(device, IOCTL_STORAGE_QUERY_PROPERTY, &asked, sizeof asked, reply,
            DESCRIPTOR_MAX, length, NULL))
        return 0;
    return GetLastError();
}

DWORD launch_volume_owner(HANDLE device, struct launch_owner *owner)
{
    ULONGLONG reply[DESCRIPTOR_MAX / sizeof(ULONGLONG)];
    DWORD length = 0, error;

    *owner = (struct launch_owner){ 0 };
    error = query(device, StorageDeviceProperty, reply, &length);
    if (!error && !launch_designator_is_ours(reply, length))
        error = ERROR_NOT_SUPPORTED;
    if (!error)
        error = query(device, StorageDeviceIdProperty, reply, &length);
    if (!error && !launch_designator_read(reply, length, owner))
        error = ERROR_NOT_SUPPORTED;
    return error;
}

static HANDLE open_path(const wchar_t *path, DWORD access)
{
    return CreateFileW(path, access, FULL_SHARING, NULL, OPEN_EXISTING, 0, NULL);
}

DWORD launch_volume_owner_of(const wchar_t *path, struct launch_owner *owner)
{
    HANDLE device = open_path(path, 0);
    DWORD error;

    *owner = (struct launch_owner){ 0 };
    if (device == INVALID_HANDLE_VALUE)
        return GetLastError();
    error = launch_volume_owner(device, owner);
    CloseHandle(device);
    return error;
}

static DWORD number_of_disk(HANDLE device)
{
    STORAGE_DEVICE_NUMBER number;
    DWORD length;

    if (DeviceIoControl(device, IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, &number, sizeof number,
            &length, NULL) &&
        length == sizeof number && number.DeviceType == FILE_DEVICE_DISK)
        return number.DeviceNumber;
    return LAUNCH_NO_DISK;
}

static DWORD add(struct launch_volumes *volumes, const wchar_t *path, DWORD disk,
    const struct launch_owner *owner)
{
    struct launch_volume *items = realloc(
        volumes->items, (volumes->count + 1) * sizeof *volumes->items);
    wchar_t *copy;

    if (!items)
        return ERROR_NOT_ENOUGH_MEMORY;
    volumes->items = items;
    copy = _wcsdup(path);
    if (!copy)
        return ERROR_NOT_ENOUGH_MEMORY;
    items[volumes->count++] = (struct launch_volume){ .path = copy, .disk = disk, .owner = *owner };
    return 0;
}

/* Other volumes, and those that do not answer, are passed over: only a volume that names the
 * process is the process's.
 */
static DWORD look(const wchar_t *path, DWORD pid, struct launch_volumes *volumes)
{
    HANDLE device = open_path(path, 0);
    struct launch_owner owner;
    DWORD error = 0, disk;

    if (device == INVALID_HANDLE_VALUE)
        return 0;
    if (!launch_volume_owner(device, &owner)) {
        disk = number_of_disk(device);
        if (disk != LAUNCH_NO_DISK)
            launch_inquiry_update(disk, &owner);
        if (!pid || owner.pid == pid)
            error = add(volumes, path, disk, &owner);
    }
    CloseHandle(device);
    return error;
}

/* Looks at an interface; the name has no bound. */
static DWORD look_at_interface(
    HDEVINFO devices, SP_DEVICE_INTERFACE_DATA *data, DWORD pid, struct launch_volumes *volumes)
{
    SP_DEVICE_INTERFACE_DETAIL_DATA_W *detail;
    DWORD size = 0, error = 0;

    SetupDiGetDeviceInterfaceDetailW(devices, data, NULL, 0, &size, NULL);
    if (size < sizeof *detail)
        return 0;
    detail = calloc(1, size);
    if (!detail)
        return ERROR_NOT_ENOUGH_MEMORY;
    detail->cbSize = sizeof *detail;
    if (SetupDiGetDeviceInterfaceDetailW(devices, data, detail, size, NULL, NULL))
        error = look(detail->DevicePath, pid, volumes);
    free(detail);
    return error;
}

DWORD launch_volume_find(enum launch_volume_kind kind, DWORD pid, struct launch_volumes *volumes)
{
    SP_DEVICE_INTERFACE_DATA data = { .cbSize = sizeof data };
    HDEVINFO devices = SetupDiGetClassDevsW(
        &interfaces[kind], NULL, NULL, DIGCF_PRESENT | DIGCF_DEVICEINTERFACE);
    DWORD error = 0;

    *volumes = (struct launch_volumes){ 0 };
    if (devices == INVALID_HANDLE_VALUE)
        return GetLastError();
    for (DWORD i = 0;
         !error && SetupDiEnumDeviceInterfaces(devices, NULL, &interfaces[kind], i, &data); i++)
        error = look_at_interface(devices, &data, pid, volumes);
    SetupDiDestroyDeviceInfoList(devices);
    if (error)
        launch_volume_release(volumes);
    return error;
}

static DWORD control(HANDLE volume, DWORD code)
{
    DWORD length;

    return DeviceIoControl(volume, code, NULL, 0, NULL, 0, &length, NULL) ? 0 : GetLastError();
}

/* A file system's errors while a program has a file open, or holds the lock. All other errors say
 * that there is nothing to lock: the disk or its server has gone. */
static bool is_refusal(DWORD error)
{
    return error == ERROR_ACCESS_DENIED || error == ERROR_SHARING_VIOLATION ||
           error == ERROR_BUSY || error == ERROR_DRIVE_LOCKED;
}

static DWORD lock(struct launch_volume *volume)
{
    HANDLE handle = open_path(volume->path, GENERIC_READ | GENERIC_WRITE);
    DWORD error;

    if (handle == INVALID_HANDLE_VALUE)
        return GetLastError();
    error = control(handle, FSCTL_LOCK_VOLUME);
    if (!error)
        error = control(handle, FSCTL_DISMOUNT_VOLUME);
    if (is_refusal(error)) {
        CloseHandle(handle);
        return error;
    }
    volume->handle = handle;
    return 0;
}

DWORD launch_volume_lock(struct launch_volumes *volumes, const struct launch_volume **refused)
{
    DWORD error = 0;

    *refused = NULL;
    for (size_t i = 0; i < volumes->count; i++) {
        struct launch_volume *volume = &volumes->items[i];

        if (volume->handle || !is_refusal(lock(volume)) || *refused)
            continue;
        *refused = volume;
        error = ERROR_DEVICE_IN_USE;
    }
    return error;
}

void launch_volume_release(struct launch_volumes *volumes)
{
    for (size_t i = 0; i < volumes->count; i++) {
        /* The lock ends with the handle. */
        if (volumes->items[i].handle)
            CloseHandle(volumes->items[i].handle);
        free(volumes->items[i].path);
    }
    free(volumes->items);
    *volumes = (struct launch_volumes){ 0 };
}
