/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Programs against spd.h behind a pipe: an asynchronous device, whose answers come later. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

#include "disk.h"

enum { KEPT_MAX = 4 };

static char name[64];
static WCHAR path[72];
static struct message message;
static spd_request *kept[KEPT_MAX];
static volatile LONG kept_count, flushes;

static void keep(spd_device *device, spd_request *request)
{
    (void)device;
    if (spd_request_operation(request) == SPD_FLUSH) {
        InterlockedIncrement(&flushes);
        spd_request_complete(request, NULL);
        return;
    }
    kept[kept_count] = request;
    InterlockedIncrement(&kept_count);
}

static const spd_ops keeping = { .size = sizeof keeping, .submit = keep };

static spd_unit *start(HANDLE *pipe)
{
    spd_params params = SPD_PARAMS_INIT;
    SPD_STORAGE_UNIT_PARAMS greeting;
    spd_unit *unit = NULL;

    params.block_count = DISK_BLOCKS;
    kept_count = flushes = 0;
    CHECK(spd_unit_create(name, &params, &(spd_device){ &keeping, NULL }, &unit) == 0);
    CHECK(unit && spd_unit_start(unit, 0) == 0);
    *pipe = client_open(path, &greeting);
    CHECK(greeting.BlockCount == DISK_BLOCKS && greeting.CacheSupported);
    CHECK(greeting.Reserved[0] == SPD_IOCTL_MODERN_PROFILE);
    return unit;
}

static void complete(int which, UCHAR fill)
{
    uint32_t count;
    const spd_vec *data = spd_request_data(kept[which], &count);

    CHECK(count == 1);
    memset(data[0].base, fill, data[0].length);
    spd_request_complete(kept[which], NULL);
}

static void read_blocks(HANDLE pipe)
{
    for (LONG i = 0; i < KEPT_MAX; i++) {
        client_transfer(&message, (UINT64)i + 1, SpdIoctlTransactReadKind, (UINT64)i, 1);
        CHECK(client_send(pipe, &message, 0) && disk_await(&kept_count, i + 1));
    }
}

static void answers_come_later_in_any_order(void)
{
    HANDLE pipe;
    spd_unit *unit = start(&pipe);

    read_blocks(pipe);
    for (int i = KEPT_MAX - 1; i >= 0; i--) {
        complete(i, (UCHAR)(0x40 + i));
        CHECK(client_receive(pipe, &message) == DISK_BLOCK);
        CHECK(message.response.Hint == (UINT64)i + 1 && message.data[0] == 0x40 + i);
    }
    spd_unit_shutdown(unit);
    CHECK(spd_unit_wait(unit) == 0 && flushes == 1);
    spd_unit_delete(unit);
    CloseHandle(pipe);
}

static DWORD WINAPI complete_all(PVOID argument)
{
    (void)argument;
    for (int i = 0; i < KEPT_MAX; i++)
        complete(i, 1);
    return 0;
}

static void the_end_waits_for_what_the_device_has(void)
{
    HANDLE pipe, thread;
    spd_unit *unit = start(&pipe);

    read_blocks(pipe);
    spd_unit_shutdown(unit);
    thread = CreateThread(NULL, 0, complete_all, NULL, 0, NULL);
    CHECK(spd_unit_wait(unit) == 0 && flushes == 1);
    /* It was waited for: nothing of the door is there any more. */
    spd_unit_delete(unit);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CloseHandle(pipe);
}

static void a_unit_that_was_not_started_leaves_its_name(void)
{
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *units[2] = { NULL, NULL };
    char text[80];

    params.block_count = 1;
    for (int i = 0; i < 2; i++) {
        CHECK(spd_unit_create(name, &params, &(spd_device){ &keeping, NULL }, &units[i]) == 0);
        snprintf(text, sizeof text, "%s\\0", name);
        CHECK(units[i] && !strcmp(spd_unit_door_uri(units[i], 0), text));
        spd_unit_delete(units[i]);
    }
}

/* Trouble that may pass is BUSY, whether a C run-time library or Winsock says it. */
static void errors_of_winsock_are_understood(void)
{
    static const struct {
        int error;
        uint8_t status, sense_key;
    } rows[] = {
        { ETIMEDOUT, SPD_STATUS_BUSY, 0 },
        { WSAETIMEDOUT, SPD_STATUS_BUSY, 0 },
        { WSAECONNRESET, SPD_STATUS_BUSY, 0 },
        { WSAEHOSTUNREACH, SPD_STATUS_BUSY, 0 },
        { WSAEHOSTDOWN, SPD_STATUS_BUSY, 0 },
        { WSAESHUTDOWN, SPD_STATUS_BUSY, 0 },
        { WSAEWOULDBLOCK, SPD_STATUS_BUSY, 0 },
        { WSAEMFILE, SPD_STATUS_BUSY, 0 },
        { WSAENOTSOCK, SPD_STATUS_CHECK_CONDITION, SPD_SENSE_HARDWARE_ERROR },
        { EIO, SPD_STATUS_CHECK_CONDITION, SPD_SENSE_MEDIUM_ERROR },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        spd_status status;

        spd_status_set_errno(&status, rows[i].error, SPD_READ, 0);
        CHECK(status.scsi_status == rows[i].status);
        CHECK(status.sense_key == rows[i].sense_key);
    }
}

void spd_begin(void)
{
    snprintf(name, sizeof name, "\\\\.\\pipe\\spd-async-%lu", GetCurrentProcessId());
    wsprintfW(path, L"%S\\0", name);
}

const struct test spd_tests[] = {
    { "spd.h: answers come later, in any order", answers_come_later_in_any_order },
    { "spd.h: the end waits for what the device has", the_end_waits_for_what_the_device_has },
    { "spd.h: a unit that was not started leaves its name",
        a_unit_that_was_not_started_leaves_its_name },
    { "spd.h: errors of Winsock are understood", errors_of_winsock_are_understood },
    { 0 }
};
