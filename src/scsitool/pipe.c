/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A unit behind a pipe. A pipe takes block operations and no CDBs, but tells its parameters to each
 * client. The engine answers here as it would answer for them in the driver.
 */

#include "scsitool/transport.h"
#include "stgtest/winerror.h"

#include <windows.h>

#include <stdlib.h>
#include <string.h>

#include "transact/message.h"
#include "scsi/be.h"
#include "scsi/scsi.h"

static const char prefix[] = "\\\\.\\pipe\\";

struct pipe_unit {
    struct transport transport; /* first */
    struct scsi_port port;
    struct scsi_nexus nexus;
    struct scsi_unit unit;
    uint8_t designators[12];
};

/* Only one command runs at a time. */
static _Alignas(16) uint8_t scratch[SCSI_SCRATCH_LENGTH];

static const uint64_t luns[] = { 0 };

static bool knows(const char *device)
{
    return strncmp(device, prefix, sizeof prefix - 1) == 0;
}

/* As in the driver: spaces from the first byte on that is no text. */
static void copy_text(char *to, const char *from, size_t length)
{
    bool ended = false;

    for (size_t i = 0; i < length; i++) {
        ended = ended || from[i] < 0x20 || from[i] >= 0x7f;
        to[i] = ended ? ' ' : from[i];
    }
}

static struct scsi_unit_params params_of(const struct transact_params *from)
{
    struct scsi_unit_params params = {
        .profile = from->modern_profile ? SCSI_PROFILE_MODERN : SCSI_PROFILE_WINSPD,
        .block_count = from->block_count,
        .block_length = from->block_length,
        .physical_block_length = from->block_length,
        .max_transfer_length = from->max_transfer_length,
        .write_protected = from->flags & TRANSACT_WRITE_PROTECTED,
        .cache = from->flags & TRANSACT_CACHE,
        .unmap = from->flags & TRANSACT_UNMAP_SUPPORTED,
    };

    memcpy(params.guid, from->guid, sizeof params.guid);
    copy_text(params.product_id, from->product_id, sizeof params.product_id);
    copy_text(params.product_revision, from->product_revision, sizeof params.product_revision);
    return params;
}

static int execute(struct transport *transport, struct command *command)
{
    struct pipe_unit *pipe = (struct pipe_unit *)transport;
    bool absent = command->bus || command->target || command->lun;
    struct scsi_task task = {
        .unit = absent ? NULL : &pipe->unit,
        .nexus = &pipe->nexus,
        .cdb_length = command->cdb_length,
        .expected_direction = command->data_length ? SCSI_DATA_IN : SCSI_NO_DATA,
        .expected_length = command->data_length,
    };
    enum scsi_step step;

    memcpy(task.cdb, command->cdb, command->cdb_length);
    step = scsi_begin(&task);
    while (step == SCSI_SCRATCH) {
        task.scratch = scratch;
        step = scsi_resume(&task, NULL);
    }
    if (step != SCSI_DONE)
        return transport_fail(ERROR_NOT_SUPPORTED, "the command needs the disk's data");
    command->status = task.status;
    command->sense_length = task.sense_length;
    memcpy(command->sense, task.sense, task.sense_length);
    command->data_length = (size_t)task.moved_length;
    if (task.moved_length)
        memcpy(command->data, task.reply, command->data_length);
    return 0;
}

/* The first command of a nexus gets the unit attention of the power on. */
static void take_attention(struct pipe_unit *pipe)
{
    struct command test_unit_ready = { .cdb_length = 6 };

    execute(&pipe->transport, &test_unit_ready);
}

static int fail(const char *name, const char *what, DWORD error)
{
    return transport_fail((int)error, "%s: %s", name, what);
}

/* SPC-4 7.8.6.3, vendor specific: the driver, too, names the process that serves the unit. */
static void designate(struct pipe_unit *unit, HANDLE pipe, bool eject_disabled)
{
    const uint8_t head[8] = { 0x01, 0x00, 0x00, 0x08, 'P', 'I', 'D', eject_disabled ? 'X' : ' ' };
    ULONG process = 0;

    GetNamedPipeServerProcessId(pipe, &process);
    memcpy(unit->designators, head, sizeof head);
    be32_put(unit->designators + sizeof head, process);
}

/* The server speaks first. */
static int greet(const char *name, struct pipe_unit *unit, struct scsi_unit_params *params)
{
    uint8_t wire[TRANSACT_PARAMS_MAX];
    struct transact_params said;
    DWORD got, mode = PIPE_READMODE_MESSAGE, error;
    BOOL read;
    HANDLE pipe = CreateFileA(name, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0, NULL,
        OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);

    if (pipe == INVALID_HANDLE_VALUE) {
        error = GetLastError();
        return fail(name, error == ERROR_PIPE_BUSY ? "another client is connected"
                : "there is no such pipe; the name ends in \\TARGET, for the first unit \\0",
            error);
    }
    read = SetNamedPipeHandleState(pipe, &mode, NULL, NULL) &&
        ReadFile(pipe, wire, sizeof wire, &got, NULL) && got >= TRANSACT_PARAMS_LENGTH &&
        transact_decode_params(wire, &said);
    if (read)
        designate(unit, pipe, said.flags & TRANSACT_EJECT_DISABLED);
    CloseHandle(pipe);
    if (!read)
        return fail(name, "no storage unit answers there", ERROR_IO_DEVICE);
    *params = params_of(&said);
    if (scsi_unit_check(params) != SCSI_PARAM_OK)
        return fail(name, "its parameters are not those of a disk", ERROR_IO_DEVICE);
    return 0;
}

static int open_pipe(const char *name, struct transport **result)
{
    struct scsi_unit_params params;
    struct pipe_unit *pipe = calloc(1, sizeof *pipe);
    int error;

    if (!pipe)
        return fail(name, "no memory", ERROR_NOT_ENOUGH_MEMORY);
    error = greet(name, pipe, &params);
    if (error) {
        free(pipe);
        return error;
    }
    pipe->transport.ops = &transport_pipe;
    pipe->port = (struct scsi_port){ .luns = luns, .lun_count = 1,
        .designators = pipe->designators, .designators_length = sizeof pipe->designators };
    scsi_unit_init(&pipe->unit, &params);
    scsi_nexus_init(&pipe->nexus, &pipe->unit, &pipe->port);
    take_attention(pipe);
    *result = &pipe->transport;
    return 0;
}

static void close_pipe(struct transport *transport)
{
    free(transport);
}

const struct transport_ops transport_pipe = {
    .knows = knows,
    .open = open_pipe,
    .execute = execute,
    .close = close_pipe,
};
