/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Storage units on the driver by the calls of winspd/winspd.h: a RAM disk of this process. */

#include "api.h"
#include <winioctl.h>
#include "../storport/control.h"

#define DEFERRED 8 /* reads of blocks from here on are answered later */
#define BAD 7      /* this block cannot be written */

static UCHAR disk[16 * BLOCK];
static volatile LONG flushes, unmaps, held, misplaced;
static SPD_IOCTL_TRANSACT_REQ hold[4];

/* The context of the thread has the request that the callback was called for. */
static const SPD_IOCTL_TRANSACT_REQ *this_request(UINT8 kind)
{
    const SPD_STORAGE_UNIT_OPERATION_CONTEXT *context = SpdStorageUnitGetOperationContext();

    if (context && context->Request->Kind == kind && context->Response->Hint)
        return context->Request;
    InterlockedIncrement(&misplaced);
    return NULL;
}

static BOOLEAN SPD_CALL on_read(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    const SPD_IOCTL_TRANSACT_REQ *request = this_request(SpdIoctlTransactReadKind);

    (void)unit;
    (void)flush;
    (void)status;
    if (block >= DEFERRED) {
        hold[block - DEFERRED] = *request;
        InterlockedIncrement(&held);
        return FALSE;
    }
    memcpy(buffer, disk + block * BLOCK, count * BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL on_write(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    UINT64 bad = BAD;

    (void)unit;
    (void)flush;
    this_request(SpdIoctlTransactWriteKind);
    if (block <= BAD && BAD < block + count)
        SpdStorageUnitStatusSetSense(status, SCSI_SENSE_MEDIUM_ERROR, 0x0c, &bad);
    else
        memcpy(disk + block * BLOCK, buffer, count * BLOCK);
    return TRUE;
}

static BOOLEAN SPD_CALL on_flush(
    SPD_STORAGE_UNIT *unit, UINT64 block, UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)status;
    if (block == 0 && count == 0)
        InterlockedIncrement(&flushes);
    return TRUE;
}

static BOOLEAN SPD_CALL on_unmap(SPD_STORAGE_UNIT *unit, SPD_UNMAP_DESCRIPTOR descriptors[],
    UINT32 count, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)status;
    this_request(SpdIoctlTransactUnmapKind);
    while (count--)
        memset(disk + descriptors[count].BlockAddress * BLOCK, 0,
            descriptors[count].BlockCount * BLOCK);
    InterlockedIncrement(&unmaps);
    return TRUE;
}

/* Windows builds a disk of it when its product has a name; then the adapter passes it nothing. */
static SPD_STORAGE_UNIT *start_named(const SPD_STORAGE_UNIT_INTERFACE *calls, const char *name)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 2);
    SPD_STORAGE_UNIT *unit;

    params.CacheSupported = params.UnmapSupported = 1;
    memcpy(params.ProductId, name, strlen(name));
    flushes = unmaps = held = misplaced = 0;
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, calls, &unit), 0);
    CHECK_EQUAL(unit->Btl, TARGET(0));
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, 3), 0);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, 3), ERROR_INVALID_PARAMETER);
    if (!*name)
        CHECK_EQUAL(SpdIoctlScsiInquiry(device, unit->Btl, NULL, PATIENCE), 0);
    return unit;
}

static SPD_STORAGE_UNIT *start(const SPD_STORAGE_UNIT_INTERFACE *calls)
{
    return start_named(calls, "");
}

static const SPD_STORAGE_UNIT_INTERFACE all = { on_read, on_write, on_flush, on_unmap };

/* The unit has ended, or does so now. */
static void end(SPD_STORAGE_UNIT *unit, BOOL shut_down)
{
    DWORD error = 0x55555555;

    if (shut_down)
        SpdStorageUnitShutdown(unit);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    CHECK_EQUAL(error, 0);
    SpdStorageUnitDelete(unit);
    CHECK_EQUAL(misplaced, 0);
    CHECK_EQUAL(api_units(), 0);
}

static struct command simple(const UCHAR *cdb, INT direction, PVOID data, UINT32 length)
{
    struct command command = { .btl = TARGET(0), .direction = direction, .data = data,
        .length = length };

    memcpy(command.cdb.AsByte, cdb, 10);
    return command;
}

static void every_callback_is_called(void)
{
    static const UCHAR flush_cdb[10] = { SCSIOP_SYNCHRONIZE_CACHE };
    static const UCHAR unmap_cdb[10] = { 0x42, [8] = 24 };
    UCHAR list[24] = { 0, 22, 0, 16, [15] = 3, [19] = 1 };
    UCHAR data[5 * BLOCK], back[5 * BLOCK];
    SPD_STORAGE_UNIT *unit = start(&all);
    struct command command = api_move(TARGET(0), TRUE, 1, 5, data);

    fill_pattern(data, 1, 5, 9);
    api_run(&command);
    CHECK(api_good(&command));
    command = api_move(TARGET(0), FALSE, 1, 5, back);
    api_run(&command);
    CHECK(api_good(&command));
    CHECK_BYTES(back, data, sizeof data);
    command = simple(flush_cdb, 0, NULL, 0);
    api_run(&command);
    CHECK(api_good(&command));
    CHECK(flushes >= 1);
    command = simple(unmap_cdb, -1, list, sizeof list);
    api_run(&command);
    CHECK(api_good(&command));
    CHECK_EQUAL(unmaps, 1);
    CHECK_EQUAL(disk[3 * BLOCK] | disk[4 * BLOCK - 1], 0);
    CHECK(disk[4 * BLOCK] != 0 || disk[4 * BLOCK + 1] != 0);
    flushes = 0;
    end(unit, TRUE);
    CHECK_EQUAL(flushes, 1); /* of everything, before the dispatcher ends */
}

static void sense_reaches_the_requester(void)
{
    UCHAR data[2 * BLOCK] = { 0 };
    SPD_STORAGE_UNIT *unit = start(&all);
    struct command command = api_move(TARGET(0), TRUE, BAD - 1, 2, data);

    api_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, SCSISTAT_CHECK_CONDITION);
    CHECK_EQUAL(command.sense[0], 0xf0);
    CHECK_EQUAL(command.sense[2], SCSI_SENSE_MEDIUM_ERROR);
    CHECK_EQUAL(command.sense[6], BAD);
    CHECK_EQUAL(command.sense[12], 0x0c);
    end(unit, TRUE);
}

static void a_missing_callback_is_an_unknown_command(void)
{
    static const SPD_STORAGE_UNIT_INTERFACE only_reads = { .Read = on_read };
    UCHAR data[BLOCK] = { 0 };
    SPD_STORAGE_UNIT *unit = start(&only_reads);
    struct command command = api_move(TARGET(0), TRUE, 1, 1, data);

    api_run(&command);
    CHECK_EQUAL(command.status, SCSISTAT_CHECK_CONDITION);
    CHECK_EQUAL(command.sense[2], SCSI_SENSE_ILLEGAL_REQUEST);
    CHECK_EQUAL(command.sense[12], 0x20);
    end(unit, TRUE);
}

/* More reads wait than there are dispatcher threads; the last is answered first. */
static void deferred_responses_in_any_order(void)
{
    UCHAR data[4][BLOCK];
    struct command commands[4];
    SPD_STORAGE_UNIT *unit = start(&all);
    int i;

    fill_pattern(disk + DEFERRED * BLOCK, DEFERRED, 4, 1);
    for (i = 0; i < 4; i++) {
        commands[i] = api_move(TARGET(0), FALSE, DEFERRED + i, 1, data[i]);
        api_start(&commands[i]);
    }
    WAIT_UNTIL(held == 4);
    CHECK(!SpdStorageUnitGetOperationContext());
    for (i = 3; i >= 0; i--) {
        SPD_IOCTL_TRANSACT_RSP response = { .Hint = hold[i].Hint, .Kind = hold[i].Kind };
        PVOID block = disk + hold[i].Op.Read.BlockAddress * BLOCK;

        SpdStorageUnitSendResponse(unit, &response, block);
        SpdStorageUnitSendResponse(unit, &response, block); /* once is enough */
        api_wait(&commands[i]);
        CHECK(api_good(&commands[i]));
        CHECK(is_pattern(data[i], DEFERRED + i, 1, 1));
    }
    end(unit, TRUE);
}

/* Programs set the fields that they know, in a structure on their stack. */
static void only_what_counts_of_a_response_counts(void)
{
    UCHAR data[BLOCK];
    SPD_STORAGE_UNIT *unit = start(&all);
    struct command command = api_move(TARGET(0), FALSE, DEFERRED, 1, data);
    SPD_IOCTL_TRANSACT_RSP response;

    fill_pattern(disk + DEFERRED * BLOCK, DEFERRED, 1, 5);
    api_start(&command);
    WAIT_UNTIL(held == 1);
    memset(&response, 0xee, sizeof response);
    response.Hint = hold[0].Hint;
    response.Status.ScsiStatus = SCSISTAT_GOOD;
    SpdStorageUnitSendResponse(unit, &response, disk + DEFERRED * BLOCK);
    api_wait(&command);
    CHECK(api_good(&command));
    CHECK(is_pattern(data, DEFERRED, 1, 5));
    end(unit, TRUE);
}

/* The status of a later response, about the medium or about nothing. */
static void a_status_reaches_the_requester(void)
{
    static const SPD_IOCTL_STORAGE_UNIT_STATUS rows[] = {
        { .ScsiStatus = SCSISTAT_BUSY },
        { .ScsiStatus = SCSISTAT_RESERVATION_CONFLICT, .SenseKey = 3 },
        { .ScsiStatus = SCSISTAT_QUEUE_FULL },
        { .ScsiStatus = SCSISTAT_CHECK_CONDITION, .SenseKey = 4, .ASC = 0x44, .ASCQ = 0x71,
            .Information = 0xfedcba98, .InformationValid = 1 },
        { .ScsiStatus = SCSISTAT_CHECK_CONDITION, .SenseKey = 3, .ASC = 0x11,
            .Information = 0x123456789a, .InformationValid = 1 },
    };
    UCHAR data[BLOCK];
    SPD_STORAGE_UNIT *unit = start(&all);
    unsigned i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct command command = api_move(TARGET(0), FALSE, DEFERRED, 1, data);
        SPD_IOCTL_TRANSACT_RSP response = { .Kind = SpdIoctlTransactReadKind };
        BOOL valid = rows[i].InformationValid && rows[i].Information <= (UINT32)-1;

        held = 0;
        api_start(&command);
        WAIT_UNTIL(held == 1);
        response.Hint = hold[0].Hint;
        response.Status = rows[i];
        SpdStorageUnitSendResponse(unit, &response, NULL);
        api_wait(&command);
        CHECK_EQUAL(command.error, 0);
        CHECK_EQUAL(command.status, rows[i].ScsiStatus);
        if (rows[i].ScsiStatus != SCSISTAT_CHECK_CONDITION)
            continue;
        CHECK_EQUAL(command.sense[0], valid ? 0xf0 : 0x70);
        CHECK_EQUAL(command.sense[2], rows[i].SenseKey);
        CHECK_EQUAL(command.sense[6], valid ? 0x98 : 0);
        CHECK_EQUAL(command.sense[12], rows[i].ASC);
        CHECK_EQUAL(command.sense[13], rows[i].ASCQ);
    }
    end(unit, TRUE);
}

static void errors_of_the_driver_come_through(void)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1), bad = params;
    HANDLE process, thread;
    SPD_STORAGE_UNIT *unit;
    DWORD error = 0;

    bad.Reserved[7] = 1;
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &bad, &all, &unit), ERROR_INVALID_PARAMETER);
    bad = params;
    ZeroMemory(&bad.Guid, sizeof bad.Guid);
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &bad, &all, &unit), ERROR_INVALID_PARAMETER);
    /* Its requests are for another process: our transactions are refused. */
    process = start_child("api: without rights", "-", TRUE, &thread);
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &all, &unit), 0);
    CHECK_EQUAL(SpdIoctlSetTransactProcessId(unit->Handle, unit->Btl, GetProcessId(process)), 0);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, 2), 0);
    SpdStorageUnitWaitDispatcher(unit);
    SpdStorageUnitGetDispatcherError(unit, &error);
    CHECK_EQUAL(error, ERROR_ACCESS_DENIED);
    SpdStorageUnitDelete(unit);
    CHECK_EQUAL(api_units(), 0);
    TerminateProcess(process, 0);
    CloseHandle(process);
    CloseHandle(thread);
}

static void shutdown_ends_what_is_deferred(void)
{
    UCHAR data[BLOCK];
    SPD_STORAGE_UNIT *unit = start(&all);
    struct command command = api_move(TARGET(0), FALSE, DEFERRED, 1, data);
    SPD_IOCTL_TRANSACT_RSP response = { .Kind = SpdIoctlTransactReadKind };

    api_start(&command);
    WAIT_UNTIL(held == 1);
    SpdStorageUnitShutdown(unit);
    api_wait(&command);
    CHECK(command.error != 0);
    response.Hint = hold[0].Hint;
    SpdStorageUnitSendResponse(unit, &response, disk); /* too late */
    end(unit, FALSE);
}

struct late_answer {
    SPD_STORAGE_UNIT *unit;
    PVOID data;
};

static DWORD WINAPI answer_late(void *context)
{
    const struct late_answer *late = context;
    SPD_IOCTL_TRANSACT_RSP response = { .Hint = hold[0].Hint, .Kind = hold[0].Kind };

    SpdStorageUnitSendResponse(late->unit, &response, late->data);
    return 0;
}

/* The block lies before a page that cannot be touched, and cannot be written itself. */
static void a_deferred_response_needs_no_more_than_the_read(void)
{
    enum { PAGE = 4096 };
    UCHAR *pages = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE, PAGE_NOACCESS), data[BLOCK];
    SPD_STORAGE_UNIT *unit = start(&all);
    struct command command = api_move(TARGET(0), FALSE, DEFERRED, 1, data);
    struct late_answer late = { unit, pages + PAGE - BLOCK };
    HANDLE thread;
    DWORD old;

    CHECK(VirtualAlloc(pages, PAGE, MEM_COMMIT, PAGE_READWRITE) == pages);
    fill_pattern(late.data, DEFERRED, 1, 3);
    CHECK(VirtualProtect(pages, PAGE, PAGE_READONLY, &old));
    api_start(&command);
    WAIT_UNTIL(held == 1);
    thread = CreateThread(NULL, 0, answer_late, &late, 0, NULL);
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(thread);
    api_wait(&command);
    CHECK(api_good(&command));
    CHECK(is_pattern(data, DEFERRED, 1, 3));
    end(unit, TRUE);
    VirtualFree(pages, 0, MEM_RELEASE);
}

static void the_adapter_has_several_names(void)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1);
    WCHAR path[MAX_PATH];
    PWSTR names[] = { L"root\\winspd", L"ROOT\\WinSpd", path };
    SPD_STORAGE_UNIT *unit;
    unsigned i;

    CHECK_EQUAL(SpdIoctlGetDevicePath(NULL, L"root\\winspd", path, sizeof path), 0);
    CHECK(!wcsncmp(path, L"\\\\?\\", 4));
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_EQUAL(SpdStorageUnitCreate(names[i], &params, &all, &unit), 0);
        CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, 1), 0);
        CHECK_EQUAL(SpdIoctlScsiInquiry(device, unit->Btl, NULL, PATIENCE), 0);
        end(unit, TRUE);
    }
    CHECK_EQUAL(SpdStorageUnitCreate(L"root\\other", &params, &all, &unit), ERROR_FILE_NOT_FOUND);
}

static volatile UINT64 far_block;

static BOOLEAN SPD_CALL on_far(SPD_STORAGE_UNIT *unit, PVOID buffer, UINT64 block, UINT32 count,
    BOOLEAN flush, SPD_STORAGE_UNIT_STATUS *status)
{
    (void)unit;
    (void)flush;
    (void)status;
    far_block = block;
    fill_pattern(buffer, block, count, 0);
    return TRUE;
}

static void blocks_beyond_two_tebibytes(void)
{
    static const SPD_STORAGE_UNIT_INTERFACE far_disk = { on_far, on_far, NULL, NULL };
    enum { AT = 5 };
    const UINT64 beyond = (UINT64)1 << 40;
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 2);
    UCHAR data[2 * BLOCK] = { 0 };
    struct command command = api_move(TARGET(0), FALSE, beyond + AT, 2, data);
    SPD_STORAGE_UNIT *unit;

    misplaced = 0;
    params.BlockCount = beyond * 2;
    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &far_disk, &unit), 0);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(unit, 2), 0);
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, unit->Btl, NULL, PATIENCE), 0);
    api_run(&command);
    CHECK(api_good(&command));
    CHECK_EQUAL(far_block, beyond + AT);
    CHECK(is_pattern(data, beyond + AT, 2, 0));
    command = api_move(TARGET(0), TRUE, beyond * 2 - 1, 1, data);
    api_run(&command);
    CHECK(api_good(&command));
    CHECK_EQUAL(far_block, beyond * 2 - 1);
    end(unit, TRUE);
}

static void an_identity_is_used_once(void)
{
    SPD_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1);
    SPD_STORAGE_UNIT *unit = start(&all), *second = unit;

    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &all, &second), ERROR_ALREADY_EXISTS);
    CHECK(!second);
    end(unit, TRUE);
}

/* Nor does the stale one take requests of the newer one, which has its address. */
static void a_stale_shutdown_leaves_a_newer_unit_alone(void)
{
    UCHAR data[BLOCK];
    SPD_STORAGE_UNIT *stale = start(&all), *unit;
    struct command command = api_move(TARGET(0), FALSE, 1, 1, data);

    SpdStorageUnitShutdown(stale);
    SpdStorageUnitWaitDispatcher(stale);
    unit = start(&all);
    CHECK_EQUAL(SpdStorageUnitStartDispatcher(stale, 1), 0);
    SpdStorageUnitWaitDispatcher(stale);
    SpdStorageUnitShutdown(stale);
    SpdStorageUnitDelete(stale);
    CHECK_EQUAL(api_units(), 1);
    api_run(&command);
    CHECK(api_good(&command));
    end(unit, TRUE);
}

/* FALSE: there is no such disk yet. */
static BOOL eject(ULONG btl)
{
    OVERLAPPED overlapped = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
    ULONG ejected = FALSE;
    DWORD got;

    DeviceIoControl(device, DOUBLE_IOCTL_EJECT, &btl, sizeof btl, &ejected, sizeof ejected, NULL,
        &overlapped);
    CHECK(GetOverlappedResult(device, &overlapped, &got, TRUE));
    CloseHandle(overlapped.hEvent);
    return ejected;
}

/* As by Explorer's eject: the program learns of it, and it is no error. */
static void windows_removes_the_disk(void)
{
    SPD_STORAGE_UNIT *unit = start_named(&all, "Test");

    WAIT_UNTIL(eject(unit->Btl));
    CHECK_EQUAL(WaitForSingleObject(unit->DispatcherThread, PATIENCE), WAIT_OBJECT_0);
    end(unit, FALSE);
}

const struct test api_unit_tests[] = {
    { "units: every callback is called", every_callback_is_called },
    { "units: sense reaches the requester", sense_reaches_the_requester },
    { "units: a missing callback is an unknown command", a_missing_callback_is_an_unknown_command },
    { "units: deferred responses in any order", deferred_responses_in_any_order },
    { "units: a status reaches the requester", a_status_reaches_the_requester },
    { "units: errors of the driver come through", errors_of_the_driver_come_through },
    { "units: shutdown ends what is deferred", shutdown_ends_what_is_deferred },
    { "units: only what counts of a response counts", only_what_counts_of_a_response_counts },
    { "units: a deferred response needs no more than the read, from any thread",
        a_deferred_response_needs_no_more_than_the_read },
    { "units: the adapter has several names", the_adapter_has_several_names },
    { "units: blocks beyond two tebibytes", blocks_beyond_two_tebibytes },
    { "units: an identity is used once", an_identity_is_used_once },
    { "units: a stale shutdown leaves a newer unit alone",
        a_stale_shutdown_leaves_a_newer_unit_alone },
    { "units: Windows removes the disk", windows_removes_the_disk, .needs = NEEDS_DOUBLE },
    { 0 }
};
