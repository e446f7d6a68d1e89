/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A client of a unit's pipe, one operation at a time. A message is a header and its payload. */

#include "stgtest/target.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT = 3000 }; /* milliseconds */

struct pipe_target {
    struct target target; /* first */
    HANDLE pipe;
    uint8_t *message; /* TRANSACT_HEADER_LENGTH and max_transfer_length bytes */
};

static int exchange(struct pipe_target *target, DWORD length, DWORD *got)
{
    DWORD room = TRANSACT_HEADER_LENGTH + target->target.max_transfer_length;

    if (!WriteFile(target->pipe, target->message, length, got, NULL) || *got != length ||
        !ReadFile(target->pipe, target->message, room, got, NULL) ||
        *got < TRANSACT_HEADER_LENGTH)
        return ERROR_IO_DEVICE;
    return 0;
}

static int transact(struct target *base, const struct transact_request *request, uint8_t *buffer,
    struct transact_response *response)
{
    struct pipe_target *target = (struct pipe_target *)base;
    struct transact_request message = *request;
    uint8_t *payload = target->message + TRANSACT_HEADER_LENGTH;
    size_t length, room;
    DWORD got;
    int error;

    if (request->kind == TRANSACT_UNMAP)
        message.blocks = 1;
    transact_encode_request(&message, target->message);
    length = (size_t)transact_request_payload(&message, base->block_length);
    if (request->kind == TRANSACT_UNMAP) {
        struct transact_range whole = {.lba = request->lba, .blocks = request->blocks};

        transact_encode_range(&whole, payload);
    } else {
        memcpy(payload, buffer, length);
    }
    error = exchange(target, (DWORD)(TRANSACT_HEADER_LENGTH + length), &got);
    if (error)
        return error;
    transact_decode_response(target->message, response);
    if (response->hint != request->hint)
        return ERROR_IO_DEVICE;
    if (request->kind != TRANSACT_READ)
        return 0;
    /* A short answer ends in zeros. */
    room = (size_t)request->blocks * base->block_length;
    length = got - TRANSACT_HEADER_LENGTH;
    length = length < room ? length : room;
    memcpy(buffer, payload, length);
    memset(buffer + length, 0, room - length);
    return 0;
}

static void close_target(struct target *base)
{
    struct pipe_target *target = (struct pipe_target *)base;

    if (target->pipe != INVALID_HANDLE_VALUE)
        CloseHandle(target->pipe);
    free(target->message);
    free(target);
}

static const struct target_ops pipe_ops = {
    .transact = transact,
    .close = close_target,
};

static HANDLE connect_pipe(const char *name)
{
    return CreateFileA(name, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0, NULL,
        OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
}

static int open_pipe(struct pipe_target *target, const char *name)
{
    DWORD mode = PIPE_READMODE_MESSAGE;

    target->pipe = connect_pipe(name);
    if (target->pipe == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY &&
        WaitNamedPipeA(name, BUSY_TIMEOUT))
        target->pipe = connect_pipe(name);
    if (target->pipe == INVALID_HANDLE_VALUE ||
        !SetNamedPipeHandleState(target->pipe, &mode, NULL, NULL))
        return target_fail(name, "cannot open");
    return 0;
}

/* The server speaks first. */
static int greet(struct pipe_target *target, const char *name)
{
    uint8_t wire[TRANSACT_PARAMS_MAX];
    struct transact_params params;
    DWORD got;

    if (!ReadFile(target->pipe, wire, sizeof wire, &got, NULL) ||
        got < TRANSACT_PARAMS_LENGTH || !transact_decode_params(wire, &params)) {
        fprintf(stderr, "stgtest: %s: no storage unit answers there (error %ld)\n", name,
            ERROR_IO_DEVICE);
        return ERROR_IO_DEVICE;
    }
    target->target.block_count = params.block_count;
    target->target.block_length = params.block_length;
    target->target.max_transfer_length = params.max_transfer_length;
    target->target.cache = params.flags & TRANSACT_CACHE;
    target->message = malloc(TRANSACT_HEADER_LENGTH + (size_t)params.max_transfer_length);
    if (target->message)
        return 0;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return target_fail(name, "memory");
}

int target_open_pipe(const char *name, struct target **result)
{
    struct pipe_target *target = calloc(1, sizeof *target);
    int error;

    if (!target)
        return target_fail(name, "memory");
    target->target.ops = &pipe_ops;
    target->target.allowed = "RWFU";
    error = open_pipe(target, name);
    if (error == 0)
        error = greet(target, name);
    if (error) {
        close_target(&target->target);
        return error;
    }
    *result = &target->target;
    return 0;
}
