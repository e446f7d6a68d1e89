/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units on a pipe: what clients see, and what they cannot do. */

#include <string.h>

#include "disk.h"

#include <aclapi.h>
#include <sddl.h>

static WCHAR name[64];
static WCHAR path[72];
static struct message message;

static SPD_STORAGE_UNIT *start(ULONG threads, HANDLE *pipe)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    SPD_STORAGE_UNIT *unit = disk_start(name, &params, threads);

    *pipe = client_open(path, &greeting);
    CHECK(*pipe != INVALID_HANDLE_VALUE);
    CHECK(!memcmp(&params, &greeting, sizeof params));
    return unit;
}

static void end(SPD_STORAGE_UNIT *unit, HANDLE pipe)
{
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static bool sense_is(UINT8 key, UINT8 asc)
{
    const SPD_IOCTL_STORAGE_UNIT_STATUS *status = &message.response.Status;

    return status->ScsiStatus == 2 && status->SenseKey == key && status->ASC == asc;
}

static void reads_what_was_written(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    client_transfer(&message, 7, SpdIoctlTransactWriteKind, 3, 2);
    memset(message.data, 0x5a, 2 * DISK_BLOCK);
    CHECK(client_call(pipe, &message, 2 * DISK_BLOCK) == 0);
    client_transfer(&message, 7, SpdIoctlTransactReadKind, 4, 2);
    CHECK(client_send(pipe, &message, 0));
    CHECK(client_receive(pipe, &message) == 2 * DISK_BLOCK);
    CHECK(message.response.Hint == 7 && message.response.Status.ScsiStatus == 0);
    CHECK(message.data[0] == 0x5a && message.data[DISK_BLOCK - 1] == 0x5a);
    CHECK(message.data[DISK_BLOCK] == 0);
    CHECK(disk_reads == 1 && disk_writes == 1 && disk_through == 0);
    CHECK(disk_contexts == 2);
    end(unit, pipe);
}

static void a_short_write_is_filled_with_zeros(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    memset(disk_memory, 0xff, 2 * DISK_BLOCK);
    client_transfer(&message, 1, SpdIoctlTransactWriteKind, 0, 1);
    memset(message.data, 0x11, 100);
    CHECK(client_call(pipe, &message, 100) == 0);
    CHECK(disk_memory[99] == 0x11 && disk_memory[100] == 0 && disk_memory[511] == 0);
    CHECK(disk_memory[512] == 0xff);
    end(unit, pipe);
}

static void flush_and_unmap_arrive(void)
{
    SPD_UNMAP_DESCRIPTOR descriptors[2] = { { .BlockAddress = 20, .BlockCount = 1 },
        { .BlockAddress = 22, .BlockCount = 1 } };
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    memset(disk_memory + 20 * DISK_BLOCK, 0xff, 3 * DISK_BLOCK);
    client_transfer(&message, 1, SpdIoctlTransactUnmapKind, 0, 0);
    message.request.Op.Unmap.Count = 2;
    memcpy(message.data, descriptors, sizeof descriptors);
    CHECK(client_call(pipe, &message, sizeof descriptors) == 0);
    CHECK(disk_memory[20 * DISK_BLOCK] == 0 && disk_memory[22 * DISK_BLOCK] == 0);
    CHECK(disk_memory[21 * DISK_BLOCK] == 0xff);
    client_transfer(&message, 2, SpdIoctlTransactFlushKind, 0, 0);
    CHECK(client_call(pipe, &message, 0) == 0);
    CHECK(disk_unmaps == 1 && disk_flushes == 1);
    end(unit, pipe);
    CHECK(disk_flushes == 2); /* the last one */
}

static void an_error_has_its_sense(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    client_transfer(&message, 1, SpdIoctlTransactWriteKind, 13, 1);
    CHECK(client_call(pipe, &message, DISK_BLOCK) == 2);
    CHECK(sense_is(3, 0x0c));
    CHECK(message.response.Status.InformationValid && message.response.Status.Information == 13);
    end(unit, pipe);
}

static void bad_requests_are_refused(void)
{
    static const struct {
        UINT8 kind;
        UINT64 address;
        UINT32 count;
        UINT8 asc;
    } bad[] = {
        { SpdIoctlTransactReadKind, DISK_BLOCKS, 1, 0x21 },
        { SpdIoctlTransactReadKind, (UINT64)-1, 2, 0x21 },
        { SpdIoctlTransactWriteKind, DISK_BLOCKS - 1, 2, 0x21 },
        { SpdIoctlTransactFlushKind, DISK_BLOCKS, 1, 0x21 },
        { SpdIoctlTransactReadKind, 0, 0, 0x24 },
        { SpdIoctlTransactReadKind, 0, DISK_TRANSFER / DISK_BLOCK + 1, 0x24 },
        { SpdIoctlTransactReadKind, 0, 0x80000000, 0x24 },
        { SpdIoctlTransactReservedKind, 0, 1, 0x20 },
        { 5, 0, 1, 0x20 },
        { 255, 0, 1, 0x20 },
    };
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_transfer(&message, i + 1, bad[i].kind, bad[i].address, bad[i].count);
        CHECK(client_call(pipe, &message, 0) == 2);
        CHECK(sense_is(5, bad[i].asc));
    }
    CHECK(disk_reads == 0 && disk_writes == 0 && disk_flushes == 0);
    /* Longer than any request may be. */
    client_transfer(&message, 99, SpdIoctlTransactWriteKind, 0, 1);
    CHECK(client_call(pipe, &message, DISK_TRANSFER + 1) == 2 && sense_is(5, 0x24));
    client_transfer(&message, 100, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    end(unit, pipe);
}

static void write_protection_is_kept(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    params.WriteProtected = 1;
    params.CacheSupported = 0;
    unit = disk_start(name, &params, 1);
    pipe = client_open(path, &greeting);
    CHECK(greeting.WriteProtected);
    client_transfer(&message, 1, SpdIoctlTransactWriteKind, 0, 1);
    CHECK(client_call(pipe, &message, DISK_BLOCK) == 2 && sense_is(7, 0x27));
    CHECK(disk_writes == 0);
    client_transfer(&message, 2, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    CHECK(disk_through == 1); /* no cache: always through */
    end(unit, pipe);
    CHECK(disk_flushes == 0);
}

static void a_client_that_babbles_is_hung_up_on(void)
{
    SPD_STORAGE_UNIT_PARAMS greeting;
    DWORD sent;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    CHECK(WriteFile(pipe, "hello", 5, &sent, NULL));
    CHECK(client_receive(pipe, &message) == -1);
    CloseHandle(pipe);
    pipe = client_open(path, &greeting);
    client_transfer(&message, 1, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    end(unit, pipe);
}

static void deferred_responses_in_any_order(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    for (UINT32 i = 0; i < 3; i++) {
        memset(disk_memory + (DISK_DEFERRED + i) * DISK_BLOCK, (int)(0x30 + i), DISK_BLOCK);
        client_transfer(&message, 50 + i, SpdIoctlTransactReadKind, DISK_DEFERRED + i, 1);
        CHECK(client_send(pipe, &message, 0));
    }
    CHECK(disk_await(&disk_held, 3));
    for (int i = 2; i >= 0; i--) {
        CHECK(!SpdStorageUnitGetOperationContext());
        disk_answer(unit, &disk_hold[i]);
        disk_answer(unit, &disk_hold[i]); /* once is enough */
        CHECK(client_receive(pipe, &message) == DISK_BLOCK);
        CHECK(message.response.Hint == 50u + (unsigned)i && message.data[0] == 0x30 + i);
    }
    end(unit, pipe);
}

static void a_late_response_finds_nobody(void)
{
    SPD_STORAGE_UNIT_PARAMS greeting;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    client_transfer(&message, 1, SpdIoctlTransactReadKind, DISK_DEFERRED, 1);
    CHECK(client_send(pipe, &message, 0));
    CHECK(disk_await(&disk_held, 1));
    CloseHandle(pipe);
    pipe = client_open(path, &greeting);
    /* The same hint again; only its own answer may come. */
    client_transfer(&message, 1, SpdIoctlTransactReadKind, DISK_DEFERRED + 1, 1);
    CHECK(client_send(pipe, &message, 0));
    CHECK(disk_await(&disk_held, 2));
    memset(disk_memory + DISK_DEFERRED * DISK_BLOCK, 0x77, DISK_BLOCK);
    memset(disk_memory + (DISK_DEFERRED + 1) * DISK_BLOCK, 0x88, DISK_BLOCK);
    disk_answer(unit, &disk_hold[0]);
    disk_answer(unit, &disk_hold[1]);
    CHECK(client_receive(pipe, &message) == DISK_BLOCK && message.data[0] == 0x88);
    end(unit, pipe);
}

static void clients_that_leave_at_once(void)
{
    SPD_STORAGE_UNIT_PARAMS greeting;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    for (int i = 0; i < 20; i++) {
        CloseHandle(pipe);
        pipe = client_open(path, &greeting);
        CHECK(pipe != INVALID_HANDLE_VALUE);
    }
    client_transfer(&message, 1, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    end(unit, pipe);
}

static void a_long_write_is_cut(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    memset(disk_memory, 0xff, 3 * DISK_BLOCK);
    client_transfer(&message, 1, SpdIoctlTransactWriteKind, 0, 2);
    memset(message.data, 0x11, 3 * DISK_BLOCK);
    CHECK(client_call(pipe, &message, 3 * DISK_BLOCK) == 0);
    CHECK(disk_memory[2 * DISK_BLOCK - 1] == 0x11 && disk_memory[2 * DISK_BLOCK] == 0xff);
    end(unit, pipe);
}

/* The second descriptor is not sent: it is one of no blocks at address 0. */
static void a_short_unmap_is_filled_with_zeros(void)
{
    SPD_UNMAP_DESCRIPTOR descriptor = { .BlockAddress = 20, .BlockCount = 1 };
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    memset(disk_memory, 0xff, 22 * DISK_BLOCK);
    client_transfer(&message, 1, SpdIoctlTransactUnmapKind, 0, 0);
    message.request.Op.Unmap.Count = 2;
    memcpy(message.data, &descriptor, sizeof descriptor);
    CHECK(client_call(pipe, &message, sizeof descriptor) == 0);
    CHECK(disk_memory[20 * DISK_BLOCK] == 0 && disk_unmaps == 1);
    CHECK(disk_memory[0] == 0xff && disk_memory[19 * DISK_BLOCK] == 0xff);
    end(unit, pipe);
}

static bool is_refused(HANDLE pipe)
{
    if (pipe != INVALID_HANDLE_VALUE)
        CloseHandle(pipe);
    return pipe == INVALID_HANDLE_VALUE;
}

/* And nobody else can be its server. */
static void one_client_at_a_time(void)
{
    SPD_STORAGE_UNIT_PARAMS greeting;
    DWORD flags, out, in, most;
    HANDLE pipe, other;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    CHECK(GetNamedPipeInfo(pipe, &flags, &out, &in, &most));
    CHECK((flags & PIPE_TYPE_MESSAGE) && most == 1);
    other = CreateFileW(path, GENERIC_READ | FILE_WRITE_DATA, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(GetLastError() == ERROR_PIPE_BUSY && is_refused(other));
    other = CreateNamedPipeW(path, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 1, 0, 0, 0, NULL);
    CHECK(is_refused(other));
    client_transfer(&message, 1, SpdIoctlTransactReadKind, 0, 1);
    CHECK(client_call(pipe, &message, 0) == 0);
    CloseHandle(pipe);
    pipe = client_open(path, &greeting);
    CHECK(pipe != INVALID_HANDLE_VALUE);
    end(unit, pipe);
}

/* LocalSystem, administrators and the user that serves; nobody else may as much as read it. */
static void others_are_kept_out(void)
{
    WCHAR *text = NULL, *me = NULL, wanted[256], unmapped[256];
    PSECURITY_DESCRIPTOR security = NULL;
    union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
    DWORD size = sizeof token;
    HANDLE pipe, self;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &self));
    CHECK(GetTokenInformation(self, TokenUser, &token, size, &size));
    CHECK(ConvertSidToStringSidW(token.user.User.Sid, &me));
    CHECK(GetSecurityInfo(pipe, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, NULL, NULL,
              &security) == 0);
    CHECK(ConvertSecurityDescriptorToStringSecurityDescriptorW(
        security, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &text, NULL));
    wsprintfW(wanted, L"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;%s)", me);
    /* Wine keeps the generic right that Windows translates. */
    wsprintfW(unmapped, L"D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", me);
    CHECK(!wcscmp(text, wanted) || !wcscmp(text, unmapped));
    LocalFree(text);
    LocalFree(me);
    LocalFree(security);
    CloseHandle(self);
    end(unit, pipe);
}

static bool is_hung_up_on(HANDLE pipe)
{
    enum { TRIES = 1000, PAUSE_MS = 10 };
    DWORD waiting;

    for (int i = 0; i < TRIES; i++) {
        if (!PeekNamedPipe(pipe, NULL, 0, NULL, &waiting, NULL))
            return true;
        Sleep(PAUSE_MS);
    }
    return false;
}

static void a_client_is_hung_up_on_at_shutdown(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(2, &pipe);

    SpdStorageUnitShutdown(unit);
    CHECK(is_hung_up_on(pipe));
    end(unit, pipe);
}

static void so_is_one_that_nobody_serves(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &unit) == 0);
    pipe = CreateFileW(path, GENERIC_READ | FILE_WRITE_DATA, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(pipe != INVALID_HANDLE_VALUE);
    SpdStorageUnitShutdown(unit);
    CHECK(is_hung_up_on(pipe));
    CloseHandle(pipe);
    /* A client that is started afterwards has no pipe to use. */
    CHECK(SpdStorageUnitStartDispatcher(unit, 1) == 0);
    CHECK(disk_end(unit) == 0);
}

/* A response that nobody sends, and one that the client has yet to read. */
static void what_is_answered_comes_before_that(void)
{
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    for (UINT32 i = 0; i < 2; i++) {
        client_transfer(&message, 70 + i, SpdIoctlTransactReadKind, DISK_DEFERRED + i, 1);
        CHECK(client_send(pipe, &message, 0));
    }
    CHECK(disk_await(&disk_held, 2));
    disk_answer(unit, &disk_hold[0]);
    SpdStorageUnitShutdown(unit);
    SpdStorageUnitWaitDispatcher(unit);
    CHECK(client_receive(pipe, &message) == DISK_BLOCK && message.response.Hint == 70);
    CHECK(message.response.Status.ScsiStatus == 0);
    CHECK(client_receive(pipe, &message) == 0 && message.response.Hint == 71);
    CHECK(sense_is(0x0b, 0));
    CHECK(is_hung_up_on(pipe));
    end(unit, pipe);
}

static void units_have_pipes_of_their_own(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    SPD_STORAGE_UNIT *second;
    HANDLE pipe, other;
    SPD_STORAGE_UNIT *unit = start(1, &pipe);

    params.Guid.Data1++;
    params.BlockCount = 16;
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &second) == 0);
    CHECK(SpdStorageUnitStartDispatcher(second, 1) == 0);
    CHECK(unit->Btl == 0 && second->Btl == 0x100);
    path[wcslen(path) - 1] = L'1';
    other = client_open(path, &greeting);
    path[wcslen(path) - 1] = L'0';
    CHECK(other != INVALID_HANDLE_VALUE && greeting.BlockCount == 16);
    CloseHandle(other);
    CHECK(disk_end(second) == 0);
    end(unit, pipe);
}

void pipe_begin(void)
{
    wsprintfW(name, L"\\\\.\\pipe\\spd-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%s\\0", name);
}

const struct test pipe_tests[] = {
    { "pipe: reads what was written", reads_what_was_written },
    { "pipe: a short write is filled with zeros", a_short_write_is_filled_with_zeros },
    { "pipe: a long write is cut", a_long_write_is_cut },
    { "pipe: a short unmap is filled with zeros", a_short_unmap_is_filled_with_zeros },
    { "pipe: one client at a time", one_client_at_a_time },
    { "pipe: others are kept out", others_are_kept_out },
    { "pipe: a client is hung up on at Shutdown", a_client_is_hung_up_on_at_shutdown },
    { "pipe: so is one that nobody serves", so_is_one_that_nobody_serves },
    { "pipe: what is answered comes before that", what_is_answered_comes_before_that },
    { "pipe: units have pipes of their own", units_have_pipes_of_their_own },
    { "pipe: flush and unmap arrive", flush_and_unmap_arrive },
    { "pipe: an error has its sense", an_error_has_its_sense },
    { "pipe: bad requests are refused", bad_requests_are_refused },
    { "pipe: write protection is kept", write_protection_is_kept },
    { "pipe: a client that babbles is hung up on", a_client_that_babbles_is_hung_up_on },
    { "pipe: deferred responses in any order", deferred_responses_in_any_order },
    { "pipe: a late response finds nobody", a_late_response_finds_nobody },
    { "pipe: clients that leave at once", clients_that_leave_at_once },
    { 0 }
};
