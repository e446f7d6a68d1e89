/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The bare exchange of the double, whose times the benchmark compares with the driver's: the bytes
 * of a command come to the server, or from it, by way of an SRB. */

#include "client.h"

#include "../storport/exchange.h"

enum { CLIENTS = 2, HEADER = 96, ENTRY = 56, DATA = BLOCK };

/* A call on a thread of its own, with a buffer for both directions. */
struct call {
    DWORD code, in, out, moved, error;
    HANDLE thread;
    UCHAR bytes[sizeof(struct double_taken) + CLIENTS * (HEADER + DATA)];
};

static DWORD WINAPI call_main(void *argument)
{
    struct call *call = argument;

    call->error = device_control(
        adapter, call->code, call->bytes, call->in, call->bytes, call->out, &call->moved);
    return 0;
}

static void call_start(struct call *call, DWORD code, DWORD in, DWORD out)
{
    call->code = code;
    call->in = in;
    call->out = out;
    call->thread = CreateThread(NULL, 0, call_main, call, 0, NULL);
    CHECK(call->thread);
}

static void call_wait(struct call *call, DWORD moved)
{
    CHECK_EQUAL(WaitForSingleObject(call->thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(call->thread);
    CHECK_EQUAL(call->error, 0);
    CHECK_EQUAL(call->moved, moved);
}

static void begin(const struct double_exchange *exchange)
{
    CHECK_EQUAL(device_control(
                    adapter, DOUBLE_IOCTL_EXCHANGE, exchange, sizeof *exchange, NULL, 0, NULL), 0);
}

static void ask_all(struct call asks[CLIENTS], DWORD in, DWORD out)
{
    for (UINT32 i = 0; i < CLIENTS; i++) {
        memset(asks[i].bytes, 0xff, sizeof asks[i].bytes);
        fill_pattern(asks[i].bytes + HEADER, i, 1, 0);
        call_start(&asks[i], DOUBLE_IOCTL_ASK, in, out);
    }
}

/* The server's next call, after it has got all of them. */
static void take_all(struct call *take, const struct double_exchange *exchange)
{
    const struct double_taken *taken = (void *)take->bytes;

    call_start(take, DOUBLE_IOCTL_TAKE, 0, sizeof take->bytes);
    call_wait(take, sizeof *taken + CLIENTS * exchange->take_brings);
    CHECK_EQUAL(taken->count, CLIENTS);
    CHECK_BYTES(&taken->exchange, exchange, sizeof *exchange);
}

static void answer_all(struct call *take, struct call asks[CLIENTS], DWORD carries, DWORD brings)
{
    static const struct double_exchange none;

    call_start(take, DOUBLE_IOCTL_TAKE, sizeof(struct double_taken) + CLIENTS * carries,
        sizeof(struct double_taken));
    for (UINT32 i = 0; i < CLIENTS; i++)
        call_wait(&asks[i], brings);
    begin(&none); /* ends the server's call */
    call_wait(take, sizeof(struct double_taken));
}

/* Each of the blocks is there once: which client comes first is a matter of chance. */
static void check_blocks(const UCHAR *const places[CLIENTS])
{
    for (UINT32 block = 0; block < CLIENTS; block++) {
        UINT32 found = 0;

        for (UINT32 i = 0; i < CLIENTS; i++)
            found += is_pattern(places[i], block, 1, 0);
        CHECK_EQUAL(found, 1);
    }
}

static void the_data_of_writes(void)
{
    static const struct double_exchange writes = { .clients = CLIENTS, .together = CLIENTS,
        .ask_brings = HEADER, .take_carries = ENTRY, .take_brings = ENTRY + DATA, .srb = DATA,
        .write = TRUE };
    static struct call asks[CLIENTS], take;
    const UCHAR *places[CLIENTS];

    begin(&writes);
    ask_all(asks, HEADER + DATA, HEADER);
    take_all(&take, &writes);
    for (UINT32 i = 0; i < CLIENTS; i++)
        places[i] = take.bytes + sizeof(struct double_taken) + i * (ENTRY + DATA) + ENTRY;
    check_blocks(places);
    answer_all(&take, asks, ENTRY, HEADER);
}

static void the_data_of_reads(void)
{
    static const struct double_exchange reads = { .clients = CLIENTS, .together = CLIENTS,
        .ask_brings = HEADER + DATA, .take_carries = ENTRY + DATA, .take_brings = ENTRY,
        .srb = DATA };
    static struct call asks[CLIENTS], take;
    const UCHAR *places[CLIENTS];

    begin(&reads);
    ask_all(asks, HEADER, HEADER + DATA);
    take_all(&take, &reads);
    for (UINT32 i = 0; i < CLIENTS; i++) {
        UCHAR *answer = take.bytes + sizeof(struct double_taken) + i * (ENTRY + DATA) + ENTRY;

        memset(asks[i].bytes + HEADER, 0, DATA);
        fill_pattern(answer, i, 1, 0);
        places[i] = asks[i].bytes + HEADER;
    }
    answer_all(&take, asks, ENTRY + DATA, HEADER + DATA);
    check_blocks(places);
}

const struct test exchange_tests[] = {
    { "the bare exchange brings the data of writes", the_data_of_writes, .needs = NEEDS_DOUBLE },
    { "the bare exchange brings the data of reads", the_data_of_reads, .needs = NEEDS_DOUBLE },
    { 0 }
};
