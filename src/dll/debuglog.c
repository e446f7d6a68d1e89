/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The debug log: a line for each request, and one for each response. */

#include "dll/dll.h"

#include <string.h>

enum { LINE_MAX_BYTES = 1024, /* wvsprintf writes no more, with the NUL */ NAME_MAX_CHARS = 20 };

static HANDLE log_handle = INVALID_HANDLE_VALUE;

void dll_program_name(WCHAR *name, DWORD count)
{
    WCHAR path[MAX_PATH + 1] = L"";
    WCHAR *base = path, *dot = NULL;
    DWORD length;

    GetModuleFileNameW(NULL, path, MAX_PATH);
    for (WCHAR *at = path; *at; at++) {
        if (*at == L'\\') {
            base = at + 1;
            dot = NULL;
        } else if (*at == L'.') {
            dot = at;
        }
    }
    if (dot)
        *dot = 0;
    for (length = 0; base[length] && length < count - 1; length++)
        name[length] = base[length];
    name[length] = 0;
}

VOID SPD_CALL SpdDebugLogSetHandle(HANDLE Handle)
{
    log_handle = Handle;
}

static void write_line(const char *line)
{
    DWORD written;

    if (log_handle != INVALID_HANDLE_VALUE)
        WriteFile(log_handle, line, (DWORD)strlen(line), &written, NULL);
    else
        OutputDebugStringA(line);
}

VOID SPD_CALL SpdDebugLog(const char *Format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list ap;

    va_start(ap, Format);
    wvsprintfA(line, Format, ap);
    va_end(ap);
    /* Whether a line that was cut has its NUL depends on the system. */
    line[LINE_MAX_BYTES - 1] = 0;
    write_line(line);
}

/* "name[TID=tid]: hint: " */
static int put_origin(char *line, UINT64 hint)
{
    WCHAR name[NAME_MAX_CHARS];

    dll_program_name(name, NAME_MAX_CHARS);
    return wsprintfA(line, "%S[TID=%04lx]: %p: ", name, GetCurrentThreadId(),
        (void *)(ULONG_PTR)hint);
}

static unsigned long high(UINT64 value)
{
    return (unsigned long)(value >> 32);
}

static unsigned long low(UINT64 value)
{
    return (unsigned long)value;
}

VOID SPD_CALL SpdDebugLogRequest(SPD_IOCTL_TRANSACT_REQ *Request)
{
    char line[LINE_MAX_BYTES];
    char *at = line + put_origin(line, Request->Hint);

    switch (Request->Kind) {
    case SpdIoctlTransactReadKind:
        wsprintfA(at, ">>Read  BlockAddress=%lx:%lx, BlockCount=%lu, FUA=%u\n",
            high(Request->Op.Read.BlockAddress), low(Request->Op.Read.BlockAddress),
            (unsigned long)Request->Op.Read.BlockCount, Request->Op.Read.ForceUnitAccess);
        break;
    case SpdIoctlTransactWriteKind:
        wsprintfA(at, ">>Write BlockAddress=%lx:%lx, BlockCount=%lu, FUA=%u\n",
            high(Request->Op.Write.BlockAddress), low(Request->Op.Write.BlockAddress),
            (unsigned long)Request->Op.Write.BlockCount, Request->Op.Write.ForceUnitAccess);
        break;
    case SpdIoctlTransactFlushKind:
        wsprintfA(at, ">>Flush BlockAddress=%lx:%lx, BlockCount=%lu\n",
            high(Request->Op.Flush.BlockAddress), low(Request->Op.Flush.BlockAddress),
            (unsigned long)Request->Op.Flush.BlockCount);
        break;
    case SpdIoctlTransactUnmapKind:
        wsprintfA(at, ">>Unmap Count=%lu\n", (unsigned long)Request->Op.Unmap.Count);
        break;
    default:
        wsprintfA(at, ">>INVLD\n");
        break;
    }
    write_line(line);
}

VOID SPD_CALL SpdDebugLogResponse(SPD_IOCTL_TRANSACT_RSP *Response)
{
    static const char *const kinds[SpdIoctlTransactKindCount] = { "INVLD", "Read ", "Write",
        "Flush", "Unmap" };
    const SPD_IOCTL_STORAGE_UNIT_STATUS *status = &Response->Status;
    UINT8 kind = Response->Kind < SpdIoctlTransactKindCount ? Response->Kind : 0;
    char line[LINE_MAX_BYTES];
    char *at = line + put_origin(line, Response->Hint);

    at += wsprintfA(at, "<<%s Status=%s", kinds[kind],
        spd_scsi_status_name(status->ScsiStatus));
    if (status->ScsiStatus) {
        at += wsprintfA(at, " SenseKey=%s ASC/ASCQ=%u/%u", spd_sense_key_name(status->SenseKey),
            status->ASC, status->ASCQ);
        if (status->InformationValid)
            at += wsprintfA(
                at, " Information=%lx:%lx", high(status->Information), low(status->Information));
    }
    wsprintfA(at, "\n");
    write_line(line);
}

static bool is_logged(const SPD_STORAGE_UNIT *unit, UINT8 kind)
{
    return kind >= SpdIoctlTransactKindCount || (unit->DebugLog & 1u << kind) != 0;
}

void dll_log_request(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_REQ *request)
{
    if (is_logged(unit, request->Kind))
        SpdDebugLogRequest(request);
}

void dll_log_response(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_RSP *response)
{
    if (is_logged(unit, response->Kind))
        SpdDebugLogResponse(response);
}
