/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "kit_disk.h"

#include <stdio.h>
#include <string.h>
#include <winioctl.h>

#include "../wine/programs/check.h"

#define DISKS 64
#define PRODUCT "winspd-kit"

static struct kit_disk *made; /* what tidy_up() has to remove */

bool identity_is(const struct disk_identity *found, const struct disk_identity *wanted)
{
    return !strcmp(found->vendor, wanted->vendor) && !strcmp(found->product, wanted->product) &&
        !strcmp(found->serial, wanted->serial) && found->bytes == wanted->bytes;
}

static void take_text(char *to, size_t room, const char *reply, DWORD length, DWORD at)
{
    size_t i = 0;

    while (at && at < length && reply[at] && i + 1 < room)
        to[i++] = reply[at++];
    while (i && to[i - 1] == ' ')
        i--;
    to[i] = 0;
}

static bool read_from(HANDLE disk, struct disk_identity *identity)
{
    STORAGE_PROPERTY_QUERY query = {
        .PropertyId = StorageDeviceProperty, .QueryType = PropertyStandardQuery };
    union {
        STORAGE_DEVICE_DESCRIPTOR header;
        char text[1024];
    } reply = { 0 };
    GET_LENGTH_INFORMATION length;
    DWORD got = 0;

    if (!DeviceIoControl(disk, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, &reply,
            sizeof reply, &got, NULL) || got < sizeof reply.header)
        return false;
    take_text(identity->vendor, sizeof identity->vendor, reply.text, got,
        reply.header.VendorIdOffset);
    take_text(identity->product, sizeof identity->product, reply.text, got,
        reply.header.ProductIdOffset);
    take_text(identity->serial, sizeof identity->serial, reply.text, got,
        reply.header.SerialNumberOffset);
    if (!DeviceIoControl(
            disk, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, &got, NULL))
        return false;
    identity->bytes = (unsigned long long)length.Length.QuadPart;
    return true;
}

bool identity_read(int number, struct disk_identity *identity)
{
    char path[40];
    HANDLE disk;
    bool known;

    snprintf(path, sizeof path, "\\\\.\\PhysicalDrive%d", number);
    disk = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
        0, NULL);
    if (disk == INVALID_HANDLE_VALUE)
        return false;
    known = read_from(disk, identity);
    CloseHandle(disk);
    return known;
}

static bool find(struct kit_disk *disk)
{
    struct disk_identity found;

    for (disk->number = 0; disk->number < DISKS; disk->number++)
        if (identity_read(disk->number, &found) && identity_is(&found, &disk->identity))
            return true;
    disk->number = -1;
    return false;
}

static bool has_ended(HANDLE process)
{
    return !WaitForSingleObject(process, 0);
}

void kit_disk_start(struct kit_disk *disk)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    PROCESS_INFORMATION process;
    char folder[MAX_PATH], line[3 * MAX_PATH];

    CHECK(GetModuleFileNameA(NULL, folder, sizeof folder));
    *strrchr(folder, '\\') = 0;
    snprintf(line, sizeof line,
        "\"%s\\rawdisk-" ARCH ".exe\" -f \"%s\" --size %llu --guid %s -i " PRODUCT " --no-mbr",
        folder, disk->image, disk->identity.bytes, disk->identity.serial);
    if (!CreateProcessA(
            NULL, line, NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL, &startup, &process))
        fail(__FILE__, __LINE__, "%s cannot be started: error %lu", line, GetLastError());
    CloseHandle(process.hThread);
    disk->server = process.hProcess;
    WAIT_UNTIL(find(disk) || has_ended(disk->server));
    if (has_ended(disk->server))
        fail(__FILE__, __LINE__, "it ends at once, and may say why: %s", line);
}

static void end_server(struct kit_disk *disk)
{
    if (!disk->server)
        return;
    TerminateProcess(disk->server, 9);
    WaitForSingleObject(disk->server, PATIENCE);
    CloseHandle(disk->server);
    disk->server = NULL;
}

void kit_disk_kill(struct kit_disk *disk)
{
    end_server(disk);
    WAIT_UNTIL(!find(disk));
}

/* rawdisk has files beside its image. */
static void empty_folder(const char *folder)
{
    char path[2 * MAX_PATH];
    WIN32_FIND_DATAA found;
    HANDLE search;

    snprintf(path, sizeof path, "%s\\*", folder);
    search = FindFirstFileA(path, &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        snprintf(path, sizeof path, "%s\\%s", folder, found.cFileName);
        DeleteFileA(path); /* and no folder */
    } while (FindNextFileA(search, &found));
    FindClose(search);
}

static void tidy_up(void)
{
    char root[MAX_PATH + 2];

    if (!made)
        return;
    snprintf(root, sizeof root, "%s\\", made->volume);
    DeleteVolumeMountPointA(root);
    end_server(made);
    RemoveDirectoryA(made->volume);
    empty_folder(made->folder);
    RemoveDirectoryA(made->folder);
    made = NULL;
}

void kit_disk_remove(struct kit_disk *disk)
{
    tidy_up();
    WAIT_UNTIL(!find(disk));
}

/* Unique among all disks: of the time, the process and the processor's clock. */
static void draw_serial(char *serial, size_t room)
{
    LARGE_INTEGER ticks;
    FILETIME now;

    QueryPerformanceCounter(&ticks);
    GetSystemTimeAsFileTime(&now);
    snprintf(serial, room, "%08lx-%04lx-4%03lx-8%03lx-%08lx%04lx", now.dwLowDateTime,
        now.dwHighDateTime & 0xffff, GetCurrentProcessId() & 0xfff,
        (GetCurrentProcessId() >> 12) & 0xfff, (DWORD)ticks.LowPart,
        (DWORD)ticks.HighPart & 0xffff);
}

void kit_disk_make(struct kit_disk *disk, unsigned gibibytes)
{
    char place[MAX_PATH];

    memset(disk, 0, sizeof *disk);
    strcpy(disk->identity.vendor, "WinSpd");
    strcpy(disk->identity.product, PRODUCT);
    draw_serial(disk->identity.serial, sizeof disk->identity.serial);
    disk->identity.bytes = (unsigned long long)gibibytes << 30;
    CHECK(GetTempPathA(sizeof place, place));
    CHECK(strlen(place) < MAX_PATH - 60);
    snprintf(disk->folder, sizeof disk->folder, "%.200swinspd-kit-%.8s", place,
        disk->identity.serial);
    snprintf(disk->image, sizeof disk->image, "%.240s\\image", disk->folder);
    snprintf(disk->script, sizeof disk->script, "%.240s\\script", disk->folder);
    snprintf(disk->volume, sizeof disk->volume, "%.240s\\volume", disk->folder);
    CHECK(CreateDirectoryA(disk->folder, NULL));
    CHECK(CreateDirectoryA(disk->volume, NULL));
    made = disk;
    tidy = tidy_up;
    kit_disk_start(disk);
}
