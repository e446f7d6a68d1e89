/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Messages between a program and the clients of its pipe, to the letter. */

#include <string.h>

#include "disk.h"

enum { HELD_MAX = 8 };

static WCHAR name[64];
static WCHAR path[72];
static struct message message;

/* Calls that are answered by answer() only. */
static SPD_IOCTL_TRANSACT_REQ held[HELD_MAX];
static UINT32 held_blocks[HELD_MAX];
static DWORD held_by[HELD_MAX]; /* the thread that was called */
static volatile LONG held_count;

static BOOLEAN hold(UINT32 blocks)
{
    held[held_count] = *SpdStorageUnitGetOperationContext()->Request;
    held_blocks[held_count] = blocks;
    held_by[held_count] = GetCurrentThreadId();
    InterlockedIncrement(&held_count);
    return FALSE;
}

static BOOLEAN SPD_CALL hold_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 address,
    UINT32 count, BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)buffer;
    (void)address;
    (void)flush;
    (void)status;
    return hold(count);
}

static BOOLEAN SPD_CALL hold_unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR descriptors[],
    UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    UINT32 blocks = 0;

    (void)unit;
    (void)status;
    for (UINT32 i = 0; i < count; i++)
        blocks += descriptors[i].BlockCount;
    return hold(blocks);
}

static const SPD_STORAGE_UNIT_INTERFACE holding = { .Read = hold_read, .Unmap = hold_unmap };

static SPD_STORAGE_UNIT *start(const SPD_STORAGE_UNIT_PARAMS *params, HANDLE *pipe,
    SPD_STORAGE_UNIT_PARAMS *greeting)
{
    SPD_STORAGE_UNIT *unit = NULL;

    held_count = 0;
    CHECK(SpdStorageUnitCreate(name, params, &holding, &unit) == 0);
    CHECK(unit && SpdStorageUnitStartDispatcher(unit, 1) == 0);
    *pipe = client_open(path, greeting);
    return unit;
}

static void answer(SPD_STORAGE_UNIT *unit, int which, const SPD_STORAGE_UNIT_STATUS *status)
{
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = held[which].Hint, .Kind = held[which].Kind };

    response.Status = *status;
    SpdStorageUnitSendResponse(unit, &response, NULL);
}

static void end(SPD_STORAGE_UNIT *unit, HANDLE pipe)
{
    CloseHandle(pipe);
    CHECK(disk_end(unit) == 0);
}

static void a_status_arrives_to_the_byte(void)
{
    static const SPD_STORAGE_UNIT_STATUS rows[] = {
        { .ScsiStatus = 2, .SenseKey = 3, .ASC = 0x11, .ASCQ = 0x04,
            .Information = 0x123456789abcdef0, .InformationValid = 1 },
        { .ScsiStatus = 2, .SenseKey = 0x1f, .ASC = 0xff, .ASCQ = 0xfe, .Information = 7 },
        { .ScsiStatus = SCSISTAT_BUSY },
        { .ScsiStatus = SCSISTAT_RESERVATION_CONFLICT, .SenseKey = 1, .ASC = 2, .ASCQ = 3 },
        { .ScsiStatus = 0x41, .Information = 1, .InformationValid = 1 },
        { .SenseKey = 1, .ASC = 0x17, .ASCQ = 0x01, .Information = 9, .InformationValid = 1 },
    };
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(&params, &pipe, &greeting);

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SPD_IOCTL_TRANSACT_RSP wanted = { .Hint = i + 1, .Kind = SpdIoctlTransactReadKind };

        wanted.Status = rows[i];
        held_count = 0;
        client_transfer(&message, i + 1, SpdIoctlTransactReadKind, i, 1);
        CHECK(client_send(pipe, &message, 0) && disk_await(&held_count, 1));
        answer(unit, 0, &rows[i]);
        CHECK(client_receive(pipe, &message) == (rows[i].ScsiStatus ? 0 : DISK_BLOCK));
        CHECK(!memcmp(&message.response, &wanted, sizeof wanted));
    }
    end(unit, pipe);
}

/* Its response has the data, or there is none and the read has failed. */
static void a_recovered_error_brings_its_data(void)
{
    static const SPD_STORAGE_UNIT_STATUS recovered = { .ScsiStatus = 2, .SenseKey = 1, .ASC = 23 };
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    UCHAR block[DISK_BLOCK];
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(&params, &pipe, &greeting);

    memset(block, 0x3c, sizeof block);
    for (int given = 0; given < 2; given++) {
        SPD_IOCTL_TRANSACT_RSP response = { .Kind = SpdIoctlTransactReadKind };

        held_count = 0;
        client_transfer(&message, (UINT64)given + 1, SpdIoctlTransactReadKind, 0, 1);
        CHECK(client_send(pipe, &message, 0) && disk_await(&held_count, 1));
        response.Hint = held[0].Hint;
        response.Status = recovered;
        SpdStorageUnitSendResponse(unit, &response, given ? block : NULL);
        CHECK(client_receive(pipe, &message) == (given ? DISK_BLOCK : 0));
        CHECK(message.response.Status.ScsiStatus == 2);
        CHECK(message.response.Status.SenseKey == (given ? 1 : 4));
        CHECK(message.response.Status.ASC == (given ? 23 : 0x44));
        CHECK(!given || !memcmp(message.data, block, sizeof block));
    }
    end(unit, pipe);
}

static void parameters_arrive_to_the_letter(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    SPD_STORAGE_UNIT *unit;
    HANDLE pipe;

    memcpy(params.ProductId, "two\0words\xe4\1 pad ", sizeof params.ProductId);
    memcpy(params.ProductRevisionLevel, "\2ab\0", sizeof params.ProductRevisionLevel);
    params.EjectDisabled = 1;
    params.Reserved[1] = (UINT64)3 << 32 | DISK_BLOCK;
    params.Reserved[0] = SPD_IOCTL_UNMAP_ZEROS;
    params.Reserved[3] = 0x50; /* NAA 5h */
    unit = start(&params, &pipe, &greeting);
    CHECK(!memcmp(&params, &greeting, sizeof params));
    CHECK(!memcmp(&params, &unit->StorageUnitParams, sizeof params));
    CHECK(((ULONG_PTR)unit->Handle & 1) == 1 && unit->Btl == 0);
    end(unit, pipe);
    ZeroMemory(&params.Guid, sizeof params.Guid);
    unit = start(&params, &pipe, &greeting);
    CHECK(!memcmp(&params, &greeting, sizeof params));
    end(unit, pipe);
}

enum { LONG_COUNT = 1000 };

/* Sends an unmap of LONG_COUNT blocks, and waits until the program has it. */
static void send_long_unmap(HANDLE pipe)
{
    held_count = 0;
    client_transfer(&message, 5, SpdIoctlTransactUnmapKind, 0, 0);
    message.request.Op.Unmap.Count = LONG_COUNT;
    for (UINT32 i = 0; i < LONG_COUNT; i++) {
        SPD_UNMAP_DESCRIPTOR descriptor = { .BlockAddress = i % DISK_BLOCKS, .BlockCount = 1 };

        memcpy(message.data + i * sizeof descriptor, &descriptor, sizeof descriptor);
    }
    CHECK(client_send(pipe, &message, LONG_COUNT * sizeof(SPD_UNMAP_DESCRIPTOR)));
    CHECK(disk_await(&held_count, 1));
}

/* In either profile a list is one call, as long as the program's buffer has room, which is what the
 * original does; the client sees one answer. */
static void a_long_unmap_has_one_answer(void)
{
    static const SPD_STORAGE_UNIT_STATUS good, bad = { .ScsiStatus = 2, .SenseKey = 3, .ASC = 12 };
    static const UINT64 profiles[] = { 0, SPD_IOCTL_MODERN_PROFILE };

    for (int i = 0; i < 4; i++) {
        SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
        SPD_STORAGE_UNIT *unit;
        HANDLE pipe;
        DWORD waiting = 1;
        bool failing = i % 2;

        params.Reserved[0] = profiles[i / 2];
        unit = start(&params, &pipe, &greeting);
        send_long_unmap(pipe);
        CHECK(held_count == 1 && held_blocks[0] == LONG_COUNT);
        CHECK(PeekNamedPipe(pipe, NULL, 0, NULL, &waiting, NULL) && waiting == 0);
        answer(unit, 0, failing ? &bad : &good);
        answer(unit, 0, &good); /* once is enough */
        CHECK(client_receive(pipe, &message) == 0 && message.response.Hint == 5);
        CHECK(message.response.Status.ScsiStatus == (failing ? 2 : 0));
        CHECK(message.response.Status.ASC == (failing ? 12 : 0));
        CHECK(held_count == 1);
        end(unit, pipe);
    }
}

enum {
    CALL_BLOCKS = (256 << 20) / DISK_BLOCK, /* of one call at most */
    HUGE_BLOCKS = 2 * CALL_BLOCKS + 1,      /* three calls */
};

static SPD_STORAGE_UNIT *start_huge(HANDLE *pipe)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;

    params.BlockCount = 2 * HUGE_BLOCKS;
    return start(&params, pipe, &greeting);
}

static void send_huge_unmap(HANDLE pipe, UINT64 hint)
{
    SPD_UNMAP_DESCRIPTOR descriptor = { .BlockAddress = 1, .BlockCount = HUGE_BLOCKS };

    client_transfer(&message, hint, SpdIoctlTransactUnmapKind, 0, 0);
    message.request.Op.Unmap.Count = 1;
    memcpy(message.data, &descriptor, sizeof descriptor);
    CHECK(client_send(pipe, &message, sizeof descriptor));
}

/* The next call of an unmap that was answered elsewhere is for a dispatcher thread, which waits for
 * messages then. Two unmaps have their calls in turn. */
static void calls_of_unmaps_that_are_answered_later_are_on_the_dispatcher(void)
{
    static const SPD_STORAGE_UNIT_STATUS good;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start_huge(&pipe);
    UINT64 hints = 0;

    send_huge_unmap(pipe, 1);
    send_huge_unmap(pipe, 2);
    CHECK(disk_await(&held_count, 2));
    for (int i = 0; i < 6; i++) {
        CHECK(held_by[i] == unit->DispatcherThreadId);
        CHECK(held_blocks[i] == (i < 4 ? CALL_BLOCKS : 1));
        answer(unit, i, &good);
        if (i < 4)
            CHECK(disk_await(&held_count, i + 3));
    }
    for (int i = 0; i < 2; i++) {
        CHECK(client_receive(pipe, &message) == 0 && !message.response.Status.ScsiStatus);
        hints += message.response.Hint;
    }
    CHECK(hints == 3 && held_count == 6);
    end(unit, pipe);
}

/* The client has gone while the program had a call: it gets no further one, and the next client is
 * served. */
static void an_unmap_of_a_client_that_has_gone_is_not_continued(void)
{
    static const SPD_STORAGE_UNIT_STATUS good;
    SPD_STORAGE_UNIT_PARAMS greeting;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start_huge(&pipe);

    send_huge_unmap(pipe, 1);
    CHECK(disk_await(&held_count, 1));
    CloseHandle(pipe);
    pipe = client_open(path, &greeting);
    answer(unit, 0, &good);
    send_huge_unmap(pipe, 7);
    CHECK(disk_await(&held_count, 2));
    for (int i = 1; i < 4; i++) {
        answer(unit, i, &good);
        CHECK(disk_await(&held_count, i < 3 ? i + 2 : 4));
    }
    CHECK(client_receive(pipe, &message) == 0 && !message.response.Status.ScsiStatus);
    CHECK(message.response.Hint == 7 && held_count == 4);
    end(unit, pipe);
}

/* Shut down in the middle: the unit ends all the same, and the program has no further call. */
static void an_unmap_ends_with_its_unit(void)
{
    static const SPD_STORAGE_UNIT_STATUS good;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start_huge(&pipe);

    send_huge_unmap(pipe, 1);
    send_huge_unmap(pipe, 2);
    CHECK(disk_await(&held_count, 2));
    SpdStorageUnitShutdown(unit);
    answer(unit, 0, &good);
    answer(unit, 1, &good);
    end(unit, pipe);
    CHECK(held_count == 2);
}

/* A single thread: requests that it has handed on do not hold it up, and it loses nothing that it
 * needs for them. */
static void one_thread_has_many_requests_under_way(void)
{
    enum { ROUNDS = 20 };
    static const SPD_STORAGE_UNIT_STATUS good;
    SPD_STORAGE_UNIT_PARAMS params = disk_params(), greeting;
    HANDLE pipe;
    SPD_STORAGE_UNIT *unit = start(&params, &pipe, &greeting);

    for (UINT32 round = 0; round < ROUNDS; round++) {
        held_count = 0;
        for (UINT32 i = 0; i < HELD_MAX; i++) {
            client_transfer(&message, i + 1, SpdIoctlTransactReadKind, i, 1 + i % 3);
            CHECK(client_send(pipe, &message, 0));
        }
        CHECK(disk_await(&held_count, HELD_MAX));
        for (int i = 0; i < HELD_MAX; i++)
            answer(unit, (i * 3) % HELD_MAX, &good);
        for (int i = 0; i < HELD_MAX; i++) {
            int length = client_receive(pipe, &message);

            CHECK(length == (int)(1 + (message.response.Hint - 1) % 3) * DISK_BLOCK);
            CHECK(message.data[0] == 0 && message.data[DISK_BLOCK - 1] == 0);
        }
    }
    end(unit, pipe);
}

void transport_begin(void)
{
    wsprintfW(name, L"\\\\.\\pipe\\spd-transport-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%s\\0", name);
}

const struct test transport_tests[] = {
    { "pipe: a status arrives to the byte", a_status_arrives_to_the_byte },
    { "pipe: a recovered error brings its data", a_recovered_error_brings_its_data },
    { "pipe: parameters arrive to the letter", parameters_arrive_to_the_letter },
    { "pipe: a long unmap has one answer", a_long_unmap_has_one_answer },
    { "pipe: calls of unmaps that are answered later are on the dispatcher",
        calls_of_unmaps_that_are_answered_later_are_on_the_dispatcher },
    { "pipe: an unmap of a client that has gone is not continued",
        an_unmap_of_a_client_that_has_gone_is_not_continued },
    { "pipe: an unmap ends with its unit", an_unmap_ends_with_its_unit },
    { "pipe: one thread has many requests under way", one_thread_has_many_requests_under_way },
    { 0 }
};
