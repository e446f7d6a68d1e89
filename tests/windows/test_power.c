/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The system's own actions on a disk: it is ejected, and the machine sleeps. */

#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <winioctl.h>
#include <cfgmgr32.h>
#include <powrprof.h>
#include <setupapi.h>

#include "../wine/programs/check.h"
#include "kit_disk.h"

#define LENGTH (1 << 20)
#define SLEEP_SECONDS 45

/* GUID_DEVINTERFACE_DISK, whose definition in the headers is no constant of C. */
static const GUID disk_interface = { 0x53f56307, 0xb6bf, 0x11d0,
    { 0x94, 0xf2, 0x00, 0xa0, 0xc9, 0x1e, 0xfb, 0x8b } };
static struct kit_disk disk;

static bool has_number(HDEVINFO devices, SP_DEVICE_INTERFACE_DATA *entry, int number,
    SP_DEVINFO_DATA *device)
{
    union {
        SP_DEVICE_INTERFACE_DETAIL_DATA_A header;
        char room[1024];
    } detail = { .header = { .cbSize = sizeof detail.header } };
    STORAGE_DEVICE_NUMBER found = { .DeviceNumber = (DWORD)-1 };
    HANDLE handle;
    DWORD got;

    device->cbSize = sizeof *device;
    if (!SetupDiGetDeviceInterfaceDetailA(
            devices, entry, &detail.header, sizeof detail, NULL, device))
        return false;
    handle = CreateFileA(detail.header.DevicePath, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
        OPEN_EXISTING, 0, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return false;
    DeviceIoControl(
        handle, IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, &found, sizeof found, &got, NULL);
    CloseHandle(handle);
    return found.DeviceNumber == (DWORD)number;
}

/* The disk's node in the device manager; 0: it has none. */
static DEVINST node_of(int number)
{
    HDEVINFO devices = SetupDiGetClassDevsA(
        &disk_interface, NULL, NULL, DIGCF_PRESENT | DIGCF_DEVICEINTERFACE);
    SP_DEVICE_INTERFACE_DATA entry = { .cbSize = sizeof entry };
    SP_DEVINFO_DATA device;
    DEVINST node = 0;
    DWORD i;

    for (i = 0; !node && SetupDiEnumDeviceInterfaces(
                             devices, NULL, &disk_interface, i, &entry); i++)
        if (has_number(devices, &entry, number, &device))
            node = device.DevInst;
    SetupDiDestroyDeviceInfoList(devices);
    return node;
}

/* As by Explorer's eject. A service that looks at the new disk may hinder it for a while. */
static void an_ejected_disk_ends_its_server(void)
{
    DEVINST node;

    kit_disk_make(&disk, 1);
    node = node_of(disk.number);
    CHECK(node);
    WAIT_UNTIL(!CM_Request_Device_EjectA(node, NULL, NULL, 0, 0));
    CHECK_EQUAL(WaitForSingleObject(disk.server, PATIENCE), WAIT_OBJECT_0);
    kit_disk_remove(&disk);
}

static HANDLE open_disk(void)
{
    char path[40];
    HANDLE handle;

    snprintf(path, sizeof path, "\\\\.\\PhysicalDrive%d", disk.number);
    handle = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
        NULL, OPEN_EXISTING, FILE_FLAG_NO_BUFFERING, NULL);
    CHECK(handle != INVALID_HANDLE_VALUE);
    return handle;
}

/* A timer wakes the machine, if its settings allow that; otherwise its user does. */
static void sleep_for_a_while(void)
{
    LARGE_INTEGER when = { .QuadPart = -10000000LL * SLEEP_SECONDS };
    HANDLE timer = CreateWaitableTimerA(NULL, TRUE, NULL);

    CHECK(timer && SetWaitableTimer(timer, &when, 0, NULL, NULL, TRUE));
    printf("# the machine sleeps for %d s; wake it if it does not wake by itself\n", SLEEP_SECONDS);
    fflush(stdout);
    if (!SetSuspendState(FALSE, FALSE, FALSE))
        fail(__FILE__, __LINE__, "the machine does not sleep: error %lu", GetLastError());
    WaitForSingleObject(timer, INFINITE);
    CloseHandle(timer);
}

static void a_disk_is_there_after_sleep(void)
{
    UINT8 *data = VirtualAlloc(NULL, LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    UINT8 *back = VirtualAlloc(NULL, LENGTH, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    struct disk_identity found;
    HANDLE handle;
    DWORD done;

    if (!IsPwrSuspendAllowed())
        skip("this machine does not sleep in the classic way (S1 to S3)");
    CHECK(data && back);
    kit_disk_make(&disk, 1);
    fill_pattern(data, 0, LENGTH / BLOCK, 6);
    CHECK(identity_read(disk.number, &found) && identity_is(&found, &disk.identity));
    handle = open_disk();
    CHECK(WriteFile(handle, data, LENGTH, &done, NULL) && done == LENGTH);
    sleep_for_a_while();
    CHECK(SetFilePointer(handle, 0, NULL, FILE_BEGIN) == 0);
    CHECK(ReadFile(handle, back, LENGTH, &done, NULL) && done == LENGTH);
    CHECK_BYTES(back, data, LENGTH);
    CloseHandle(handle);
    kit_disk_remove(&disk);
    VirtualFree(data, 0, MEM_RELEASE);
    VirtualFree(back, 0, MEM_RELEASE);
}

const struct test power_tests[] = {
    { "power: an ejected disk ends its server", an_ejected_disk_ends_its_server,
        .needs = NEEDS_WINDOWS },
    { "power: a disk is there after the machine slept", a_disk_is_there_after_sleep,
        .needs = NEEDS_WINDOWS | ONLY_BY_NAME },
    { 0 }
};
