/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * liar NAME LIE: serves a little RAM disk on the pipe NAME\0, to one client, by documented calls
 * alone and not always as agreed. Says "serving" when its pipe is there; ends with its client.
 */

#include <windows.h>
#include <stdio.h>
#include <string.h>

#include <winspd/winspd.h>

enum { BLOCK = 512, BLOCKS = 64, TRANSFER = 8192, HEADER = 48 };

static UCHAR memory[BLOCKS * BLOCK];
static UCHAR kept[TRANSFER]; /* what was read first */
static BOOL has_kept;
static struct {
    union {
        SPD_IOCTL_TRANSACT_REQ request;
        SPD_IOCTL_TRANSACT_RSP response;
    };
    UCHAR data[TRANSFER];
} message;
static const char *lie;

static BOOL lies(const char *name)
{
    return !strcmp(lie, name);
}

static void greet(HANDLE pipe)
{
    SPD_STORAGE_UNIT_PARAMS params = { .Guid.Data1 = 1, .BlockCount = BLOCKS, .BlockLength = BLOCK,
        .CacheSupported = 1, .UnmapSupported = 1, .MaxTransferLength = TRANSFER };
    UCHAR longer[sizeof params + 24] = { 0 };
    DWORD sent;

    if (lies("no blocks"))
        params.BlockCount = 0;
    if (lies("short blocks"))
        params.BlockLength = 8;
    if (lies("no transfers"))
        params.MaxTransferLength = 0;
    if (lies("odd transfers"))
        params.MaxTransferLength = BLOCK + 1;
    memcpy(longer, &params, sizeof params);
    WriteFile(pipe, longer, lies("short greeting") ? 100 :
        lies("long greeting") ? sizeof longer : sizeof params, &sent, NULL);
}

/* The length of the answer's data. */
static DWORD serve(const SPD_IOCTL_TRANSACT_REQ *request)
{
    DWORD length = request->Op.Read.BlockCount * BLOCK;
    UCHAR *at = memory + request->Op.Read.BlockAddress * BLOCK;
    const SPD_UNMAP_DESCRIPTOR *range = (const void *)message.data;

    switch (request->Kind) {
    case SpdIoctlTransactReadKind:
        memcpy(message.data, lies("old data") && has_kept ? kept : at, length);
        memcpy(kept, message.data, length);
        has_kept = TRUE;
        if (lies("wrong bit"))
            message.data[length - 1] ^= 0x10;
        return lies("short data") ? length - BLOCK : length;
    case SpdIoctlTransactWriteKind:
        memcpy(at, message.data, length);
        break;
    case SpdIoctlTransactUnmapKind:
        memset(memory + range->BlockAddress * BLOCK, 0, (SIZE_T)range->BlockCount * BLOCK);
        break;
    }
    return 0;
}

static BOOL answer(HANDLE pipe)
{
    SPD_IOCTL_TRANSACT_REQ request;
    DWORD length, moved;

    if (!ReadFile(pipe, &message, sizeof message, &moved, NULL) || moved < HEADER ||
        lies("hang-up"))
        return FALSE;
    request = message.request;
    length = HEADER + serve(&request);
    memset(&message, 0, HEADER);
    message.response.Hint = request.Hint ^ (lies("hint") ? 4 : 0);
    message.response.Kind = (UINT8)(request.Kind ^ (lies("kind") ? 3 : 0));
    if (lies("error"))
        message.response.Status = (SPD_STORAGE_UNIT_STATUS){
            .ScsiStatus = 2, .SenseKey = 3, .ASC = 0x11, .ASCQ = 1 };
    if (lies("busy"))
        message.response.Status.ScsiStatus = 8;
    if (lies("half a header"))
        length = HEADER / 2;
    return WriteFile(pipe, &message, length, &moved, NULL);
}

int main(int argc, char **argv)
{
    char name[128];
    HANDLE pipe;

    if (argc != 3)
        return ERROR_INVALID_PARAMETER;
    lie = argv[2];
    snprintf(name, sizeof name, "%s\\0", argv[1]);
    pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, sizeof message, sizeof message, 0, NULL);
    if (pipe == INVALID_HANDLE_VALUE)
        return (int)GetLastError();
    printf("serving\n");
    fflush(stdout);
    if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED)
        return (int)GetLastError();
    greet(pipe);
    while (answer(pipe))
        continue;
    CloseHandle(pipe);
    return 0;
}
