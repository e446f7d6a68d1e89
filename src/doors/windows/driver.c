/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units of the driver. One call answers a request and takes the next one. */

#include "doors/windows/windows.h"

static SPD_IOCTL_TRANSACT_PARAMS *block_of(struct windows_command *command)
{
    return (void *)command->frame;
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
        error = windows_service_begin(door->handle, command->frame, in, out, &overlapped);
    ReleaseSRWLockShared(&door->issuing);
    return windows_finish(door->handle, error, &overlapped, got);
}

/* The driver is trusted, but not to know how long our frames are. */
static bool fits(const struct windows_command *command)
{
    const SPD_STORAGE_UNIT_PARAMS *params = &command->door->params;
    const SPD_IOCTL_TRANSACT_REQ *message = &command->message;

    switch (message->Kind) {
    case SpdIoctlTransactReadKind:
    case SpdIoctlTransactWriteKind:
        return message->Op.Read.BlockCount <= params->MaxTransferLength / params->BlockLength;
    case SpdIoctlTransactUnmapKind:
        return message->Op.Unmap.Count <=
            params->MaxTransferLength / sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR);
    default:
        return true;
    }
}

static DWORD driver_receive(struct windows_command *command, bool answered, bool *got)
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
    return fits(command) ? 0 : ERROR_INVALID_DATA;
}

static DWORD driver_send(struct windows_command *command)
{
    DWORD got;

    windows_block_init(block_of(command), command->door->btl, false);
    return transact(command, put_answer(command), sizeof(SPD_IOCTL_TRANSACT_PARAMS), &got);
}

static void driver_stop(struct windows_door *door)
{
    /* From now on the address may be another unit's, whose requests are not for us: what is being
     * handed over arrives before that, and what is not will not be. */
    AcquireSRWLockExclusive(&door->issuing);
    door->stopped = true;
    ReleaseSRWLockExclusive(&door->issuing);
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
    DWORD error = SpdIoctlOpenDevice((PWSTR)name, &door->handle);

    if (error)
        return error;
    error = SpdIoctlProvision(door->handle, &door->params, &door->btl);
    if (error)
        CloseHandle(door->handle);
    return error;
}

const struct windows_transport windows_by_driver = {
    .header = sizeof(SPD_IOCTL_TRANSACT_PARAMS),
    .open = driver_open,
    .receive = driver_receive,
    .send = driver_send,
    .stop = driver_stop,
    .close = driver_close,
};
