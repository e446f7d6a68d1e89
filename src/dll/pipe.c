/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Storage units on a named pipe, for tests and for programs that want no driver. DEVICE\TARGET is
 * the pipe; a request or response is one message, a 48-byte header and its data. One client at a
 * time; one dispatcher thread reads while the others are with the program.
 */

#include "dll/pipe.h"

#include <string.h>

static const WCHAR prefix[] = L"\\\\.\\pipe\\";
enum { PREFIX_LENGTH = sizeof prefix / sizeof prefix[0] - 1 };

static SRWLOCK targets_lock = SRWLOCK_INIT;
static struct dll_unit *targets[SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY];

bool pipe_is_name(PCWSTR device_name)
{
    return !wcsncmp(device_name, prefix, PREFIX_LENGTH);
}

/* Waits for what was begun, or for the end of the unit. ERROR_MORE_DATA is not an end. */
static DWORD finish(struct pipe *pipe, OVERLAPPED *overlapped, DWORD *moved)
{
    HANDLE handles[2] = { overlapped->hEvent, pipe->stop };

    if (WaitForMultipleObjects(2, handles, FALSE, INFINITE) != WAIT_OBJECT_0)
        CancelIoEx(pipe->handle, overlapped);
    return GetOverlappedResult(pipe->handle, overlapped, moved, TRUE) ? 0 : GetLastError();
}

static DWORD read_message(
    struct pipe *pipe, HANDLE event, void *buffer, DWORD length, DWORD *moved)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD error = 0;

    *moved = 0;
    if (!ReadFile(pipe->handle, buffer, length, NULL, &overlapped))
        error = GetLastError();
    return !error || error == ERROR_IO_PENDING || error == ERROR_MORE_DATA
        ? finish(pipe, &overlapped, moved)
        : error;
}

static DWORD write_message(struct pipe *pipe, HANDLE event, const void *buffer, DWORD length)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD error = 0, moved;

    if (!WriteFile(pipe->handle, buffer, length, NULL, &overlapped))
        error = GetLastError();
    return !error || error == ERROR_IO_PENDING ? finish(pipe, &overlapped, &moved) : error;
}

/* A client that came and went already is ERROR_NO_DATA: its end of the pipe is to be closed. */
static DWORD accept_client(struct dll_unit *unit, struct pipe *pipe, HANDLE event)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD error = 0, moved;

    if (!ConnectNamedPipe(pipe->handle, &overlapped))
        error = GetLastError();
    if (!error || error == ERROR_IO_PENDING)
        error = finish(pipe, &overlapped, &moved);
    else if (error == ERROR_PIPE_CONNECTED)
        error = 0;
    if (!error)
        error = write_message(pipe, event, &unit->base.StorageUnitParams,
            sizeof unit->base.StorageUnitParams);
    return error;
}

static bool has_stopped(const struct pipe *pipe)
{
    return WaitForSingleObject(pipe->stop, 0) == WAIT_OBJECT_0;
}

/* The program's answers to this client find nobody. */
static void hang_up(struct pipe *pipe)
{
    AcquireSRWLockExclusive(&pipe->connection);
    pipe->client++;
    DisconnectNamedPipe(pipe->handle);
    pipe->connected = false;
    ReleaseSRWLockExclusive(&pipe->connection);
}

/* The next message, of this client or of the next one. */
static DWORD next_message(struct dll_unit *unit, struct frame *frame, struct pipe_message *message)
{
    struct pipe *pipe = pipe_of(unit);
    DWORD room = PIPE_HEADER + unit->base.StorageUnitParams.MaxTransferLength;
    DWORD error, rest;

    while (!has_stopped(pipe)) {
        if (!pipe->connected) {
            pipe->connected = !accept_client(unit, pipe, frame->event);
            if (!pipe->connected && !has_stopped(pipe))
                hang_up(pipe);
            continue;
        }
        error = read_message(pipe, frame->event, frame->bytes, room, &message->length);
        memcpy(&message->header, frame->bytes, sizeof message->header);
        message->too_long = error == ERROR_MORE_DATA;
        while (error == ERROR_MORE_DATA)
            error = read_message(pipe, frame->event, frame->bytes, room, &rest);
        if (!error && message->length >= PIPE_HEADER)
            return 0;
        /* It has gone, or it does not speak the protocol. At the end it still gets its answers. */
        if (!has_stopped(pipe))
            hang_up(pipe);
    }
    return ERROR_OPERATION_ABORTED;
}

static DWORD pipe_send(
    struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer, PVOID data)
{
    struct pipe *pipe = pipe_of(unit);
    SPD_IOCTL_TRANSACT_RSP *header = (void *)frame->bytes;
    DWORD length = sizeof *header;
    struct pending pending;

    AcquireSRWLockShared(&pipe->connection);
    if (outstanding_take(&unit->outstanding, answer->Hint, &pending) &&
        pending.client == pipe->client) {
        *header = dll_answer(pending.tag, pending.kind, &answer->Status);
        if (data && pending.kind == SpdIoctlTransactReadKind && !answer->Status.ScsiStatus) {
            memcpy(header + 1, data, pending.length);
            length += pending.length;
        }
        /* A client that has gone is noticed by who reads. */
        write_message(pipe, frame->event, header, length);
    }
    ReleaseSRWLockShared(&pipe->connection);
    return 0;
}

static DWORD pipe_receive(struct dll_unit *unit, struct frame *frame,
    SPD_IOCTL_TRANSACT_RSP *answer, SPD_IOCTL_TRANSACT_REQ *request, PVOID data)
{
    struct pipe *pipe = pipe_of(unit);
    struct pipe_message message;
    DWORD error;

    if (answer)
        pipe_send(unit, frame, answer, data);
    for (;;) {
        struct pending pending;
        bool valid;

        /* Until the request is in the table, nobody hangs up. */
        AcquireSRWLockExclusive(&pipe->reader);
        error = next_message(unit, frame, &message);
        if (error) {
            ReleaseSRWLockExclusive(&pipe->reader);
            return error;
        }
        pending = (struct pending){
            .hint = ++pipe->last_hint,
            .tag = message.header.Hint,
            .client = pipe->client,
            .kind = message.header.Kind,
        };
        valid = pipe_check(unit, frame, &message, &pending.length);
        if (!outstanding_add(&unit->outstanding, &pending)) {
            ReleaseSRWLockExclusive(&pipe->reader);
            return ERROR_NO_SYSTEM_RESOURCES;
        }
        ReleaseSRWLockExclusive(&pipe->reader);
        if (valid) {
            pipe_take(&message, frame, request, data);
            request->Hint = pending.hint;
            return 0;
        }
        message.refusal.Hint = pending.hint;
        pipe_send(unit, frame, &message.refusal, NULL);
    }
}

static void forget(struct dll_unit *unit)
{
    AcquireSRWLockExclusive(&targets_lock);
    if (targets[unit->base.Btl] == unit)
        targets[unit->base.Btl] = NULL;
    ReleaseSRWLockExclusive(&targets_lock);
}

static void pipe_stop(struct dll_unit *unit)
{
    forget(unit);
    SetEvent(pipe_of(unit)->stop);
}

static void free_pipe(struct pipe *pipe)
{
    if (pipe->handle != INVALID_HANDLE_VALUE)
        CloseHandle(pipe->handle);
    if (pipe->stop)
        CloseHandle(pipe->stop);
    dll_free(pipe);
}

static void pipe_close(struct dll_unit *unit)
{
    free_pipe(pipe_of(unit));
}

static const struct transport pipe_transport = {
    .receive = pipe_receive,
    .send = pipe_send,
    .stop = pipe_stop,
    .close = pipe_close,
};

/* A place in the table is the unit's target, and with it a part of the name. */
static DWORD choose_target(struct dll_unit *unit)
{
    UINT32 free = SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY;
    DWORD error = 0;

    AcquireSRWLockExclusive(&targets_lock);
    for (UINT32 i = SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i-- > 0;) {
        if (!targets[i])
            free = i;
        else if (IsEqualGUID(
                     &targets[i]->base.StorageUnitParams.Guid, &unit->base.StorageUnitParams.Guid))
            error = ERROR_ALREADY_EXISTS;
    }
    if (!error && free == SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY)
        error = ERROR_CANNOT_MAKE;
    if (!error) {
        targets[free] = unit;
        unit->base.Btl = free;
    }
    ReleaseSRWLockExclusive(&targets_lock);
    return error;
}

static DWORD make_pipe(struct dll_unit *unit, struct pipe *pipe, PCWSTR device_name)
{
    DWORD room = PIPE_HEADER + unit->base.StorageUnitParams.MaxTransferLength;
    WCHAR name[PIPE_NAME_MAX];

    unit->frame_length = unit->base.StorageUnitParams.MaxTransferLength;
    pipe->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!pipe->stop)
        return GetLastError();
    if (wcslen(device_name) > PIPE_NAME_MAX - 4)
        return ERROR_BUFFER_OVERFLOW;
    wsprintfW(name, L"%s\\%u", device_name, unit->base.Btl);
    if (!dll_unit_set_name(unit, name))
        return ERROR_NO_SYSTEM_RESOURCES;
    pipe->handle = CreateNamedPipeW(name,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_WRITE_THROUGH |
            FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, room,
        room, PIPE_WAIT_MS, NULL);
    return pipe->handle == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}

DWORD pipe_open(struct dll_unit *unit, PCWSTR device_name)
{
    struct pipe *pipe;
    DWORD error;

    if (!dll_params_are_valid(&unit->base.StorageUnitParams) ||
        SPD_IOCTL_PARAMS_GRACE(&unit->base.StorageUnitParams))
        return ERROR_INVALID_PARAMETER;
    pipe = dll_alloc(sizeof *pipe);
    if (!pipe)
        return ERROR_NO_SYSTEM_RESOURCES;
    pipe->handle = INVALID_HANDLE_VALUE;
    error = choose_target(unit);
    if (!error) {
        error = make_pipe(unit, pipe, device_name);
        if (error)
            forget(unit);
    }
    if (error) {
        free_pipe(pipe);
        return error;
    }
    /* The low bit tells programs that this is no device. */
    unit->base.Handle = (HANDLE)((ULONG_PTR)pipe | 1);
    unit->transport = &pipe_transport;
    return 0;
}
