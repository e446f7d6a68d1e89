/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "drive.h"

#include <winternl.h>

#define PROGRAM L"C:\\winspd\\memdisk-x64.exe"

NTSYSAPI NTSTATUS NTAPI NtCreateSymbolicLinkObject(
    HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, UNICODE_STRING *);

struct drive drive_of_disk(unsigned disk)
{
    struct drive drive = { .root = L"K:\\" };
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name, target;
    wchar_t link[16], device[32];

    swprintf(device, 32, L"\\Device\\SpdDisk%u", disk);
    RtlInitUnicodeString(&target, device);
    /* Two tests may run at once. */
    for (wchar_t letter = L'K'; letter < L'Z' && !drive.link; letter++) {
        swprintf(link, 16, L"\\??\\%c:", letter);
        RtlInitUnicodeString(&name, link);
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        drive.root[0] = letter;
        if (NtCreateSymbolicLinkObject(&drive.link, 0xf0001, &attributes, &target))
            drive.link = NULL;
    }
    CHECK(drive.link);
    return drive;
}

/* A test that fails ends its process, and the server must not outlive it. */
static HANDLE job(void)
{
    static HANDLE job;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    };

    if (!job) {
        job = CreateJobObjectW(NULL, NULL);
        CHECK(SetInformationJobObject(
            job, JobObjectExtendedLimitInformation, &limits, sizeof limits));
    }
    return job;
}

static void start_server(struct drive *drive, const wchar_t *options)
{
    SECURITY_ATTRIBUTES attributes = { sizeof attributes, NULL, TRUE };
    STARTUPINFOW startup = { .cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    wchar_t line[256];
    char byte;
    DWORD bytes;
    HANDLE theirs;

    CHECK(CreatePipe(&drive->output, &theirs, &attributes, 0));
    SetHandleInformation(drive->output, HANDLE_FLAG_INHERIT, 0);
    startup.hStdOutput = theirs;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    swprintf(line, 256, L"\"" PROGRAM L"\" --size 1M %ls", options);
    CHECK(CreateProcessW(
        PROGRAM, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, &process));
    CloseHandle(theirs);
    drive->server = process.hProcess;
    drive->pid = process.dwProcessId;
    CHECK(AssignProcessToJobObject(job(), process.hProcess));
    ResumeThread(process.hThread);
    CloseHandle(process.hThread);
    CHECK(ReadFile(drive->output, &byte, 1, &bytes, NULL)); /* of "serving" */
}

/* The double makes the disk after the unit has been provisioned. */
static unsigned await_disk(struct drive *drive)
{
    struct launch_volumes disks = { 0 };
    unsigned number;

    WAIT_UNTIL(!launch_volume_find(LAUNCH_DISKS, drive->pid, &disks) && disks.count);
    number = disks.items[0].disk;
    drive->owner = disks.items[0].owner;
    launch_volume_release(&disks);
    return number;
}

struct drive drive_start(const wchar_t *options)
{
    struct drive drive = { 0 }, lettered;

    start_server(&drive, options);
    lettered = drive_of_disk(await_disk(&drive));
    lettered.server = drive.server;
    lettered.output = drive.output;
    lettered.pid = drive.pid;
    lettered.owner = drive.owner;
    return lettered;
}

void drive_kill(struct drive *drive)
{
    TerminateProcess(drive->server, 0);
    CHECK_EQUAL(WaitForSingleObject(drive->server, PATIENCE), WAIT_OBJECT_0);
}

void drive_close(struct drive *drive)
{
    CloseHandle(drive->link);
    if (!drive->server)
        return;
    drive_kill(drive);
    CloseHandle(drive->server);
    CloseHandle(drive->output);
}

IContextMenu *drive_menu(const struct drive *drive)
{
    const wchar_t *paths[] = { drive->root };
    IDataObject *data = data_of(1, paths);
    IShellExtInit *init = create(&eject_id, &IID_IShellExtInit);
    IContextMenu *menu = NULL;

    if (SUCCEEDED(IShellExtInit_Initialize(init, NULL, data, NULL)))
        CHECK_RESULT(IShellExtInit_QueryInterface(init, &IID_IContextMenu, (void **)&menu), S_OK);
    IShellExtInit_Release(init);
    IDataObject_Release(data);
    return menu;
}
