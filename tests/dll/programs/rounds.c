/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Task management by another door, and the end of the unit, reach running requests of a pipe's
 * client. The program is linked with the library, since it begins the rounds that an initiator of
 * the iSCSI door would.
 */

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "lib/unit.h"
#include "tap.h"

enum {
    BLOCKS = 256,
    BLOCK = 512,
    KEPT_MAX = 8,
    PATIENCE_MS = 60000,
    ABORTED = 0x40, /* TASK ABORTED (SAM-5 5.3.1) */
    ROUNDS = 300,
};

static char name[64];
static WCHAR path[72];
static struct message message;

static SRWLOCK lock = SRWLOCK_INIT; /* guards the next */
static CONDITION_VARIABLE change = CONDITION_VARIABLE_INIT;
static spd_request *kept[KEPT_MAX];
static int kept_count, told;
static bool keeps, gives_back;

/* The lock is held. */
static int find(const spd_request *request)
{
    int at = 0;

    while (at < kept_count && kept[at] != request)
        at++;
    return at;
}

static void submit(spd_device *device, spd_request *request)
{
    bool keep;

    (void)device;
    AcquireSRWLockExclusive(&lock);
    keep = keeps && spd_request_operation(request) != SPD_FLUSH;
    if (keep)
        kept[kept_count++] = request;
    ReleaseSRWLockExclusive(&lock);
    WakeAllConditionVariable(&change);
    if (!keep)
        spd_request_complete(request, NULL);
}

static void abort_request(spd_device *device, spd_request *request)
{
    bool give = false;
    int at;

    (void)device;
    AcquireSRWLockExclusive(&lock);
    at = find(request);
    if (at < kept_count) {
        told++;
        give = gives_back;
        if (give)
            kept[at] = kept[--kept_count];
    }
    ReleaseSRWLockExclusive(&lock);
    WakeAllConditionVariable(&change);
    if (give)
        spd_request_complete(request, NULL);
}

static const spd_ops ops = { .size = sizeof ops, .submit = submit, .abort = abort_request };

static bool await(const int *counter, int value)
{
    bool there;

    AcquireSRWLockExclusive(&lock);
    while (*counter < value &&
        SleepConditionVariableSRW(&change, &lock, PATIENCE_MS, 0))
        ;
    there = *counter >= value;
    ReleaseSRWLockExclusive(&lock);
    return there;
}

static void complete_all(void)
{
    spd_request *requests[KEPT_MAX];
    int count;

    AcquireSRWLockExclusive(&lock);
    count = kept_count;
    memcpy(requests, kept, sizeof requests);
    kept_count = 0;
    ReleaseSRWLockExclusive(&lock);
    for (int i = 0; i < count; i++)
        spd_request_complete(requests[i], NULL);
}

/* A unit on a pipe and, for the rounds, on another door that nobody comes by. */
static spd_unit *start(HANDLE *pipe, bool keep, bool give_back)
{
    spd_params params = SPD_PARAMS_INIT;
    SPD_STORAGE_UNIT_PARAMS greeting;
    spd_unit *unit = NULL;

    params.block_count = BLOCKS;
    kept_count = told = 0;
    keeps = keep;
    gives_back = give_back;
    CHECK(spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit) == 0);
    CHECK(spd_unit_add_door(unit, "iscsi://127.0.0.1:0/iqn.2026-01.org.example:other") == 0);
    CHECK(spd_unit_start(unit, 0) == 0);
    *pipe = client_open(path, &greeting);
    CHECK(*pipe != INVALID_HANDLE_VALUE);
    return unit;
}

static void end(spd_unit *unit, HANDLE pipe)
{
    spd_unit_shutdown(unit);
    CHECK(spd_unit_wait(unit) == 0);
    spd_unit_delete(unit);
    CloseHandle(pipe);
}

static struct spd_door *other_door(const spd_unit *unit)
{
    return unit->doors[1];
}

static bool await_end(const spd_unit *unit, uint32_t round)
{
    DWORD began = GetTickCount();

    while (!spd_round_ended(other_door(unit), round)) {
        if (GetTickCount() - began > PATIENCE_MS)
            return false;
        Sleep(1);
    }
    return true;
}

static void ask(HANDLE pipe, UINT64 hint, UINT8 kind)
{
    client_transfer(&message, hint, kind, hint, 1);
    memset(message.data, (int)hint, BLOCK);
    CHECK(client_send(pipe, &message, kind == SpdIoctlTransactWriteKind ? BLOCK : 0));
}

static void expect(HANDLE pipe, UINT64 hint, int status)
{
    int length = client_receive(pipe, &message);

    CHECK(length == 0 || status == 0);
    CHECK(message.response.Hint == hint);
    CHECK(message.response.Status.ScsiStatus == status);
}

static void a_read_is_left_behind(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, false);
    uint32_t round;

    ask(pipe, 1, SpdIoctlTransactReadKind);
    CHECK(await(&kept_count, 1));
    round = spd_round_begin(other_door(unit));
    CHECK(await(&told, 1) && await_end(unit, round));
    CHECK(kept_count == 1);
    /* A second round has nothing to tell the device again. */
    CHECK(await_end(unit, spd_round_begin(other_door(unit))) && told == 1);
    complete_all();
    expect(pipe, 1, ABORTED);
    end(unit, pipe);
}

static void a_write_is_waited_for(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, false);
    uint32_t round;

    ask(pipe, 1, SpdIoctlTransactWriteKind);
    CHECK(await(&kept_count, 1));
    round = spd_round_begin(other_door(unit));
    CHECK(await(&told, 1));
    ask(pipe, 2, SpdIoctlTransactReadKind);
    CHECK(await(&kept_count, 2));
    CHECK(!spd_round_ended(other_door(unit), round));
    complete_all();
    CHECK(await_end(unit, round));
    /* They end in any order. */
    client_receive(pipe, &message);
    for (int i = 0; i < 2; i++) {
        bool first = message.response.Hint == 1;

        CHECK(message.response.Status.ScsiStatus == (first ? ABORTED : 0));
        if (i == 0)
            client_receive(pipe, &message);
    }
    end(unit, pipe);
}

static void a_device_that_gives_a_write_back_is_not_waited_for(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, true);

    ask(pipe, 1, SpdIoctlTransactWriteKind);
    CHECK(await(&kept_count, 1));
    CHECK(await_end(unit, spd_round_begin(other_door(unit))));
    CHECK(told == 1 && kept_count == 0);
    expect(pipe, 1, ABORTED);
    ask(pipe, 2, SpdIoctlTransactWriteKind);
    CHECK(await(&kept_count, 1));
    complete_all();
    expect(pipe, 2, 0);
    end(unit, pipe);
}

static void a_client_that_goes_tells_the_device(void)
{
    SPD_STORAGE_UNIT_PARAMS greeting;
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, true);

    ask(pipe, 1, SpdIoctlTransactReadKind);
    ask(pipe, 2, SpdIoctlTransactWriteKind);
    CHECK(await(&kept_count, 2));
    CloseHandle(pipe);
    CHECK(await(&told, 2));
    pipe = client_open(path, &greeting);
    ask(pipe, 3, SpdIoctlTransactReadKind);
    CHECK(await(&kept_count, 1));
    complete_all();
    expect(pipe, 3, 0);
    end(unit, pipe);
    CHECK(told == 2);
}

static void the_end_of_the_unit_tells_the_device(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, true);

    ask(pipe, 1, SpdIoctlTransactReadKind);
    ask(pipe, 2, SpdIoctlTransactWriteKind);
    CHECK(await(&kept_count, 2));
    end(unit, pipe);
    CHECK(told == 2);
}

static void a_device_that_keeps_what_it_has_is_told_of(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe, true, false);

    ask(pipe, 7, SpdIoctlTransactReadKind);
    CHECK(await(&kept_count, 1));
    spd_unit_shutdown(unit);
    CHECK(await(&told, 1));
    CHECK(spd_unit_wait_for(unit, 0) == SPD_ERROR_HANGS);
    CHECK(strstr(spd_error_detail(), "1 operation, the oldest a read, LBA 7"));
    complete_all();
    end(unit, pipe);
}

static DWORD WINAPI reset_often(PVOID argument)
{
    spd_unit *unit = argument;
    bool ended = true;

    for (int i = 0; i < ROUNDS && ended; i++) {
        ended = await_end(unit, spd_round_begin(other_door(unit)));
        Sleep(0);
    }
    return ended;
}

static volatile LONG completing;

static DWORD WINAPI complete_often(PVOID argument)
{
    (void)argument;
    while (completing) {
        Sleep(1);
        complete_all();
    }
    return 0;
}

/* Each message is answered once, whatever the rounds have met it at. */
static void many_rounds_meet_many_commands(void)
{
    enum { DEPTH = 4 };
    HANDLE pipe, thread, completer;
    spd_unit *unit = start(&pipe, true, true);
    int good = 0, aborted = 0, other = 0;
    DWORD ended = 0;

    completing = 1;
    completer = CreateThread(NULL, 0, complete_often, NULL, 0, NULL);
    thread = CreateThread(NULL, 0, reset_often, unit, 0, NULL);
    do {
        unsigned hints = 0;

        for (UINT64 hint = 1; hint <= DEPTH; hint++)
            ask(pipe, hint, hint & 1 ? SpdIoctlTransactWriteKind : SpdIoctlTransactReadKind);
        for (int i = 0; i < DEPTH; i++) {
            CHECK(client_receive(pipe, &message) >= 0);
            hints |= 1u << message.response.Hint;
            good += message.response.Status.ScsiStatus == 0;
            aborted += message.response.Status.ScsiStatus == ABORTED;
            other += message.response.Status.ScsiStatus != 0 &&
                message.response.Status.ScsiStatus != ABORTED;
        }
        CHECK(hints == 0x1e);
    } while (WaitForSingleObject(thread, 0) == WAIT_TIMEOUT);
    CHECK(GetExitCodeThread(thread, &ended) && ended);
    CHECK(good && aborted && !other);
    printf("# %d were good, %d were aborted\n", good, aborted);
    completing = 0;
    WaitForSingleObject(completer, INFINITE);
    CloseHandle(completer);
    CloseHandle(thread);
    end(unit, pipe);
}

int main(void)
{
    snprintf(name, sizeof name, "\\\\.\\pipe\\spd-rounds-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%S\\0", name);
    run("rounds: a read that hangs is left behind", a_read_is_left_behind);
    run("rounds: a write is waited for, what comes later is not aborted", a_write_is_waited_for);
    run("rounds: a device that gives a write back is not waited for",
        a_device_that_gives_a_write_back_is_not_waited_for);
    run("rounds: a client that goes tells the device", a_client_that_goes_tells_the_device);
    run("rounds: the end of the unit tells the device", the_end_of_the_unit_tells_the_device);
    run("rounds: a device that keeps a request is named",
        a_device_that_keeps_what_it_has_is_told_of);
    run("rounds: many of them meet many commands", many_rounds_meet_many_commands);
    return finished();
}
