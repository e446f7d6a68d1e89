/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Units on a named pipe, for tests and for programs that want no driver. DEVICE\TARGET is the pipe;
 * a request or response is one message, a 48-byte header and its data. It has a single client at a
 * time; a thread reads while the others are with the device.
 */

#include "doors/windows/windows.h"

#include <sddl.h>
#include <string.h>

enum {
    NAME_MAX_CHARS = 256 + 9 + 4,
    WAIT_MS = 3600000, /* for a client that says "the default" */
};

/* In both directions the header is as long as a response's. */
#define HEADER sizeof(SPD_IOCTL_TRANSACT_RSP)

static const WCHAR prefix[] = L"\\\\.\\pipe\\";
enum { PREFIX_LENGTH = sizeof prefix / sizeof prefix[0] - 1 };

static SRWLOCK targets_lock = SRWLOCK_INIT;
static struct windows_door *targets[SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY];

bool windows_is_pipe(PCWSTR name)
{
    return !wcsncmp(name, prefix, PREFIX_LENGTH);
}

static DWORD finish_now(struct windows_door *door, OVERLAPPED *overlapped, DWORD *moved)
{
    return GetOverlappedResult(door->handle, overlapped, moved, TRUE) ? 0 : GetLastError();
}

/* Waits for the I/O that was begun, or for the end of the unit. ERROR_MORE_DATA is not an end. */
static DWORD finish(struct windows_door *door, OVERLAPPED *overlapped, DWORD *moved)
{
    HANDLE handles[] = { overlapped->hEvent, door->pipe.stop };

    if (WaitForMultipleObjects(ARRAYSIZE(handles), handles, FALSE, INFINITE) != WAIT_OBJECT_0)
        CancelIoEx(door->handle, overlapped);
    return finish_now(door, overlapped, moved);
}

/* The same, or until it is woken. A message that has come by then is kept, and another thread is
 * woken. */
static DWORD finish_or_wake(struct windows_door *door, OVERLAPPED *overlapped, DWORD *moved)
{
    HANDLE handles[] = { overlapped->hEvent, door->pipe.stop, door->pipe.wake };
    DWORD which = WaitForMultipleObjects(ARRAYSIZE(handles), handles, FALSE, INFINITE);
    bool woken = which == WAIT_OBJECT_0 + 2;
    DWORD error;

    if (which != WAIT_OBJECT_0)
        CancelIoEx(door->handle, overlapped);
    error = finish_now(door, overlapped, moved);
    door->pipe.woken = woken && error == ERROR_OPERATION_ABORTED;
    if (woken && !door->pipe.woken)
        SetEvent(door->pipe.wake);
    return error;
}

/* Bytes of a frame that messages can use. */
static DWORD room(const struct windows_door *door)
{
    return HEADER + door->params.MaxTransferLength;
}

/* wakes: nothing of the message has been read, so that the read can be given up. */
static DWORD read_message(struct windows_command *command, bool wakes, DWORD *moved)
{
    struct windows_door *door = command->door;
    OVERLAPPED overlapped = { .hEvent = command->event };
    DWORD error = 0;

    *moved = 0;
    if (!ReadFile(door->handle, command->frame, room(door), NULL, &overlapped))
        error = GetLastError();
    if (error && error != ERROR_IO_PENDING && error != ERROR_MORE_DATA)
        return error;
    return wakes ? finish_or_wake(door, &overlapped, moved) : finish(door, &overlapped, moved);
}

static DWORD write_message(
    struct windows_door *door, HANDLE event, const void *buffer, DWORD length)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD error = 0, moved;

    if (!WriteFile(door->handle, buffer, length, NULL, &overlapped))
        error = GetLastError();
    return !error || error == ERROR_IO_PENDING ? finish(door, &overlapped, &moved) : error;
}

/* A client that came and went already is ERROR_NO_DATA: its end of the pipe is to be closed. */
static DWORD accept_client(struct windows_door *door, HANDLE event)
{
    OVERLAPPED overlapped = { .hEvent = event };
    DWORD error = 0, moved;

    if (!ConnectNamedPipe(door->handle, &overlapped))
        error = GetLastError();
    if (!error || error == ERROR_IO_PENDING)
        error = finish_or_wake(door, &overlapped, &moved);
    else if (error == ERROR_PIPE_CONNECTED)
        error = 0;
    return error ? error : write_message(door, event, &door->params, sizeof door->params);
}

static bool has_stopped(const struct windows_door *door)
{
    return WaitForSingleObject(door->pipe.stop, 0) == WAIT_OBJECT_0;
}

/* The client broke the protocol, or the pipe has failed. */
static void tell_fault(struct windows_door *door, DWORD error)
{
    if (!error)
        windows_session_ends(door, SPD_END_PROTOCOL, 0);
    else if (error == ERROR_BROKEN_PIPE)
        windows_session_ends(door, SPD_END_CLOSED, 0);
    else
        windows_session_ends(door, SPD_END_LOST, error);
}

/* The answers to this client find nobody. */
static void hang_up(struct windows_door *door)
{
    AcquireSRWLockExclusive(&door->pipe.connection);
    door->pipe.client++;
    DisconnectNamedPipe(door->handle);
    door->pipe.connected = false;
    ReleaseSRWLockExclusive(&door->pipe.connection);
    windows_round_end_gone(door);
}

static void await_client(struct windows_door *door, HANDLE event)
{
    door->pipe.connected = !accept_client(door, event);
    if (door->pipe.connected)
        windows_session_begins(door);
    else if (!has_stopped(door) && !door->pipe.woken)
        hang_up(door);
}

/* The next message, of this client or of the next one, and the length that had room. *length is 0
 * if the thread was woken. */
static DWORD next_message(struct windows_command *command, DWORD *length, bool *too_long)
{
    struct windows_door *door = command->door;
    DWORD error, rest;

    door->pipe.woken = false;
    while (!has_stopped(door)) {
        if (!door->pipe.connected)
            await_client(door, command->event);
        error = door->pipe.connected ? read_message(command, true, length) : 0;
        if (door->pipe.woken) {
            *length = 0;
            return 0;
        }
        if (!door->pipe.connected)
            continue;
        memcpy(&command->message, command->frame, sizeof command->message);
        *too_long = error == ERROR_MORE_DATA;
        while (error == ERROR_MORE_DATA)
            error = read_message(command, false, &rest);
        if (!error && *length >= HEADER)
            return 0;
        /* It has gone, or it does not speak the protocol. At the end it still gets its answers. */
        if (!has_stopped(door)) {
            tell_fault(door, error);
            hang_up(door);
        }
    }
    return ERROR_OPERATION_ABORTED;
}

static DWORD pipe_send(struct windows_command *command)
{
    struct windows_door *door = command->door;
    const SPD_IOCTL_TRANSACT_REQ *message = &command->message;
    SPD_IOCTL_TRANSACT_RSP *header = (void *)command->frame;
    DWORD length = sizeof *header;

    if (windows_answer_has_data(message->Kind, &command->status))
        length += message->Op.Read.BlockCount * door->params.BlockLength;
    *header = windows_answer(message->Hint, message->Kind, &command->status);
    AcquireSRWLockShared(&door->pipe.connection);
    /* The reading thread notices a client that has gone. */
    if (command->client == door->pipe.client)
        write_message(door, command->event, header, length);
    ReleaseSRWLockShared(&door->pipe.connection);
    return 0;
}

/* Checks that the engine does not make. The client is not trusted. */
static void check(struct windows_command *command, DWORD length, bool too_long)
{
    const SPD_STORAGE_UNIT_PARAMS *params = &command->door->params;
    const SPD_IOCTL_TRANSACT_REQ *message = &command->message;
    UINT32 sent = length - (UINT32)HEADER, count = 0, size = params->BlockLength;

    ZeroMemory(&command->status, sizeof command->status);
    switch (message->Kind) {
    case SpdIoctlTransactReadKind:
    case SpdIoctlTransactWriteKind:
        count = message->Op.Read.BlockCount;
        break;
    case SpdIoctlTransactUnmapKind:
        count = message->Op.Unmap.Count;
        size = sizeof(SPD_UNMAP_DESCRIPTOR);
        break;
    default:
        size = 0;
    }
    if (too_long || (size && (count == 0 || count > params->MaxTransferLength / size)))
        windows_refuse(command, SCSI_ADSENSE_INVALID_CDB);
    /* Missing data is zeros. */
    else if (sent < count * size)
        ZeroMemory(windows_data(command) + sent, count * size - sent);
}

static DWORD pipe_receive(struct windows_command **at, bool answered, bool *got)
{
    struct windows_command *command = *at;
    struct windows_pipe *pipe = &command->door->pipe;
    bool too_long = false;
    DWORD error, length;

    if (answered)
        pipe_send(command);
    *got = false;
    if (windows_later_go_on(command->door))
        return 0;
    /* Nobody hangs up until the owner of the message is known. */
    AcquireSRWLockExclusive(&pipe->reader);
    error = next_message(command, &length, &too_long);
    command->client = pipe->client;
    ReleaseSRWLockExclusive(&pipe->reader);
    *got = !error && length;
    if (*got)
        check(command, length, too_long);
    return error;
}

static void forget(struct windows_door *door)
{
    AcquireSRWLockExclusive(&targets_lock);
    if (targets[SPD_IOCTL_BTL_T(door->btl)] == door)
        targets[SPD_IOCTL_BTL_T(door->btl)] = NULL;
    ReleaseSRWLockExclusive(&targets_lock);
}

static void close_pipe(struct windows_door *door)
{
    if (door->handle != INVALID_HANDLE_VALUE)
        CloseHandle(door->handle);
    door->handle = INVALID_HANDLE_VALUE;
}

static void pipe_wake(struct windows_door *door)
{
    SetEvent(door->pipe.wake);
}

/* A unit that was shut down hangs up on its client once the last answer has been sent. It closes
 * the pipe for that: DisconnectNamedPipe() would drop the answers that the client has not read. */
static void pipe_idle(struct windows_door *door)
{
    if (has_stopped(door))
        close_pipe(door);
}

static void pipe_stop(struct windows_door *door)
{
    forget(door);
    SetEvent(door->pipe.stop);
    os_mutex_lock(&door->lock);
    if (!door->busy)
        pipe_idle(door);
    os_mutex_unlock(&door->lock);
}

static void pipe_close(struct windows_door *door)
{
    forget(door);
    close_pipe(door);
    if (door->pipe.stop)
        CloseHandle(door->pipe.stop);
    if (door->pipe.wake)
        CloseHandle(door->pipe.wake);
}

/* A place in the table is the unit's target, which is a part of the name. */
static DWORD choose_target(struct windows_door *door)
{
    UINT32 free = SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY;
    DWORD error = 0;

    AcquireSRWLockExclusive(&targets_lock);
    for (UINT32 i = SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY; i-- > 0;) {
        if (!targets[i])
            free = i;
        else if (IsEqualGUID(&targets[i]->params.Guid, &door->params.Guid))
            error = ERROR_ALREADY_EXISTS;
    }
    if (!error && free == SPD_IOCTL_STORAGE_UNIT_MAX_CAPACITY)
        error = ERROR_CANNOT_MAKE;
    if (!error) {
        targets[free] = door;
        door->btl = SPD_IOCTL_BTL(0, free, 0);
    }
    ReleaseSRWLockExclusive(&targets_lock);
    return error;
}

/* Full access for LocalSystem, administrators and the user of this process, and none for others. By
 * default everybody may read a pipe, and a client that opens its only instance holds it. It takes
 * the user and not the owner: the owner of an administrator's process is the group. LocalFree() the
 * result. */
static PSECURITY_DESCRIPTOR make_security(void)
{
    union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    PSECURITY_DESCRIPTOR security = NULL;
    DWORD size = sizeof token;
    WCHAR text[256], *sid = NULL;
    HANDLE self;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &self))
        return NULL;
    if (GetTokenInformation(self, TokenUser, &token, size, &size) &&
        ConvertSidToStringSidW(token.user.User.Sid, &sid)) {
        wsprintfW(text, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", sid);
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text, SDDL_REVISION_1, &security, NULL);
    }
    LocalFree(sid);
    CloseHandle(self);
    return security;
}

static DWORD make_pipe(struct windows_door *door, PCWSTR device_name)
{
    SECURITY_ATTRIBUTES attributes = { .nLength = sizeof attributes };
    WCHAR name[NAME_MAX_CHARS];
    DWORD error = 0;

    if (wcslen(device_name) > NAME_MAX_CHARS - 4)
        return ERROR_BUFFER_OVERFLOW;
    wsprintfW(name, L"%s\\%u", device_name, SPD_IOCTL_BTL_T(door->btl));
    door->pipe.stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (door->pipe.stop)
        door->pipe.wake = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (!door->pipe.wake)
        return GetLastError();
    attributes.lpSecurityDescriptor = make_security();
    if (!attributes.lpSecurityDescriptor)
        return GetLastError();
    door->handle = CreateNamedPipeW(name,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_WRITE_THROUGH |
            FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
        room(door), room(door), WAIT_MS, &attributes);
    if (door->handle == INVALID_HANDLE_VALUE)
        error = GetLastError();
    LocalFree(attributes.lpSecurityDescriptor);
    return error;
}

static DWORD pipe_open(struct windows_door *door, PCWSTR device_name)
{
    DWORD error = choose_target(door);

    if (error)
        return error;
    door->handle = INVALID_HANDLE_VALUE;
    error = make_pipe(door, device_name);
    if (error)
        pipe_close(door);
    return error;
}

const struct windows_transport windows_by_pipe = {
    .header = HEADER,
    .open = pipe_open,
    .receive = pipe_receive,
    .send = pipe_send,
    .stop = pipe_stop,
    .wake = pipe_wake,
    .idle = pipe_idle,
    .close = pipe_close,
};
