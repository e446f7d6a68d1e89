/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The dispatcher threads: what they give the program, what they take from it, how they end. */

#include <string.h>

#include "disk.h"
#include "hook.h"

enum { THREADS = 4 };

static WCHAR name[64];
static WCHAR path[72];
static struct message message;

static SPD_STORAGE_UNIT *create(const SPD_STORAGE_UNIT_INTERFACE *calls)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;

    CHECK(SpdStorageUnitCreate(name, &params, calls, &unit) == 0);
    return unit;
}

static HANDLE start(SPD_STORAGE_UNIT *unit, ULONG threads)
{
    SPD_STORAGE_UNIT_PARAMS greeting;

    CHECK(SpdStorageUnitStartDispatcher(unit, threads) == 0);
    return client_open(path, &greeting);
}

/* Buffers by their thread. */
static struct {
    DWORD thread;
    PVOID buffer;
    size_t size;
} buffers[64];
static volatile LONG allocated, freed, misfreed, strange_buffers;

static PVOID SPD_CALL note_alloc(size_t size)
{
    LONG i = InterlockedIncrement(&allocated) - 1;

    buffers[i].thread = GetCurrentThreadId();
    buffers[i].size = size;
    buffers[i].buffer = HeapAlloc(GetProcessHeap(), 0, size);
    return buffers[i].buffer;
}

static PVOID own_buffer(void)
{
    for (LONG i = 0; i < allocated; i++) {
        if (buffers[i].thread == GetCurrentThreadId())
            return buffers[i].buffer;
    }
    return NULL;
}

static VOID SPD_CALL note_free(PVOID buffer)
{
    InterlockedIncrement(&freed);
    if (!buffer || buffer != own_buffer())
        InterlockedIncrement(&misfreed);
    HeapFree(GetProcessHeap(), 0, buffer);
}

static BOOLEAN SPD_CALL read_into_own(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)address;
    (void)count;
    (void)flush;
    (void)status;
    if (buffer != own_buffer() || SpdStorageUnitGetOperationContext()->DataBuffer != buffer)
        InterlockedIncrement(&strange_buffers);
    /* As programs do that know the buffer to be their own: .NET ones. */
    memset(own_buffer(), 0x42, DISK_BLOCK);
    return TRUE;
}

static ULONG processors(void)
{
    DWORD_PTR process = 0, system;
    ULONG count = 0;

    GetProcessAffinityMask(GetCurrentProcess(), &process, &system);
    for (; process; process &= process - 1)
        count++;
    return count;
}

static void each_thread_has_a_buffer_of_its_own(void)
{
    static const SPD_STORAGE_UNIT_INTERFACE calls = { .Read = read_into_own };
    SPD_STORAGE_UNIT *unit = create(&calls);
    HANDLE pipe;

    SpdStorageUnitSetBufferAllocatorF(unit, note_alloc, note_free);
    pipe = start(unit, 0);
    CHECK(disk_await(&allocated, (LONG)processors()));
    for (UINT32 i = 0; i < 8; i++) {
        client_transfer(&message, i + 1, SpdIoctlTransactReadKind, i, 1);
        CHECK(client_call(pipe, &message, 0) == 0 && message.data[DISK_BLOCK - 1] == 0x42);
    }
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
    CHECK(allocated == (LONG)processors() && freed == allocated);
    CHECK(misfreed == 0 && strange_buffers == 0);
    for (LONG i = 0; i < allocated; i++)
        CHECK(buffers[i].buffer && buffers[i].size == DISK_TRANSFER);
}

static void calls_that_are_not_there_are_refused(void)
{
    SPD_STORAGE_UNIT *unit = create(NULL);
    HANDLE pipe = start(unit, 1);

    for (UINT8 kind = SpdIoctlTransactReadKind; kind < SpdIoctlTransactKindCount; kind++) {
        client_transfer(&message, kind, kind, 0, 1);
        if (kind == SpdIoctlTransactUnmapKind)
            message.request.Op.Unmap.Count = 1;
        CHECK(client_call(pipe, &message, 0) == 2);
        CHECK(message.response.Status.SenseKey == 5 && message.response.Status.ASC == 0x20);
        CHECK(message.response.Status.ASCQ == 0 && !message.response.Status.InformationValid);
    }
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static HANDLE all_inside;
static volatile LONG inside;

static BOOLEAN SPD_CALL read_together(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    InterlockedIncrement(&inside);
    WaitForSingleObject(all_inside, INFINITE);
    memset(buffer, (int)address, (size_t)count * DISK_BLOCK);
    return TRUE;
}

static void requests_are_served_in_parallel(void)
{
    static const SPD_STORAGE_UNIT_INTERFACE calls = { .Read = read_together };
    SPD_STORAGE_UNIT *unit = create(&calls);
    HANDLE pipe = start(unit, THREADS);

    all_inside = CreateEventW(NULL, TRUE, FALSE, NULL);
    for (UINT32 i = 0; i < THREADS; i++) {
        client_transfer(&message, i + 1, SpdIoctlTransactReadKind, i, 1);
        CHECK(client_send(pipe, &message, 0));
    }
    CHECK(disk_await(&inside, THREADS));
    SetEvent(all_inside);
    for (UINT32 i = 0; i < THREADS; i++) {
        CHECK(client_receive(pipe, &message) == DISK_BLOCK);
        CHECK(message.data[0] == message.response.Hint - 1);
    }
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
    CloseHandle(all_inside);
}

/* Writes whose answer comes later, and what a last flush finds. */
static volatile LONG held, answered, flushed, flushed_too_early;
static SPD_IOCTL_TRANSACT_REQ held_request;
static SPD_IOCTL_TRANSACT_REQ flush_request;
static bool flush_has_context;

static BOOLEAN SPD_CALL hold(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)buffer;
    (void)address;
    (void)count;
    (void)flush;
    (void)status;
    held_request = *SpdStorageUnitGetOperationContext()->Request;
    InterlockedIncrement(&held);
    return FALSE;
}

static BOOLEAN SPD_CALL note_flush(
    SPD_STORAGE_UNIT *unit, UINT64 address, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    SPD_STORAGE_UNIT_OPERATION_CONTEXT *context = SpdStorageUnitGetOperationContext();

    (void)unit;
    CHECK(address == 0 && count == 0 && status->ScsiStatus == 0);
    flush_has_context = context;
    if (context)
        flush_request = *context->Request;
    if (answered < held)
        InterlockedIncrement(&flushed_too_early);
    InterlockedIncrement(&flushed);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE holding = { .Write = hold, .Flush = note_flush,
    .Read = hold };

static SPD_STORAGE_UNIT *start_holding(HANDLE *pipe, UINT8 kind)
{
    SPD_STORAGE_UNIT *unit = create(&holding);

    held = answered = flushed = flushed_too_early = 0;
    *pipe = start(unit, 2);
    client_transfer(&message, 77, kind, 3, 1);
    CHECK(client_send(*pipe, &message, kind == SpdIoctlTransactWriteKind ? DISK_BLOCK : 0));
    CHECK(disk_await(&held, 1));
    return unit;
}

static void the_last_flush_comes_after_deferred_responses(void)
{
    enum { LONG_ENOUGH_FOR_A_FLUSH_MS = 50 };
    SPD_IOCTL_TRANSACT_RSP response = { 0 };
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    unit = start_holding(&pipe, SpdIoctlTransactWriteKind);
    SpdStorageUnitShutdown(unit);
    WaitForSingleObject(unit->DispatcherThread, LONG_ENOUGH_FOR_A_FLUSH_MS);
    answered = 1;
    response.Hint = held_request.Hint;
    response.Kind = held_request.Kind;
    SpdStorageUnitSendResponse(unit, &response, NULL);
    CHECK(disk_end(unit) == 0);
    CHECK(flushed == 1 && flushed_too_early == 0);
    CloseHandle(pipe);
}

static void a_response_that_never_comes_holds_up_no_end(void)
{
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    unit = start_holding(&pipe, SpdIoctlTransactWriteKind);
    CHECK(disk_end(unit) == 0);
    CHECK(flushed == 1 && flushed_too_early == 1);
    CloseHandle(pipe);
}

static void the_last_flush_has_a_context(void)
{
    SPD_STORAGE_UNIT *unit = create(&holding);

    held = answered = flushed = 0;
    CHECK(!SpdStorageUnitGetOperationContext());
    CloseHandle(start(unit, 2));
    CHECK(!SpdStorageUnitGetOperationContext());
    CHECK(disk_end(unit) == 0);
    CHECK(flushed == 1 && flush_has_context);
    CHECK(flush_request.Kind == SpdIoctlTransactFlushKind && flush_request.Hint == 0);
}

/* The last block of a page that ends where nothing is, and that cannot be written. */
static DWORD WINAPI answer_with_just_enough(PVOID argument)
{
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = held_request.Hint, .Kind = held_request.Kind };
    SIZE_T page = 4096;
    UCHAR *pages = VirtualAlloc(NULL, 2 * page, MEM_RESERVE, PAGE_NOACCESS);
    DWORD protection;

    VirtualAlloc(pages, page, MEM_COMMIT, PAGE_READWRITE);
    memset(pages + page - DISK_BLOCK, 0x6c, DISK_BLOCK);
    VirtualProtect(pages, page, PAGE_READONLY, &protection);
    SpdStorageUnitSendResponse(argument, &response, pages + page - DISK_BLOCK);
    VirtualFree(pages, 0, MEM_RELEASE);
    return 0;
}

static void a_deferred_response_needs_no_more_than_the_read(void)
{
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe, thread;

    unit = start_holding(&pipe, SpdIoctlTransactReadKind);
    thread = CreateThread(NULL, 0, answer_with_just_enough, unit, 0, NULL);
    CHECK(client_receive(pipe, &message) == DISK_BLOCK);
    CHECK(message.response.Hint == 77 && message.data[DISK_BLOCK - 1] == 0x6c);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static void only_what_counts_of_a_response_counts(void)
{
    SPD_IOCTL_TRANSACT_RSP response, clean = { .Hint = 77, .Kind = SpdIoctlTransactReadKind };
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    unit = start_holding(&pipe, SpdIoctlTransactReadKind);
    memset(&response, 0xee, sizeof response);
    response.Hint = held_request.Hint;
    response.Status.ScsiStatus = SCSISTAT_BUSY;
    response.Status.SenseKey = response.Status.ASC = response.Status.ASCQ = 0;
    response.Status.Information = 0;
    response.Status.InformationValid = 0;
    SpdStorageUnitSendResponse(unit, &response, NULL);
    CHECK(client_receive(pipe, &message) == 0);
    clean.Status.ScsiStatus = SCSISTAT_BUSY;
    CHECK(!memcmp(&message.response, &clean, sizeof clean));
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static BOOLEAN SPD_CALL shut_down(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)buffer;
    (void)address;
    (void)count;
    (void)flush;
    (void)status;
    SpdStorageUnitShutdown(unit);
    return TRUE;
}

static void a_call_may_shut_down(void)
{
    static const SPD_STORAGE_UNIT_INTERFACE calls = { .Write = shut_down,
        .Flush = note_flush };
    SPD_STORAGE_UNIT *unit = create(&calls);
    DWORD error = 1;
    HANDLE pipe;

    held = answered = flushed = 0;
    pipe = start(unit, THREADS);
    client_transfer(&message, 1, SpdIoctlTransactWriteKind, 0, 1);
    CHECK(client_send(pipe, &message, DISK_BLOCK));
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    CHECK(error == 0 && flushed == 1 && !unit->DispatcherThread);
    SpdStorageUnitDelete(unit);
    CloseHandle(pipe);
}

static void an_error_of_the_program_stays(void)
{
    SPD_STORAGE_UNIT *unit = create(NULL);

    CloseHandle(start(unit, 2));
    SpdStorageUnitSetDispatcherError(unit, 0);
    SpdStorageUnitSetDispatcherError(unit, ERROR_DISK_CORRUPT);
    SpdStorageUnitSetDispatcherError(unit, ERROR_CRC);
    CHECK(disk_end(unit) == ERROR_DISK_CORRUPT);
}

static HANDLE(WINAPI *create_thread)(
    LPSECURITY_ATTRIBUTES, SIZE_T, LPTHREAD_START_ROUTINE, LPVOID, DWORD, LPDWORD);
static volatile LONG threads_left;

static HANDLE WINAPI create_few_threads(LPSECURITY_ATTRIBUTES security, SIZE_T stack,
    LPTHREAD_START_ROUTINE function, LPVOID argument, DWORD flags, LPDWORD id)
{
    if (InterlockedDecrement(&threads_left) >= 0)
        return create_thread(security, stack, function, argument, flags, id);
    SetLastError(ERROR_TOO_MANY_TCBS);
    return NULL;
}

static void a_thread_that_cannot_be_made_is_an_error(void)
{
    SPD_STORAGE_UNIT *unit;
    void *real = hook_set("CreateThread", (void *)create_few_threads);

    memcpy(&create_thread, &real, sizeof real);
    threads_left = 0;
    unit = create(NULL);
    CHECK(SpdStorageUnitStartDispatcher(unit, 2) == ERROR_TOO_MANY_TCBS);
    CHECK(!unit->DispatcherThread);
    SpdStorageUnitWaitDispatcher(unit);
    threads_left = 1;
    CHECK(SpdStorageUnitStartDispatcher(unit, 2) == 0);
    SpdStorageUnitWaitDispatcher(unit);
    CHECK(disk_end(unit) == ERROR_TOO_MANY_TCBS);
    hook_set("CreateThread", real);
}

static void the_number_of_threads_has_a_bound(void)
{
    SPD_STORAGE_UNIT *unit = create(NULL);

    CHECK(SpdStorageUnitStartDispatcher(unit, 1025) == ERROR_INVALID_PARAMETER);
    CHECK(!unit->DispatcherThread);
    SpdStorageUnitDelete(unit);
}

void dispatch_begin(void)
{
    wsprintfW(name, L"\\\\.\\pipe\\spd-dispatch-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%s\\0", name);
}

const struct test dispatch_tests[] = {
    { "dispatcher: each thread has a buffer of its own, and frees it",
        each_thread_has_a_buffer_of_its_own },
    { "dispatcher: calls that are not there are refused", calls_that_are_not_there_are_refused },
    { "dispatcher: requests are served in parallel", requests_are_served_in_parallel },
    { "dispatcher: the last flush comes after deferred responses",
        the_last_flush_comes_after_deferred_responses },
    { "dispatcher: a response that never comes holds up no end",
        a_response_that_never_comes_holds_up_no_end },
    { "dispatcher: the last flush has a context", the_last_flush_has_a_context },
    { "dispatcher: a deferred response needs no more than the read, from any thread",
        a_deferred_response_needs_no_more_than_the_read },
    { "dispatcher: only what counts of a response counts", only_what_counts_of_a_response_counts },
    { "dispatcher: a call may shut down", a_call_may_shut_down },
    { "dispatcher: an error of the program stays", an_error_of_the_program_stays },
    { "dispatcher: a thread that cannot be made is an error, and leaves no handle",
        a_thread_that_cannot_be_made_is_an_error },
    { "dispatcher: the number of threads has a bound", the_number_of_threads_has_a_bound },
    { 0 }
};
