/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "client.h"

#include <string.h>

HANDLE client_open(PCWSTR name, SPD_STORAGE_UNIT_PARAMS *params)
{
    enum { TRIES = 500, PAUSE_MS = 20 };
    DWORD mode = PIPE_READMODE_MESSAGE, got = 0;
    HANDLE pipe = INVALID_HANDLE_VALUE;

    for (int i = 0; i < TRIES && pipe == INVALID_HANDLE_VALUE; i++) {
        pipe = CreateFileW(name, GENERIC_READ | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES, 0, NULL,
            OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
        if (pipe == INVALID_HANDLE_VALUE)
            Sleep(PAUSE_MS);
    }
    if (!SetNamedPipeHandleState(pipe, &mode, NULL, NULL) ||
        !ReadFile(pipe, params, sizeof *params, &got, NULL) || got != sizeof *params) {
        CloseHandle(pipe);
        return INVALID_HANDLE_VALUE;
    }
    return pipe;
}

bool client_send(HANDLE pipe, const struct message *message, DWORD data_length)
{
    DWORD length = FIELD_OFFSET(struct message, data) + data_length, sent = 0;

    return WriteFile(pipe, message, length, &sent, NULL) && sent == length;
}

int client_receive(HANDLE pipe, struct message *message)
{
    DWORD got = 0;

    memset(message, 0xee, sizeof *message);
    if (!ReadFile(pipe, message, sizeof *message, &got, NULL) ||
        got < FIELD_OFFSET(struct message, data))
        return -1;
    return (int)(got - FIELD_OFFSET(struct message, data));
}

int client_call(HANDLE pipe, struct message *message, DWORD data_length)
{
    UINT64 hint = message->request.Hint;
    UINT8 kind = message->request.Kind;

    if (!client_send(pipe, message, data_length) || client_receive(pipe, message) < 0)
        return -1;
    CHECK(message->response.Hint == hint);
    CHECK(message->response.Kind == kind);
    return message->response.Status.ScsiStatus;
}

void client_transfer(
    struct message *message, UINT64 hint, UINT8 kind, UINT64 address, UINT32 count)
{
    ZeroMemory(&message->response, sizeof message->response);
    message->request.Hint = hint;
    message->request.Kind = kind;
    message->request.Op.Read.BlockAddress = address;
    message->request.Op.Read.BlockCount = count;
}
