/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The bare exchange of the StorPort double: the calls of a command and of its transaction, with as
 * many bytes, and nothing behind them, or nothing but the command's SRB. No driver of this
 * interface can be quicker.
 */

#include "drvbench.h"

#include <stdio.h>
#include <stdlib.h>

#include <winioctl.h>

#include "exchange.h"
#include "gather.h"

enum { TOGETHER_MAX = CLIENTS_MAX };

static void control(const struct client *client, DWORD code, const void *in, DWORD in_length,
    DWORD out_length)
{
    DWORD got;

    if (!DeviceIoControl(client->device, code, (void *)in, in_length, client->buffer, out_length,
            &got, NULL))
        fail("the double exchanges nothing: error %lu", GetLastError());
}

void gather_begin(const struct client *client, unsigned clients, unsigned together)
{
    const struct double_gather gather = { clients, together };

    control(client, DOUBLE_IOCTL_GATHER, &gather, sizeof gather, 0);
}

void gather_end(const struct client *client)
{
    control(client, DOUBLE_IOCTL_PART, NULL, 0, 0);
}

static void begin(const struct client *client, const struct double_exchange *exchange)
{
    control(client, DOUBLE_IOCTL_EXCHANGE, exchange, sizeof *exchange, 0);
}

void bare_begin(const struct client *client, bool write, bool srb, UINT32 length, unsigned clients,
    unsigned together)
{
    const struct double_exchange exchange = {
        .clients = clients,
        .together = together,
        .ask_brings = CLIENT_HEADER + (write ? 0 : length),
        .take_carries = ENTRY + (write ? 0 : length),
        .take_brings = ENTRY + (write ? length : 0),
        .srb = srb ? length : 0,
        .write = write,
    };

    begin(client, &exchange);
}

void bare_move(const struct client *client, bool write, UINT32 length)
{
    control(client, DOUBLE_IOCTL_ASK, client->buffer, CLIENT_HEADER + (write ? length : 0),
        CLIENT_HEADER + (write ? 0 : length));
}

void bare_end(const struct client *client)
{
    control(client, DOUBLE_IOCTL_LEAVE, NULL, 0, 0);
}

static DWORD WINAPI take(void *argument)
{
    const struct client *client = argument;
    UCHAR *buffer = calloc(TOGETHER_MAX + 1, ENTRY + TRANSFER_MAX);
    struct double_taken *taken = (void *)buffer;
    DWORD got;

    if (!buffer)
        fail("no memory");
    do {
        DWORD in = sizeof *taken + taken->count * taken->exchange.take_carries;
        DWORD out = sizeof *taken + taken->exchange.together * taken->exchange.take_brings;

        if (!DeviceIoControl(
                client->device, DOUBLE_IOCTL_TAKE, buffer, in, buffer, out, &got, NULL))
            fail("the double brings nothing: error %lu", GetLastError());
    } while (taken->exchange.together);
    free(buffer);
    return 0;
}

int bare_serve(void)
{
    static const struct double_exchange none;
    struct client client, own;
    HANDLE thread;

    client_open(&client);
    client_open(&own);
    thread = CreateThread(NULL, 0, take, &own, 0, NULL);
    if (!thread)
        fail("there is no thread: error %lu", GetLastError());
    puts("serving");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    begin(&client, &none);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    client_close(&own);
    client_close(&client);
    return 0;
}
