/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Files and devices of kernel32. Its names of devices are those that begin with \\.\ ; others are
 * taken for names of the object manager's. */

#include "ntapi.h"
#include <string.h>

#define NAME 260

void nt_unicode(UNICODE_STRING *string, WCHAR *buffer, unsigned count, const char *text)
{
    unsigned i;

    for (i = 0; i < count - 1 && text[i]; i++)
        buffer[i] = (UCHAR)text[i];
    buffer[i] = 0;
    RtlInitUnicodeString(string, buffer);
}

NTSTATUS nt_open(HANDLE *file, const char *name, ACCESS_MASK access, ULONG options)
{
    static const ULONG share = FILE_SHARE_READ | FILE_SHARE_WRITE;
    WCHAR buffer[NAME];
    UNICODE_STRING string;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;

    nt_unicode(&string, buffer, NAME, name);
    InitializeObjectAttributes(&attributes, &string, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return NtCreateFile(file, access | SYNCHRONIZE | FILE_READ_ATTRIBUTES, &attributes, &status,
        NULL, FILE_ATTRIBUTE_NORMAL, share, FILE_OPEN, options, NULL, 0);
}

HANDLE WINAPI CreateFileA(LPCSTR name, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
    DWORD disposition, DWORD flags, HANDLE template)
{
    static const char device[] = "\\\\.\\", directory[] = "\\??\\";
    char copy[NAME];
    HANDLE file;

    (void)share;
    (void)security;
    (void)disposition; /* all open what there is */
    (void)template;
    if (strlen(name) >= sizeof copy) {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return INVALID_HANDLE_VALUE;
    }
    memcpy(copy, name, strlen(name) + 1);
    if (!memcmp(name, device, sizeof device - 1))
        memcpy(copy, directory, sizeof directory - 1);
    return nt_ok(nt_open(&file, copy, access,
               flags & FILE_FLAG_OVERLAPPED ? 0 : FILE_SYNCHRONOUS_IO_NONALERT))
               ? file
               : INVALID_HANDLE_VALUE;
}

/* After a call: with an OVERLAPPED it goes on, without one this waits for its end. */
static BOOL begun(
    HANDLE file, NTSTATUS status, IO_STATUS_BLOCK *block, LPOVERLAPPED overlapped, LPDWORD moved)
{
    if (status == STATUS_PENDING && !overlapped) {
        NtWaitForSingleObject(file, FALSE, NULL);
        status = block->Status;
    }
    if (NT_ERROR(status))
        block->Status = status; /* the kernel has not written it */
    if (moved)
        *moved = NT_ERROR(status) || status == STATUS_PENDING ? 0 : (DWORD)block->Information;
    return nt_ok(status);
}

/* kernel32 uses the first two words of an OVERLAPPED for it, too. */
static IO_STATUS_BLOCK *block_of(LPOVERLAPPED overlapped, IO_STATUS_BLOCK *own)
{
    IO_STATUS_BLOCK *block = overlapped ? (IO_STATUS_BLOCK *)overlapped : own;

    block->Status = STATUS_PENDING;
    block->Information = 0;
    return block;
}

BOOL WINAPI DeviceIoControl(HANDLE file, DWORD code, LPVOID in, DWORD in_length, LPVOID out,
    DWORD out_length, LPDWORD moved, LPOVERLAPPED overlapped)
{
    IO_STATUS_BLOCK own, *block = block_of(overlapped, &own);
    NTSTATUS status = NtDeviceIoControlFile(file, overlapped ? overlapped->hEvent : NULL, NULL,
        NULL, block, code, in, in_length, out, out_length);

    return begun(file, status, block, overlapped, moved);
}

static LARGE_INTEGER offset_of(const OVERLAPPED *overlapped)
{
    LARGE_INTEGER offset;

    offset.LowPart = overlapped->Offset;
    offset.HighPart = (LONG)overlapped->OffsetHigh;
    return offset;
}

/* Without an OVERLAPPED: from where the file is read at. */
BOOL WINAPI ReadFile(
    HANDLE file, LPVOID buffer, DWORD length, LPDWORD moved, LPOVERLAPPED overlapped)
{
    IO_STATUS_BLOCK own, *block = block_of(overlapped, &own);
    LARGE_INTEGER offset = { 0 };
    NTSTATUS status;

    if (overlapped)
        offset = offset_of(overlapped);
    status = NtReadFile(file, overlapped ? overlapped->hEvent : NULL, NULL, NULL, block, buffer,
        length, overlapped ? &offset : NULL, NULL);
    return begun(file, status, block, overlapped, moved);
}

BOOL WINAPI WriteFile(
    HANDLE file, LPCVOID buffer, DWORD length, LPDWORD moved, LPOVERLAPPED overlapped)
{
    IO_STATUS_BLOCK own, *block = block_of(overlapped, &own);
    LARGE_INTEGER offset = { 0 };
    NTSTATUS status;

    if (overlapped)
        offset = offset_of(overlapped);
    status = NtWriteFile(file, overlapped ? overlapped->hEvent : NULL, NULL, NULL, block,
        (PVOID)buffer, length, overlapped ? &offset : NULL, NULL);
    return begun(file, status, block, overlapped, moved);
}

BOOL WINAPI GetOverlappedResult(HANDLE file, LPOVERLAPPED overlapped, LPDWORD moved, BOOL wait)
{
    if ((NTSTATUS)overlapped->Internal == STATUS_PENDING) {
        if (!wait) {
            SetLastError(ERROR_IO_INCOMPLETE);
            return FALSE;
        }
        NtWaitForSingleObject(overlapped->hEvent ? overlapped->hEvent : file, FALSE, NULL);
    }
    *moved = (DWORD)overlapped->InternalHigh;
    return nt_ok((NTSTATUS)overlapped->Internal);
}

BOOL WINAPI FlushFileBuffers(HANDLE file)
{
    IO_STATUS_BLOCK status;

    return nt_ok(NtFlushBuffersFile(file, &status));
}

BOOL WINAPI CloseHandle(HANDLE handle)
{
    return nt_ok(NtClose(handle));
}
