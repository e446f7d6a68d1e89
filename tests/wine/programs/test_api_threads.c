/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units with several dispatcher threads on the driver: with the original's, programs hung. */

#include "api.h"

#define THREADS 4
#define BLOCKS 1024

static UCHAR disk[BLOCKS * BLOCK];
static volatile LONG inside, calls, gave_up;
static volatile LONG wanted; /* so many reads wait for each other */
static HANDLE all_inside, may_leave;

static BOOLEAN SPD_CALL on_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    memcpy(buffer, disk + block * BLOCK, count * BLOCK);
    InterlockedIncrement(&calls);
    if (wanted && InterlockedIncrement(&inside) == wanted)
        SetEvent(all_inside);
    if (wanted && WaitForSingleObject(may_leave, PATIENCE))
        InterlockedIncrement(&gave_up);
    return TRUE;
}

static BOOLEAN SPD_CALL on_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    memcpy(disk + block * BLOCK, buffer, count * BLOCK);
    InterlockedIncrement(&calls);
    return TRUE;
}

static BOOLEAN SPD_CALL on_flush(
    SPD_STORAGE_UNIT *unit, UINT64 block, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)block;
    (void)count;
    (void)status;
    InterlockedIncrement(&calls);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE all = { on_read, on_write, on_flush, NULL };

static SPD_STORAGE_UNIT *start(ULONG threads)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 4);
    SPD_STORAGE_UNIT *unit;

    params.BlockCount = BLOCKS;
    params.CacheSupported = 1;
    inside = calls = gave_up = wanted = 0;
    all_inside = CreateEventW(NULL, TRUE, FALSE, NULL);
    may_leave = CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &all, &unit), 0);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, threads), 0);
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, unit->Btl, NULL, PATIENCE), 0);
    return unit;
}

static void end(SPD_STORAGE_UNIT *unit)
{
    api_stop(unit);
    CloseHandle(all_inside);
    CloseHandle(may_leave);
    CHECK_EQUAL(gave_up, 0);
    CHECK_EQUAL(api_units(), 0);
}

/* `count` reads that are in their calls, all at the same time. */
static void start_reads(SPD_STORAGE_UNIT *unit, struct command *reads, UCHAR (*data)[BLOCK],
    UINT32 count)
{
    UINT32 i;

    wanted = (LONG)count;
    for (i = 0; i < count; i++) {
        reads[i] = api_move(unit->Btl, FALSE, i, 1, data[i]);
        api_start(&reads[i]);
    }
    CHECK_EQUAL(WaitForSingleObject(all_inside, PATIENCE), WAIT_OBJECT_0);
}

static void end_reads(struct command *reads, UINT32 count)
{
    UINT32 i;

    wanted = 0;
    SetEvent(may_leave);
    for (i = 0; i < count; i++) {
        api_wait(&reads[i]);
        CHECK(api_good(&reads[i]));
    }
}

static void as_many_requests_at_once(void)
{
    SPD_STORAGE_UNIT *unit = start(THREADS);
    struct command reads[THREADS];
    UCHAR data[THREADS][BLOCK];
    UINT32 i;

    fill_pattern(disk, 0, THREADS, 7);
    start_reads(unit, reads, data, THREADS);
    end_reads(reads, THREADS);
    for (i = 0; i < THREADS; i++)
        CHECK(is_pattern(data[i], i, 1, 7));
    end(unit);
}

static void calls_that_wait_hold_up_no_others(void)
{
    static const UCHAR flush_cdb[10] = { SCSIOP_SYNCHRONIZE_CACHE };
    SPD_STORAGE_UNIT *unit = start(THREADS);
    struct command reads[THREADS - 1], other;
    UCHAR data[THREADS - 1][BLOCK], written[4 * BLOCK], back[4 * BLOCK] = { 0 };
    UINT32 i;

    start_reads(unit, reads, data, THREADS - 1);
    wanted = 0;
    fill_pattern(written, 100, 4, 2);
    for (i = 0; i < 10; i++) {
        other = api_move(unit->Btl, TRUE, 100, 4, written);
        api_run(&other);
        CHECK(api_good(&other));
        other = (struct command){ .btl = unit->Btl };
        memcpy(other.cdb.AsByte, flush_cdb, sizeof flush_cdb);
        api_run(&other);
        CHECK(api_good(&other));
        other = api_move(unit->Btl, FALSE, 100, 4, back);
        api_run(&other);
        CHECK(api_good(&other));
        CHECK_BYTES(back, written, sizeof written);
    }
    end_reads(reads, THREADS - 1);
    end(unit);
}

/* None is free for them: they wait for one, and then are served. */
static void requests_wait_for_a_thread(void)
{
    SPD_STORAGE_UNIT *unit = start(THREADS);
    struct command reads[THREADS], late[2 * THREADS];
    UCHAR data[THREADS][BLOCK], more[2 * THREADS][BLOCK];
    LONG before;
    UINT32 i;

    start_reads(unit, reads, data, THREADS);
    before = calls;
    for (i = 0; i < 2 * THREADS; i++) {
        late[i] = api_move(unit->Btl, i & 1, 200 + i, 1, more[i]);
        api_start(&late[i]);
    }
    CHECK_EQUAL(calls, before);
    end_reads(reads, THREADS);
    for (i = 0; i < 2 * THREADS; i++) {
        api_wait(&late[i]);
        CHECK(api_good(&late[i]));
    }
    CHECK_EQUAL(calls, before + 2 * THREADS);
    end(unit);
}

struct client {
    UINT32 btl, first;
    HANDLE thread;
};

/* Some transfers are longer than the unit's, and come in chunks. */
static DWORD WINAPI client_main(void *context)
{
    struct client *client = context;
    UCHAR data[6 * BLOCK], back[6 * BLOCK];
    UINT32 i;

    for (i = 0; i < 60; i++) {
        UINT32 count = 1 + i % 6;
        struct command out = api_move(client->btl, TRUE, client->first + i, count, data);
        struct command in = api_move(client->btl, FALSE, client->first + i, count, back);

        fill_pattern(data, client->first + i, count, (UCHAR)i);
        api_run(&out);
        api_run(&in);
        if (!api_good(&out) || !api_good(&in) || memcmp(data, back, count * BLOCK))
            return 1;
    }
    return 0;
}

static void many_threads_and_many_clients(void)
{
    SPD_STORAGE_UNIT *unit = start(2 * THREADS);
    struct client clients[2 * THREADS];
    DWORD code;
    UINT32 i;

    for (i = 0; i < 2 * THREADS; i++) {
        clients[i] = (struct client){ .btl = unit->Btl, .first = i * 100 };
        clients[i].thread = CreateThread(NULL, 0, client_main, &clients[i], 0, NULL);
        CHECK(clients[i].thread);
    }
    for (i = 0; i < 2 * THREADS; i++) {
        CHECK_EQUAL(WaitForSingleObject(clients[i].thread, PATIENCE), WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(clients[i].thread, &code));
        CHECK_EQUAL(code, 0);
        CloseHandle(clients[i].thread);
    }
    end(unit);
}

static void they_end_whatever_they_are_at(void)
{
    UINT32 round;

    for (round = 0; round < 12; round++) {
        SPD_STORAGE_UNIT *unit = start(1 + round % THREADS);
        struct command commands[3];
        UCHAR data[3][BLOCK];
        UINT32 count = round % 4, i;

        for (i = 0; i < count; i++) {
            commands[i] = api_move(unit->Btl, FALSE, i, 1, data[i]);
            api_start(&commands[i]);
        }
        end(unit);
        for (i = 0; i < count; i++)
            api_wait(&commands[i]);
    }
}

static DWORD WINAPI shut_down(void *unit)
{
    SpdStorageUnitShutdown(unit);
    return 0;
}

static void shut_down_by_several_at_once(void)
{
    SPD_STORAGE_UNIT *unit = start(THREADS);
    HANDLE threads[3];
    UINT32 i;

    for (i = 0; i < 3; i++)
        threads[i] = CreateThread(NULL, 0, shut_down, unit, 0, NULL);
    CHECK_EQUAL(WaitForMultipleObjects(3, threads, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (i = 0; i < 3; i++)
        CloseHandle(threads[i]);
    end(unit);
}

const struct test api_thread_tests[] = {
    { "threads: as many requests at once", as_many_requests_at_once },
    { "threads: calls that wait hold up no others", calls_that_wait_hold_up_no_others },
    { "threads: requests wait for a thread", requests_wait_for_a_thread },
    { "threads: many of them, and many clients", many_threads_and_many_clients },
    { "threads: they end whatever they are at", they_end_whatever_they_are_at },
    { "threads: shut down by several at once", shut_down_by_several_at_once },
    { 0 }
};
