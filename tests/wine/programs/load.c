/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Verified I/O while the server of the disk is killed. A block's number says what the block holds:
 * so the server keeps no data, checks what is written, and its successor goes on where it was.
 */

#include "client.h"

#define BLOCKS     32768
#define MAX_BLOCKS 128 /* of a transaction */
#define THREADS    4
#define PORTION    (BLOCKS / THREADS)
#define ENOUGH     200 /* transfers between two kills */

/* The server. */

static SPD_IOCTL_STORAGE_UNIT_PARAMS load_unit(const char *grace)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.BlockCount = BLOCKS;
    params.MaxTransferLength = MAX_BLOCKS * BLOCK;
    params.CacheSupported = 1;
    params.Reserved[0] = (UINT32)atoi(grace);
    memcpy(params.ProductId, "Pattern disk    ", 16);
    memcpy(params.ProductRevisionLevel, "1.0 ", 4);
    return params;
}

/* Bytes of data that go with the response. */
static DWORD answer(const SPD_IOCTL_TRANSACT_REQ *req, UCHAR *data)
{
    UINT64 block = req->Op.Read.BlockAddress; /* Write's lies in the same place */
    UINT32 count = req->Op.Read.BlockCount;

    if (req->Kind == SpdIoctlTransactReadKind) {
        fill_pattern(data, block, count, 0);
        return count * BLOCK;
    }
    if (req->Kind == SpdIoctlTransactWriteKind)
        CHECK(is_pattern(data, block, count, 0));
    return 0;
}

static DWORD WINAPI serve(void *context)
{
    UINT32 btl = *(UINT32 *)context;
    UCHAR *data = malloc(MAX_BLOCKS * BLOCK);
    SPD_IOCTL_TRANSACT_RSP rsp;
    SPD_IOCTL_TRANSACT_REQ req;
    DWORD length = 0;
    BOOL answered = FALSE;

    while (!transact(btl, answered ? &rsp : NULL, &req, data, length, MAX_BLOCKS * BLOCK)) {
        answered = req.Hint != 0;
        if (!answered)
            continue;
        length = answer(&req, data);
        rsp = good_response(&req);
    }
    free(data);
    return 0;
}

int load_server(const char *grace)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = load_unit(grace);
    HANDLE threads[3];
    UINT32 btl;
    unsigned i;

    hold_lifetime();
    /* A killed one's unit is there until the kernel has seen that it died. */
    WAIT_UNTIL(!provision(&params, &btl));
    for (i = 0; i < 3; i++)
        threads[i] = CreateThread(NULL, 0, serve, &btl, 0, NULL);
    for (i = 0; i < 3; i++)
        WaitForSingleObject(threads[i], INFINITE);
    return 0;
}

/* Its clients. */

struct client {
    HANDLE disk, thread;
    UINT64 first;
    UINT32 seed;
    volatile LONG stop, done, errors, wrong;
};

static UINT32 next_number(UINT32 *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

/* After an error it ends: the disk has gone. */
static DWORD WINAPI transfer(void *context)
{
    struct client *client = context;
    UCHAR *data = malloc(MAX_BLOCKS * BLOCK);

    while (!client->stop && !client->errors) {
        UINT32 count = 1 + next_number(&client->seed) % MAX_BLOCKS;
        UINT64 block = client->first + next_number(&client->seed) % (PORTION - count);
        BOOL write = next_number(&client->seed) & 1;
        DWORD length = count * BLOCK;

        if (write)
            fill_pattern(data, block, count, 0);
        else
            memset(data, 0, length);
        if (disk_transfer(client->disk, write, block * BLOCK, data, length) != length)
            InterlockedIncrement(&client->errors);
        else if (!is_pattern(data, block, count, 0))
            InterlockedIncrement(&client->wrong);
        else
            InterlockedIncrement(&client->done);
    }
    free(data);
    return 0;
}

static void clients_start(struct client *clients)
{
    unsigned i;

    memset(clients, 0, THREADS * sizeof *clients);
    for (i = 0; i < THREADS; i++) {
        clients[i].first = i * PORTION;
        clients[i].seed = 77 * i + 5;
        WAIT_UNTIL((clients[i].disk = disk_open(BTL(0))));
        clients[i].thread = CreateThread(NULL, 0, transfer, &clients[i], 0, NULL);
    }
}

static LONG transfers(const struct client *clients)
{
    LONG sum = 0;
    unsigned i;

    for (i = 0; i < THREADS; i++)
        sum += clients[i].done + clients[i].errors * ENOUGH;
    return sum;
}

/* Until they have done that much more, or one has met an error. */
static void clients_go_on(const struct client *clients)
{
    LONG before = transfers(clients);

    WAIT_UNTIL(transfers(clients) - before >= ENOUGH);
}

/* How many errors they met; what was read must have been right. */
static LONG clients_end(struct client *clients, LONG *done)
{
    LONG errors = 0;
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        InterlockedExchange(&clients[i].stop, TRUE);
        CHECK_EQUAL(WaitForSingleObject(clients[i].thread, PATIENCE), WAIT_OBJECT_0);
        CloseHandle(clients[i].thread);
        CloseHandle(clients[i].disk);
        CHECK_EQUAL(clients[i].wrong, 0);
        errors += clients[i].errors;
        *done += clients[i].done;
    }
    return errors;
}

static void server_kill(HANDLE process)
{
    CHECK(TerminateProcess(process, 9));
    CHECK_EQUAL(end_of_child(process), 9); /* and not by a check of its own */
}

static BOOL end(const char *what, LONG done, LONG errors)
{
    LONG findings = 0;

    WAIT_UNTIL(!disk_count());
    if (has_double()) {
        WAIT_UNTIL(!double_state().requests);
        findings = double_state().findings;
    }
    printf("# %s: %ld transfers, %ld errors, %ld findings\n", what, done, errors, findings);
    return !findings;
}

/* Without a grace the disk goes with its server: each client meets an error, and none hangs. */
BOOL load_kills(unsigned rounds)
{
    struct client clients[THREADS];
    LONG done = 0, errors = 0;
    unsigned i;

    for (i = 0; i < rounds; i++) {
        HANDLE process = start_child("load", "0", FALSE, NULL);

        clients_start(clients);
        clients_go_on(clients);
        server_kill(process);
        errors += clients_end(clients, &done);
        WAIT_UNTIL(!disk_count());
    }
    return end("kills", done, errors);
}

/* Within the grace the next server goes on: the clients notice nothing. */
BOOL load_grace(unsigned rounds)
{
    struct client clients[THREADS];
    HANDLE process;
    LONG done = 0, errors;
    unsigned i;

    process = start_child("load", "30", FALSE, NULL);
    clients_start(clients);
    for (i = 0; i < rounds; i++) {
        clients_go_on(clients);
        server_kill(process);
        process = start_child("load", "30", FALSE, NULL);
    }
    clients_go_on(clients);
    errors = clients_end(clients, &done);
    server_kill(process);
    return end("grace", done, errors) && !errors;
}

/* Under Wine one is enough: tests/nt has more. */
static unsigned rounds(void)
{
    return has_double() ? 1 : 10;
}

static void killed_under_io(void)
{
    CHECK(load_kills(rounds()));
}

static void killed_and_started_within_the_grace(void)
{
    CHECK(load_grace(rounds()));
}

const struct test load_tests[] = {
    { "servers: killed under verified I/O", killed_under_io },
    { "servers: killed and started again within their grace", killed_and_started_within_the_grace },
    { 0 }
};
