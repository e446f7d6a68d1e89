/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units of the driver. The driver's side of the door. A call answers a request and takes the next
 * one, or several: batch.c. */

#include "doors/windows/windows.h"

enum {
    /* Bytes before the data: an entry of a batch, or the original's block, which is shorter. */
    HEADER = sizeof(SPD_IOCTL_BATCH_PARAMS) + sizeof(SPD_IOCTL_BATCH_ENTRY),
    /* Room for entries if the unit's longest transfer is shorter: four of 64 KiB. */
    ROOM = 4 * (64 * 1024 + sizeof(SPD_IOCTL_BATCH_ENTRY)),
};

static SPD_IOCTL_TRANSACT_PARAMS *block_of(struct windows_command *command)
{
    return (SPD_IOCTL_TRANSACT_PARAMS *)(void *)windows_data(command) - 1;
}

/* Puts the answer into the frame, where the data of a read are; returns the message's length. */
static DWORD put_answer(struct windows_command *command)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(command);
    const SPD_IOCTL_TRANSACT_REQ *message = &command->message;

    block->RspValid = 1;
    block->Dir.Rsp = windows_answer(message->Hint, message->Kind, &command->status);
    if (!windows_answer_has_data(message->Kind, &command->status))
        return sizeof *block;
    block->DataBuffer = 1;
    return sizeof *block + message->Op.Read.BlockCount * command->door->params.BlockLength;
}

static DWORD transact(struct windows_command *command, DWORD in, DWORD out, DWORD *got)
{
    struct windows_door *door = command->door;
    OVERLAPPED overlapped = { .hEvent = windows_unported(command->event) };
    DWORD error = ERROR_OPERATION_ABORTED;

    *got = 0;
    AcquireSRWLockShared(&door->issuing);
    if (!door->stopped)
        error = windows_service_begin(door->handle, block_of(command), in, out, &overlapped);
    ReleaseSRWLockShared(&door->issuing);
    return windows_finish(door->handle, error, &overlapped, got);
}

static DWORD receive_one(struct windows_command *command, bool answered, bool *got)
{
    SPD_IOCTL_TRANSACT_PARAMS *block = block_of(command);
    struct windows_door *door = command->door;
    DWORD in = sizeof *block, length, error;

    windows_block_init(block, door->btl, true);
    if (answered)
        in = put_answer(command);
    error = transact(command, in, sizeof *block + door->params.MaxTransferLength, &length);
    *got = !error && length >= sizeof *block && block->ReqValid && block->Dir.Req.Hint;
    if (!*got)
        return error;
    command->message = block->Dir.Req;
    ZeroMemory(&command->status, sizeof command->status);
    return windows_request_fits(door, &command->message, length - (DWORD)sizeof *block)
        ? 0 : ERROR_INVALID_DATA;
}

static DWORD driver_receive(struct windows_command **command, bool answered, bool *got)
{
    return (*command)->door->batches.room ? windows_batch_receive(command, answered, got)
                                          : receive_one(*command, answered, got);
}

static DWORD driver_send(struct windows_command *command)
{
    DWORD got;

    windows_block_init(block_of(command), command->door->btl, false);
    return transact(command, put_answer(command), sizeof(SPD_IOCTL_TRANSACT_PARAMS), &got);
}

static void driver_stop(struct windows_door *door)
{
    /* From now on the address may be another unit's, whose requests are not for us. A call that is
     * being handed over arrives before that, and later calls are not made. */
    AcquireSRWLockExclusive(&door->issuing);
    door->stopped = true;
    ReleaseSRWLockExclusive(&door->issuing);
    windows_lead_end(&door->lead);
    SpdIoctlUnprovision(door->handle, &door->params.Guid);
}

static void driver_close(struct windows_door *door)
{
    if (!door->stopped)
        driver_stop(door);
    CloseHandle(door->handle);
}

static DWORD driver_open(struct windows_door *door, PCWSTR name)
{
    enum { WITH_BATCHES = 2 }; /* a value of SPD_IOCTL_VERSION */
    DWORD error = SpdIoctlOpenDevice((PWSTR)name, &door->handle);
    DWORD most = SPD_IOCTL_DEFAULT_ALIGN_UP(door->params.MaxTransferLength);
    UINT32 version;

    if (error)
        return error;
    error = windows_provision(door->handle, &door->params, &door->btl, &version);
    if (error) {
        CloseHandle(door->handle);
        return error;
    }
    /* Before there were versions. */
    door->version = version ? version : 1;
    if (door->version < WITH_BATCHES || windows_version.number < WITH_BATCHES)
        return 0;
    door->batches.least = most + sizeof(SPD_IOCTL_BATCH_ENTRY);
    door->batches.room = door->batches.least < ROOM ? ROOM : door->batches.least;
    door->frame_length = sizeof(SPD_IOCTL_BATCH_PARAMS) + door->batches.room;
    return 0;
}

const struct windows_transport windows_by_driver = {
    .header = HEADER,
    .open = driver_open,
    .receive = driver_receive,
    .send = driver_send,
    .stop = driver_stop,
    .close = driver_close,
};
