/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/sink.h"

#include "launcher/log.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
    LINE_MAX = 1024,     /* bytes of a server's line; a longer one becomes several */
    NAME_MAX_UTF8 = 512, /* bytes of its prefix; longer names are cut */
    PATIENCE_MS = 1000,  /* the wait for the rest of the pipe when its server has ended */
};

struct sink {
    wchar_t path[MAX_PATH];
    char name[NAME_MAX_UTF8];
    HANDLE read_end, thread;
    bool told; /* the log has said that the file cannot be written */
    size_t length;
    char line[LINE_MAX];
};

/* Instances of a class share a file. */
static SRWLOCK files = SRWLOCK_INIT;

static HANDLE open_file(const wchar_t *path)
{
    return CreateFileW(path, FILE_APPEND_DATA,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
        FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

/* The file is set aside before it is too long. If that fails it begins anew, so it never becomes
 * too long. */
static HANDLE open_with_room(const wchar_t *path, DWORD length)
{
    wchar_t aside[MAX_PATH + 2];
    LARGE_INTEGER size;
    HANDLE file = open_file(path);

    if (file == INVALID_HANDLE_VALUE || !GetFileSizeEx(file, &size) ||
        size.QuadPart + length <= SINK_FILE_MAX)
        return file;
    CloseHandle(file);
    _snwprintf(aside, MAX_PATH + 2, L"%ls.1", path);
    if (!MoveFileExW(path, aside, MOVEFILE_REPLACE_EXISTING))
        DeleteFileW(path);
    return open_file(path);
}

static void tell_once(struct sink *sink, DWORD error)
{
    wchar_t text[LOG_ERROR_MAX];

    if (!sink->told)
        log_write(EVENTLOG_WARNING_TYPE, L"%hs: StandardError: %ls cannot be written: %ls",
            sink->name, sink->path, log_error_text(error, text));
    sink->told = true;
}

static void write_line(struct sink *sink)
{
    char text[LINE_MAX + NAME_MAX_UTF8 + 64];
    SYSTEMTIME now;
    HANDLE file;
    DWORD length, written;

    GetSystemTime(&now);
    length = (DWORD)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ %s: ", now.wYear,
        now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond, sink->name);
    memcpy(text + length, sink->line, sink->length);
    length += (DWORD)sink->length;
    memcpy(text + length, "\r\n", 2);
    length += 2;
    sink->length = 0;

    AcquireSRWLockExclusive(&files);
    file = open_with_room(sink->path, length);
    if (file == INVALID_HANDLE_VALUE || !WriteFile(file, text, length, &written, NULL))
        tell_once(sink, GetLastError());
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    ReleaseSRWLockExclusive(&files);
}

static void take(struct sink *sink, const char *bytes, DWORD length)
{
    for (DWORD i = 0; i < length; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r')
            sink->line[sink->length++] = bytes[i];
        if (sink->length == LINE_MAX || (bytes[i] == '\n' && sink->length > 0))
            write_line(sink);
    }
}

static DWORD WINAPI reads(void *argument)
{
    struct sink *sink = argument;
    char bytes[LINE_MAX];
    DWORD got;

    while (ReadFile(sink->read_end, bytes, sizeof bytes, &got, NULL))
        take(sink, bytes, got);
    if (sink->length > 0)
        write_line(sink);
    return 0;
}

static void destroy(struct sink *sink)
{
    if (sink->read_end)
        CloseHandle(sink->read_end);
    if (sink->thread)
        CloseHandle(sink->thread);
    free(sink);
}

DWORD sink_open(const wchar_t *path, const wchar_t *name, struct sink **result, HANDLE *write_end)
{
    SECURITY_ATTRIBUTES inheritable = { sizeof inheritable, NULL, TRUE };
    struct sink *sink = calloc(1, sizeof *sink);
    DWORD error;

    if (!sink)
        return ERROR_NOT_ENOUGH_MEMORY;
    wcsncpy(sink->path, path, MAX_PATH - 1);
    if (!WideCharToMultiByte(CP_UTF8, 0, name, -1, sink->name, NAME_MAX_UTF8 - 1, NULL, NULL))
        sink->name[NAME_MAX_UTF8 - 1] = 0;
    *write_end = NULL;
    if (CreatePipe(&sink->read_end, write_end, &inheritable, 0)) {
        SetHandleInformation(sink->read_end, HANDLE_FLAG_INHERIT, 0);
        sink->thread = CreateThread(NULL, 0, reads, sink, 0, NULL);
    }
    if (sink->thread) {
        *result = sink;
        return 0;
    }
    error = GetLastError();
    if (*write_end)
        CloseHandle(*write_end);
    *write_end = NULL;
    destroy(sink);
    return error;
}

void sink_close(struct sink *sink)
{
    if (!sink)
        return;
    /* The end of the pipe ends it, unless another program also has the pipe. */
    for (DWORD wait = PATIENCE_MS; WaitForSingleObject(sink->thread, wait) == WAIT_TIMEOUT;
         wait = 10)
        CancelSynchronousIo(sink->thread);
    destroy(sink);
}
