/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "client.h"
#include <winioctl.h>
#include <ntddscsi.h>
#include <stddef.h>

#define IOCTL_SERVICE 0x0004d038
#define COMMAND_PATIENCE (PATIENCE / 2000) /* seconds: the port driver gives up before us */

HANDLE adapter;

DWORD device_control(HANDLE device, DWORD code, const void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *moved)
{
    OVERLAPPED overlapped = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
    DWORD error = 0, count = 0;

    if (!DeviceIoControl(
            device, code, (void *)in, in_length, out, out_length, &count, &overlapped)) {
        error = GetLastError();
        if (error == ERROR_IO_PENDING) {
            if (WaitForSingleObject(overlapped.hEvent, PATIENCE))
                fail(__FILE__, __LINE__, "device control %08lx does not end", code);
            error = GetOverlappedResult(device, &overlapped, &count, FALSE) ? 0 : GetLastError();
        }
    }
    CloseHandle(overlapped.hEvent);
    if (moved)
        *moved = error ? 0 : count;
    return error;
}

DWORD service(HANDLE device, const void *in, DWORD in_length, void *out, DWORD out_length,
    DWORD *moved)
{
    return device_control(device, IOCTL_SERVICE, in, in_length, out, out_length, moved);
}

/* As winspd/ioctl.h advises: this thread does nothing else, and never touches a disk. */
static DWORD WINAPI lifetime_main(void *sent)
{
    SPD_IOCTL_LIFETIME_PARAMS params = { .Base = { sizeof params, SPD_IOCTL_LIFETIME } };
    OVERLAPPED overlapped = { .hEvent = CreateEventW(NULL, TRUE, FALSE, NULL) };
    DWORD count;

    CHECK(!DeviceIoControl(
        adapter, IOCTL_SERVICE, &params, sizeof params, NULL, 0, &count, &overlapped));
    CHECK_EQUAL(GetLastError(), ERROR_IO_PENDING);
    SetEvent(sent);
    WaitForSingleObject(overlapped.hEvent, INFINITE);
    return 0;
}

void hold_lifetime(void)
{
    HANDLE sent = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, lifetime_main, sent, 0, NULL);

    CHECK(thread);
    CHECK_EQUAL(WaitForSingleObject(sent, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(thread);
    CloseHandle(sent);
}

SPD_IOCTL_STORAGE_UNIT_PARAMS small_unit(const GUID *guid)
{
    return (SPD_IOCTL_STORAGE_UNIT_PARAMS){
        .Guid = *guid, .BlockCount = 16, .BlockLength = BLOCK, .MaxTransferLength = BLOCK };
}

DWORD provision(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl)
{
    SPD_IOCTL_PROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_PROVISION } };
    DWORD error;

    block.Dir.Par.StorageUnitParams = *params;
    error = service(adapter, &block, sizeof block, &block, sizeof block, NULL);
    *btl = error ? NO_BTL : block.Dir.Ret.Btl;
    return error;
}

UINT32 provision_good(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params)
{
    UINT32 btl;

    CHECK_EQUAL(provision(params, &btl), 0);
    return btl;
}

DWORD unprovision(const GUID *guid)
{
    SPD_IOCTL_UNPROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_UNPROVISION } };

    block.Dir.Par.Guid = *guid;
    return service(adapter, &block, sizeof block, NULL, 0, NULL);
}

DWORD list_units(UINT32 *list, DWORD room, DWORD *bytes)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };

    return service(adapter, &block, sizeof block, list, room, bytes);
}

DWORD set_transact_process(UINT32 btl, DWORD process)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID }, .Btl = btl, .ProcessId = process };

    return service(adapter, &block, sizeof block, NULL, 0, NULL);
}

DWORD transact(UINT32 btl, const SPD_IOCTL_TRANSACT_RSP *rsp, SPD_IOCTL_TRANSACT_REQ *req,
    void *data, DWORD data_length, DWORD max)
{
    DWORD room = sizeof(SPD_IOCTL_TRANSACT_PARAMS) + max, moved, error;
    SPD_IOCTL_TRANSACT_PARAMS *block = calloc(1, room);

    block->Base.Size = sizeof *block;
    block->Base.Code = SPD_IOCTL_TRANSACT;
    block->Btl = btl;
    block->ReqValid = req != NULL;
    block->RspValid = rsp != NULL;
    block->DataBuffer = data != NULL;
    if (rsp)
        block->Dir.Rsp = *rsp;
    if (data_length)
        memcpy(SPD_IOCTL_TRANSACT_DATA(block), data, data_length);
    error = service(adapter, block, sizeof *block + data_length, block, room, &moved);
    while (!error && req && !moved) { /* the request has ended while it was delivered */
        block->RspValid = 0;
        error = service(adapter, block, sizeof *block, block, room, &moved);
    }
    if (!error && req) {
        CHECK(moved >= sizeof *block && moved <= room);
        CHECK(block->ReqValid && !block->RspValid);
        *req = block->Dir.Req;
        memcpy(data, SPD_IOCTL_TRANSACT_DATA(block), moved - sizeof *block);
    }
    free(block);
    return error;
}

SPD_IOCTL_TRANSACT_RSP good_response(const SPD_IOCTL_TRANSACT_REQ *req)
{
    return (SPD_IOCTL_TRANSACT_RSP){ .Hint = req->Hint, .Kind = req->Kind };
}

struct scsi scsi_inquiry(UINT32 btl, int page, void *data, DWORD length)
{
    return (struct scsi){ .btl = btl, .direction = DATA_IN, .data = data, .length = length,
        .cdb_length = 6,
        .cdb = { 0x12, page >= 0, page >= 0 ? page : 0, (UCHAR)(length >> 8), (UCHAR)length } };
}

struct scsi scsi_move(
    UINT32 btl, enum direction direction, UINT64 block, UINT32 count, void *data)
{
    struct scsi command = { .btl = btl, .direction = direction, .data = data,
        .length = count * BLOCK, .cdb_length = 16,
        .cdb = { direction == DATA_IN ? 0x88 : 0x8a } };
    int i;

    for (i = 0; i < 8; i++)
        command.cdb[2 + i] = (UCHAR)(block >> (56 - 8 * i));
    for (i = 0; i < 4; i++)
        command.cdb[10 + i] = (UCHAR)(count >> (24 - 8 * i));
    return command;
}

struct direct_block {
    SCSI_PASS_THROUGH_DIRECT header;
    UCHAR sense[32];
};

static void run_direct(struct scsi *command)
{
    struct direct_block block = {
        .header = { .Length = sizeof block.header, .PathId = (UCHAR)(command->btl >> 16),
            .TargetId = (UCHAR)(command->btl >> 8), .Lun = (UCHAR)command->btl,
            .CdbLength = command->cdb_length, .SenseInfoLength = sizeof block.sense,
            .DataIn = (UCHAR)command->direction, .DataTransferLength = command->length,
            .TimeOutValue = command->timeout ? command->timeout : COMMAND_PATIENCE,
            .DataBuffer = command->data,
            .SenseInfoOffset = offsetof(struct direct_block, sense) } };

    memcpy(block.header.Cdb, command->cdb, command->cdb_length);
    command->error = device_control(command->device ? command->device : adapter,
        IOCTL_SCSI_PASS_THROUGH_DIRECT, &block, sizeof block, &block, sizeof block, NULL);
    command->length = block.header.DataTransferLength;
    command->status = block.header.ScsiStatus;
    command->sense_length = block.header.SenseInfoLength;
    memcpy(command->sense, block.sense, sizeof block.sense);
}

struct buffered_block {
    SCSI_PASS_THROUGH header;
    UCHAR sense[32];
    UCHAR data[];
};

static void run_buffered(struct scsi *command)
{
    DWORD room = (DWORD)offsetof(struct buffered_block, data) + command->length;
    struct buffered_block *block = calloc(1, room);

    block->header = (SCSI_PASS_THROUGH){ .Length = sizeof block->header,
        .PathId = (UCHAR)(command->btl >> 16), .TargetId = (UCHAR)(command->btl >> 8),
        .Lun = (UCHAR)command->btl, .CdbLength = command->cdb_length,
        .SenseInfoLength = sizeof block->sense, .DataIn = (UCHAR)command->direction,
        .DataTransferLength = command->length,
        .TimeOutValue = command->timeout ? command->timeout : COMMAND_PATIENCE,
        .DataBufferOffset = offsetof(struct buffered_block, data),
        .SenseInfoOffset = offsetof(struct buffered_block, sense) };
    memcpy(block->header.Cdb, command->cdb, command->cdb_length);
    if (command->direction == DATA_OUT && command->length)
        memcpy(block->data, command->data, command->length);
    command->error = device_control(command->device ? command->device : adapter,
        IOCTL_SCSI_PASS_THROUGH, block, room, block, room, NULL);
    if (!command->error && command->direction == DATA_IN && command->length)
        memcpy(command->data, block->data, block->header.DataTransferLength);
    command->length = block->header.DataTransferLength;
    command->status = block->header.ScsiStatus;
    command->sense_length = block->header.SenseInfoLength;
    memcpy(command->sense, block->sense, sizeof block->sense);
    free(block);
}

void scsi_run(struct scsi *command)
{
    if (command->direct)
        run_direct(command);
    else
        run_buffered(command);
}

static DWORD WINAPI scsi_thread(void *context)
{
    scsi_run(context);
    return 0;
}

void scsi_start(struct scsi *command)
{
    command->thread = CreateThread(NULL, 0, scsi_thread, command, 0, NULL);
    CHECK(command->thread);
}

void scsi_wait(struct scsi *command)
{
    CHECK_EQUAL(WaitForSingleObject(command->thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(command->thread);
}

void scsi_ready(UINT32 btl)
{
    struct scsi command;
    int tries = 10;

    do {
        command = (struct scsi){ .btl = btl, .direction = DATA_NONE, .cdb_length = 6 };
        scsi_run(&command);
    } while ((command.error || command.status) && --tries);
    if (!tries)
        fail(__FILE__, __LINE__, "unit %x is not ready: error %lu, status %u, sense %u/%02x/%02x",
            btl, command.error, command.status, command.sense[2], command.sense[12],
            command.sense[13]);
}

void check_sense(const struct scsi *command, UCHAR key, UCHAR asc, UCHAR ascq)
{
    CHECK_EQUAL(command->error, 0);
    CHECK_EQUAL(command->status, 2);
    CHECK(command->sense_length >= 14);
    CHECK_EQUAL(command->sense[2] & 15, key);
    CHECK_EQUAL(command->sense[12], asc);
    CHECK_EQUAL(command->sense[13], ascq);
}

BOOL has_double(void)
{
    struct double_state state;

    return !device_control(adapter, DOUBLE_IOCTL_STATE, NULL, 0, &state, sizeof state, NULL);
}

struct double_state double_state(void)
{
    struct double_state state;

    CHECK_EQUAL(
        device_control(adapter, DOUBLE_IOCTL_STATE, NULL, 0, &state, sizeof state, NULL), 0);
    return state;
}

static UCHAR send_srb(struct double_srb srb)
{
    CHECK_EQUAL(
        device_control(adapter, DOUBLE_IOCTL_SRB, &srb, sizeof srb, &srb, sizeof srb, NULL), 0);
    return srb.status;
}

UCHAR double_srb(UINT32 btl, UCHAR function)
{
    return send_srb((struct double_srb){ .btl = btl, .function = function });
}

UCHAR double_abort(UINT32 btl, UCHAR which)
{
    enum { ABORT_COMMAND = 0x10 };

    return send_srb(
        (struct double_srb){ .btl = btl, .function = ABORT_COMMAND, .which = which });
}

ULONG double_number(DWORD code, ULONG number)
{
    CHECK_EQUAL(
        device_control(adapter, code, &number, sizeof number, &number, sizeof number, NULL), 0);
    return number;
}
