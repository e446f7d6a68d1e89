/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* faults: has the faulty miniport make each of its faults, and says which, in their order. */

#include <windows.h>
#include <winioctl.h>
#include <ntddscsi.h>
#include <stdio.h>
#include <string.h>

#include "../storport/control.h"
#include "faults.h"

#define PROCESS_SERVICE_IRP 0x0004d038
#define PATIENCE 120000 /* ms */

#define NAME(name) #name,
static const char *const names[] = { FAULTS(NAME) };

static HANDLE open_adapter(void)
{
    char name[16];
    HANDLE adapter;
    int i;

    /* There may be others, of lower numbers. */
    for (i = 7; i >= 0; i--) {
        snprintf(name, sizeof name, "\\\\.\\Scsi%d:", i);
        adapter = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
            FILE_FLAG_OVERLAPPED, NULL);
        if (adapter != INVALID_HANDLE_VALUE)
            return adapter;
    }
    return INVALID_HANDLE_VALUE;
}

/* Whether it ended; the buffers of one that does not stay. */
static BOOL control(HANDLE adapter, DWORD code, void *buffer, DWORD length, DWORD wait)
{
    static OVERLAPPED overlapped[FAULT_COUNT];
    static int used;
    OVERLAPPED *o = &overlapped[used++];
    DWORD moved;

    o->hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!DeviceIoControl(adapter, code, buffer, length, buffer, length, &moved, o) &&
        GetLastError() != ERROR_IO_PENDING)
        return TRUE;
    return WaitForSingleObject(o->hEvent, wait) == WAIT_OBJECT_0;
}

static BOOL command(HANDLE adapter, enum fault fault)
{
    static struct {
        SCSI_PASS_THROUGH header;
        UCHAR sense[32], data[512];
    } commands[FAULT_COUNT], *sent;

    sent = &commands[fault];
    sent->header = (SCSI_PASS_THROUGH){
        .Length = sizeof sent->header,
        .CdbLength = 6,
        .SenseInfoLength = sizeof sent->sense,
        .DataIn = SCSI_IOCTL_DATA_IN,
        .DataTransferLength = sizeof sent->data,
        .TimeOutValue = 1,
        .Cdb = { 0, 0, (UCHAR)fault, 1 },
    };
    sent->header.SenseInfoOffset = (ULONG)((UCHAR *)sent->sense - (UCHAR *)sent);
    sent->header.DataBufferOffset = (ULONG_PTR)((UCHAR *)sent->data - (UCHAR *)sent);
    return control(adapter, IOCTL_SCSI_PASS_THROUGH, sent, sizeof *sent, PATIENCE);
}

int main(void)
{
    HANDLE adapter = open_adapter();
    int i;

    if (adapter == INVALID_HANDLE_VALUE) {
        printf("the adapter cannot be opened: error %lu\n", GetLastError());
        return 3;
    }
    for (i = 0; i < FAULT_COUNT; i++) {
        static ULONGLONG numbers[FAULT_COUNT];
        BOOL ended;

        numbers[i] = (ULONG)i;
        if (!strncmp(names[i], "IRP_", 4))
            ended = control(adapter, PROCESS_SERVICE_IRP, &numbers[i], sizeof *numbers,
                i == FAULT_IRP_NEVER ? 0 : PATIENCE);
        else if (!strncmp(names[i], "RESET_", 6))
            ended = control(adapter, DOUBLE_IOCTL_RESET_BUS, &numbers[i], sizeof(ULONG), PATIENCE);
        else
            ended = command(adapter, (enum fault)i);
        printf("%s%s\n", names[i], ended ? "" : " has not ended");
        fflush(stdout);
    }
    return 0;
}
