/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The judge's log. The judge speaks at any IRQL, but a kernel writes files at PASSIVE_LEVEL alone.
 * So lines wait in memory, and a thread that may write comes by: with the next line, after a call
 * of the miniport, or, at the latest, at the next tick of an adapter's thread (scan.c).
 */

#include "double.h"

#define LINES 256 /* more than one call of the miniport can cause */

static HANDLE log_file;
static KSPIN_LOCK lock; /* guards the ring */
static char lines[LINES][JUDGE_LINE];
static unsigned first, count;
static LONG writing;

void judge_log_open(void)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;

    if (log_file)
        return;
    RtlInitUnicodeString(&name, L"\\??\\C:\\storport.log");
    InitializeObjectAttributes(
        &attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    if (ZwCreateFile(&log_file, FILE_APPEND_DATA | SYNCHRONIZE, &attributes, &status, NULL,
            FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN_IF,
            FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0))
        log_file = NULL;
}

static ULONG copy_line(char *to, const char *from)
{
    ULONG length = 0;

    while (length < JUDGE_LINE - 1 && from[length]) {
        to[length] = from[length];
        length++;
    }
    to[length] = 0;
    return length;
}

/* The length of the oldest line; 0: there is none. */
static ULONG take_line(char *line)
{
    ULONG length = 0;
    KIRQL irql;

    KeAcquireSpinLock(&lock, &irql);
    if (count) {
        length = copy_line(line, lines[first]);
        first = (first + 1) % LINES;
        count--;
    }
    KeReleaseSpinLock(&lock, irql);
    return length;
}

BOOLEAN judge_log(const char *line)
{
    BOOLEAN room;
    KIRQL irql;

    debug_print(line);
    KeAcquireSpinLock(&lock, &irql);
    room = count < LINES;
    if (room)
        copy_line(lines[(first + count++) % LINES], line);
    KeReleaseSpinLock(&lock, irql);
    judge_log_write();
    return room;
}

void judge_log_write(void)
{
    IO_STATUS_BLOCK status;
    char line[JUDGE_LINE];
    ULONG length;

    /* A thread that finds another writing leaves its line to it: lines keep their order. */
    while (count && judge_is_passive() && !InterlockedExchange(&writing, 1)) {
        while ((length = take_line(line)))
            if (log_file)
                ZwWriteFile(log_file, NULL, NULL, NULL, &status, line, length, NULL, NULL);
        InterlockedExchange(&writing, 0);
    }
}
