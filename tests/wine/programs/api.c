/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The common part of the DLL's suites on the driver. */

#include "api.h"

#include <winioctl.h>

#include "../storport/control.h"

HANDLE device;

SPD_IOCTL_STORAGE_UNIT_PARAMS api_params(const GUID *guid, UINT32 max_blocks)
{
    return (SPD_IOCTL_STORAGE_UNIT_PARAMS){ .Guid = *guid, .BlockCount = 16, .BlockLength = BLOCK,
        .MaxTransferLength = max_blocks * BLOCK };
}

UINT32 api_units(void)
{
    UINT32 list[256], size = sizeof list;

    CHECK_EQUAL(SpdIoctlGetList(device, list, &size), 0);
    return size / sizeof *list;
}

void api_stop(SPD_STORAGE_UNIT *unit)
{
    DWORD error;

    SpdStorageUnitShutdown(unit);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    CHECK_EQUAL(error, 0);
    SpdStorageUnitDelete(unit);
}

struct command api_move(UINT32 btl, BOOL write, UINT64 block, UINT32 count, PVOID data)
{
    struct command command = { .btl = btl, .direction = write ? -1 : 1, .data = data,
        .length = count * BLOCK };
    UCHAR *cdb = command.cdb.AsByte;
    int i;

    cdb[0] = write ? SCSIOP_WRITE16 : SCSIOP_READ16;
    for (i = 0; i < 8; i++)
        cdb[2 + i] = (UCHAR)(block >> (56 - 8 * i));
    for (i = 0; i < 4; i++)
        cdb[10 + i] = (UCHAR)(count >> (24 - 8 * i));
    return command;
}

void api_run(struct command *command)
{
    command->error = SpdIoctlScsiExecute(device, command->btl, &command->cdb, command->direction,
        command->data, &command->length, &command->status, command->sense);
}

static DWORD WINAPI command_thread(void *context)
{
    api_run(context);
    return 0;
}

void api_start(struct command *command)
{
    command->thread = CreateThread(NULL, 0, command_thread, command, 0, NULL);
    CHECK(command->thread);
}

void api_wait(struct command *command)
{
    CHECK_EQUAL(WaitForSingleObject(command->thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(command->thread);
}

void api_abort(UINT32 btl, UCHAR which)
{
    enum { ABORT_COMMAND = 0x10, ABORTED_IN_ORDER = 1 };
    struct double_srb srb = { .btl = btl, .function = ABORT_COMMAND, .which = which };
    OVERLAPPED overlapped = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
    DWORD got;

    CHECK(overlapped.hEvent);
    CHECK(DeviceIoControl(
              device, DOUBLE_IOCTL_SRB, &srb, sizeof srb, &srb, sizeof srb, NULL, &overlapped) ||
        GetLastError() == ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(device, &overlapped, &got, TRUE));
    CHECK_EQUAL(srb.status, ABORTED_IN_ORDER);
    CloseHandle(overlapped.hEvent);
}

BOOL api_good(const struct command *command)
{
    return command->error == 0 && command->status == SCSISTAT_GOOD;
}

void api_begin(void)
{
    DWORD error = device ? 0 : SpdIoctlOpenDevice(L"root\\winspd", &device);

    if (error)
        fail(__FILE__, __LINE__, "the adapter cannot be opened: error %lu", error);
}

/* The units of a process that failed go away with it. */
void api_before(void)
{
    WAIT_UNTIL(api_units() == 0);
}
