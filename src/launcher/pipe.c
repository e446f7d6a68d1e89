/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launcher/pipe.h"

#include "launcher/command.h"
#include "launcher/log.h"
#include "launcher/security.h"
#include "launcher/share.h"
#include "launcher/token.h"

/* Everybody may ask: read, write data and attributes. Only the launcher creates another
 * instance. */
static const wchar_t SECURITY[] = L"O:SYG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRDCCR;;;WD)";

enum { DEFAULT_TIMEOUT_MS = 15000, USER_MAX = 256 };

struct server {
    HANDLE pipe, event, thread;
    char16_t message[LAUNCH_MESSAGE_MAX];
    struct launch_answer answer;
};

static struct server servers[SHARE_PIPES];
static struct share_pipe shares[SHARE_PIPES]; /* the same pipes */
static SRWLOCK lock = SRWLOCK_INIT;
static HANDLE stopping; /* event */

static size_t index_of(const struct server *server)
{
    return (size_t)(server - servers);
}

/* A number for the other end, before a byte was read: the process's user. */
static uint64_t user_of(HANDLE pipe)
{
    struct {
        TOKEN_USER user;
        BYTE sid[USER_MAX];
    } buffer;
    uint64_t hash = 14695981039346656037ull; /* FNV-1a */
    HANDLE process, token = NULL;
    ULONG process_id = 0;
    DWORD size;

    GetNamedPipeClientProcessId(pipe, &process_id);
    process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    if (!process)
        return process_id;
    if (OpenProcessToken(process, TOKEN_QUERY, &token) &&
        GetTokenInformation(token, TokenUser, &buffer, sizeof buffer, &size)) {
        const BYTE *sid = buffer.user.User.Sid;

        for (DWORD i = 0; i < GetLengthSid(buffer.user.User.Sid); i++)
            hash = (hash ^ sid[i]) * 1099511628211ull;
    } else {
        hash = process_id;
    }
    if (token)
        CloseHandle(token);
    CloseHandle(process);
    return hash;
}

/* Under the lock a silent client's pipe stays its own: nobody else's is cut off. */
static void cut_off(size_t which)
{
    DisconnectNamedPipe(servers[which].pipe);
}

static void set_state(const struct server *server, enum share_state state)
{
    AcquireSRWLockExclusive(&lock);
    shares[index_of(server)].state = state;
    ReleaseSRWLockExclusive(&lock);
}

/* A client has come; if too few pipes are left another one goes. */
static void admit(const struct server *server)
{
    uint64_t user = user_of(server->pipe);
    size_t victim;

    AcquireSRWLockExclusive(&lock);
    shares[index_of(server)] = (struct share_pipe){ SHARE_SILENT, user, GetTickCount64() };
    victim = share_victim(shares);
    if (victim < SHARE_PIPES)
        cut_off(victim);
    ReleaseSRWLockExclusive(&lock);
}

static BOOL may_serve(const struct server *server)
{
    BOOL may;

    AcquireSRWLockExclusive(&lock);
    may = share_may_serve(shares, index_of(server));
    shares[index_of(server)].state = may ? SHARE_SERVED : SHARE_SILENT;
    ReleaseSRWLockExclusive(&lock);
    return may;
}

/* Waits for the end of the I/O, the deadline, or the end of the service. Its error. */
static DWORD finish(
    struct server *server, OVERLAPPED *overlapped, BOOL done, DWORD deadline, DWORD *bytes)
{
    HANDLE events[] = { server->event, stopping };

    if (!done && GetLastError() != ERROR_IO_PENDING)
        return GetLastError();
    if (!done && WaitForMultipleObjects(2, events, FALSE, deadline) != WAIT_OBJECT_0)
        CancelIoEx(server->pipe, overlapped);
    return GetOverlappedResult(server->pipe, overlapped, bytes, TRUE) ? 0 : GetLastError();
}

static DWORD await_client(struct server *server)
{
    OVERLAPPED overlapped = { .hEvent = server->event };
    DWORD bytes, error;

    ResetEvent(server->event);
    error = finish(
        server, &overlapped, ConnectNamedPipe(server->pipe, &overlapped), INFINITE, &bytes);
    return error == ERROR_PIPE_CONNECTED ? 0 : error;
}

static DWORD read_request(struct server *server, DWORD *bytes)
{
    OVERLAPPED overlapped = { .hEvent = server->event };

    ResetEvent(server->event);
    return finish(server, &overlapped,
        ReadFile(server->pipe, server->message, sizeof server->message, NULL, &overlapped),
        PIPE_REQUEST_MS, bytes);
}

static void CALLBACK too_late(void *argument, BOOLEAN timer)
{
    (void)timer;
    AcquireSRWLockExclusive(&lock);
    cut_off(index_of(argument));
    ReleaseSRWLockExclusive(&lock);
}

/* Returns when the client has read it: a disconnection discards unread bytes. */
static void send_answer(struct server *server)
{
    OVERLAPPED overlapped = { .hEvent = server->event };
    DWORD length = (DWORD)(server->answer.length * sizeof(char16_t)), bytes;
    HANDLE timer;

    ResetEvent(server->event);
    if (finish(server, &overlapped,
            WriteFile(server->pipe, server->answer.message, length, NULL, &overlapped),
            PIPE_ANSWER_MS, &bytes) ||
        !CreateTimerQueueTimer(
            &timer, NULL, too_late, server, PIPE_ANSWER_MS, 0, WT_EXECUTEONLYONCE))
        return;
    FlushFileBuffers(server->pipe);
    DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE);
}

static void answer(struct server *server, DWORD bytes)
{
    HANDLE token = NULL;
    DWORD error = token_of_client(server->pipe, &token);

    if (!error && !may_serve(server))
        error = ERROR_BUSY;
    if (error)
        launch_answer_failure(&server->answer, error);
    else
        commands_answer(server->message, bytes, token, &server->answer);
    if (token)
        CloseHandle(token);
    set_state(server, SHARE_SILENT);
    send_answer(server);
}

static void serve_client(struct server *server)
{
    DWORD bytes = 0, error;

    admit(server);
    error = read_request(server, &bytes);
    if (error == ERROR_MORE_DATA) {
        launch_answer_failure(&server->answer, LAUNCH_ERROR_INVALID);
        send_answer(server);
    } else if (!error) {
        answer(server, bytes);
    }
    set_state(server, SHARE_FREE);
}

static DWORD WINAPI serve(void *argument)
{
    struct server *server = argument;

    while (WaitForSingleObject(stopping, 0) == WAIT_TIMEOUT) {
        DWORD error = await_client(server);

        if (!error)
            serve_client(server);
        /* It also runs after an error: a client may have come and gone. */
        DisconnectNamedPipe(server->pipe);
    }
    return 0;
}

static DWORD open_pipe(struct server *server, SECURITY_ATTRIBUTES *security)
{
    DWORD first = server == servers ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0;

    server->pipe = CreateNamedPipeW(LAUNCH_PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS, SHARE_PIPES,
        sizeof server->message, sizeof server->message, DEFAULT_TIMEOUT_MS, security);
    if (server->pipe == INVALID_HANDLE_VALUE) {
        server->pipe = NULL;
        return GetLastError();
    }
    server->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    return server->event ? 0 : GetLastError();
}

DWORD pipe_start(void)
{
    SECURITY_ATTRIBUTES security = { .nLength = sizeof security };
    DWORD error = security_parse(SECURITY, &security.lpSecurityDescriptor);

    stopping = CreateEventW(NULL, TRUE, FALSE, NULL);
    for (size_t i = 0; i < SHARE_PIPES && !error; i++)
        error = open_pipe(&servers[i], &security);
    LocalFree(security.lpSecurityDescriptor);
    for (size_t i = 0; i < SHARE_PIPES && !error; i++) {
        servers[i].thread = CreateThread(NULL, 0, serve, &servers[i], 0, NULL);
        error = servers[i].thread ? 0 : GetLastError();
    }
    if (error)
        pipe_stop();
    return error;
}

void pipe_stop(void)
{
    SetEvent(stopping);
    AcquireSRWLockExclusive(&lock);
    for (size_t i = 0; i < SHARE_PIPES; i++) {
        if (servers[i].pipe && shares[i].state == SHARE_SILENT)
            cut_off(i);
    }
    ReleaseSRWLockExclusive(&lock);
    for (size_t i = 0; i < SHARE_PIPES; i++) {
        if (servers[i].thread) {
            WaitForSingleObject(servers[i].thread, INFINITE);
            CloseHandle(servers[i].thread);
        }
        if (servers[i].event)
            CloseHandle(servers[i].event);
        if (servers[i].pipe)
            CloseHandle(servers[i].pipe);
        servers[i] = (struct server){ 0 };
    }
    CloseHandle(stopping);
}
