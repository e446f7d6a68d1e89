/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* call PIPE: writes to another program's disk, several requests at a time, and reads it back. */

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "tap.h"

enum { IN_FLIGHT = 8, ROUNDS = 20 };

static WCHAR path[100];
static struct message message;

static void data_comes_back(void)
{
    SPD_STORAGE_UNIT_PARAMS params;
    HANDLE pipe = client_open(path, &params);
    UINT32 length;

    CHECK(pipe != INVALID_HANDLE_VALUE);
    if (pipe == INVALID_HANDLE_VALUE)
        return;
    length = params.BlockLength;
    for (UINT32 round = 0; round < ROUNDS; round++) {
        for (UINT32 i = 0; i < IN_FLIGHT; i++) {
            client_transfer(
                &message, i + 1, SpdIoctlTransactWriteKind, round * IN_FLIGHT + i, 1);
            memset(message.data, (int)(round + i), length);
            CHECK(client_send(pipe, &message, length));
        }
        for (UINT32 i = 0; i < IN_FLIGHT; i++)
            CHECK(client_receive(pipe, &message) == 0 && !message.response.Status.ScsiStatus);
        for (UINT32 i = 0; i < IN_FLIGHT; i++) {
            client_transfer(&message, i + 1, SpdIoctlTransactReadKind, round * IN_FLIGHT + i, 1);
            CHECK(client_send(pipe, &message, 0));
        }
        for (UINT32 i = 0; i < IN_FLIGHT; i++) {
            CHECK(client_receive(pipe, &message) == (int)length);
            CHECK(message.data[0] == (UCHAR)(round + message.response.Hint - 1));
            CHECK(message.data[length - 1] == message.data[0]);
        }
    }
    CloseHandle(pipe);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    wsprintfW(path, L"%S", argv[1]);
    run("example: deferred responses to a client of another process", data_comes_back);
    return finished();
}
