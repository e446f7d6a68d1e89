/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvbench serve THREADS
 *     a disk in memory with so many dispatcher threads, until its input ends
 * drvbench take
 *     the server of bare exchanges, until its input ends
 * drvbench check
 *     writes the whole disk one way and reads it back another
 * drvbench measure MILLISECONDS
 *     for each line KIND:BYTES:CLIENTS:TOGETHER of its input it says "ready", waits for another
 *     line, makes calls for so long, and says how many. Behind that it says how many transactions
 *     of the disk brought requests, how many these were, and how many of them came together. KIND
 *     is empty, answered, read, write, direct-read, direct-write, gathered-read, gathered-write,
 *     bare-read, bare-write, srb-read or srb-write. TOGETHER is for the latter six: requests with a
 *     call of the server
 */

#include "drvbench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    KIND_EMPTY,
    KIND_ANSWERED,
    KIND_READ,
    KIND_WRITE,
    KIND_DIRECT_READ,
    KIND_DIRECT_WRITE,
    KIND_GATHERED_READ,
    KIND_GATHERED_WRITE,
    KIND_BARE_READ,
    KIND_BARE_WRITE,
    KIND_SRB_READ,
    KIND_SRB_WRITE,
};
static const char *const kinds[] = {
    "empty", "answered", "read", "write", "direct-read", "direct-write", "gathered-read",
    "gathered-write", "bare-read", "bare-write", "srb-read", "srb-write",
};

/* The disk, and a unit that nobody uses. */
struct units {
    UINT32 disk, own;
};

struct point {
    enum kind kind;
    UINT32 length;
    unsigned clients;
    unsigned together;
};

/* A client of a point. */
struct worker {
    const struct point *point;
    struct client client;
    HANDLE thread, go;
    const struct units *units;
    UINT64 begin, end; /* its part of the disk */
    volatile LONGLONG deadline;
    LONGLONG count;
};

void fail(const char *format, ...)
{
    va_list arguments;

    fputs("drvbench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    ExitProcess(1);
}

static LONGLONG now(void)
{
    LARGE_INTEGER counter;

    QueryPerformanceCounter(&counter);
    return counter.QuadPart;
}

static LONGLONG ticks_a_second(void)
{
    LARGE_INTEGER frequency;

    QueryPerformanceFrequency(&frequency);
    return frequency.QuadPart;
}

static bool has_srb(const struct point *point)
{
    return point->kind == KIND_SRB_READ || point->kind == KIND_SRB_WRITE;
}

static bool is_gathered(const struct point *point)
{
    return point->kind == KIND_GATHERED_READ || point->kind == KIND_GATHERED_WRITE;
}

static bool is_bare(const struct point *point)
{
    return point->kind == KIND_BARE_READ || point->kind == KIND_BARE_WRITE || has_srb(point);
}

static bool bare_writes(const struct point *point)
{
    return point->kind == KIND_BARE_WRITE || point->kind == KIND_SRB_WRITE;
}

static void call(struct worker *worker, UINT64 place)
{
    static const enum client_way ways[] = {
        [KIND_READ] = CLIENT_READ,
        [KIND_WRITE] = CLIENT_WRITE,
        [KIND_DIRECT_READ] = CLIENT_DIRECT_READ,
        [KIND_DIRECT_WRITE] = CLIENT_DIRECT_WRITE,
        [KIND_GATHERED_READ] = CLIENT_READ,
        [KIND_GATHERED_WRITE] = CLIENT_WRITE,
    };
    const struct point *point = worker->point;

    if (point->kind == KIND_EMPTY)
        client_empty(&worker->client, worker->units->own);
    else if (point->kind == KIND_ANSWERED)
        client_answered(&worker->client, point->length);
    else if (is_bare(point))
        bare_move(&worker->client, bare_writes(point), point->length);
    else
        client_move(&worker->client, worker->units->disk, ways[point->kind], place, point->length);
}

static DWORD WINAPI work(void *argument)
{
    struct worker *worker = argument;
    UINT64 place = worker->begin;

    WaitForSingleObject(worker->go, INFINITE);
    while (now() < worker->deadline) {
        call(worker, place);
        worker->count++;
        place += worker->point->length;
        if (place + worker->point->length > worker->end)
            place = worker->begin;
    }
    if (is_bare(worker->point))
        bare_end(&worker->client);
    if (is_gathered(worker->point))
        gather_end(&worker->client);
    return 0;
}

static void start(struct worker *worker)
{
    client_open(&worker->client);
    worker->thread = CreateThread(NULL, 0, work, worker, 0, NULL);
    if (!worker->thread)
        fail("there is no thread: error %lu", GetLastError());
}

/* Returns how often it did its call. */
static LONGLONG end(struct worker *worker)
{
    WaitForSingleObject(worker->thread, INFINITE);
    CloseHandle(worker->thread);
    client_close(&worker->client);
    return worker->count;
}

/* A line from and to the measuring program. */
static bool hear(char *line, int size)
{
    if (!fgets(line, size, stdin))
        return false;
    line[strcspn(line, "\r\n")] = 0;
    return true;
}

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

/* Returns how many calls it made; between the two lines nothing else is done. */
static LONGLONG count_of(const struct point *point, const struct units *units, LONGLONG duration)
{
    struct worker workers[CLIENTS_MAX];
    UINT64 part = DISK_LENGTH / point->clients / TRANSFER_MAX * TRANSFER_MAX;
    HANDLE go = CreateEventW(NULL, TRUE, FALSE, NULL);
    LONGLONG begin, count = 0;
    char line[8];

    for (unsigned i = 0; i < point->clients; i++) {
        workers[i] = (struct worker){ .point = point, .units = units, .go = go,
            .begin = i * part, .end = (i + 1) * part };
        start(&workers[i]);
    }
    if (is_bare(point))
        bare_begin(&workers[0].client, bare_writes(point), has_srb(point), point->length,
            point->clients, point->together);
    if (is_gathered(point))
        gather_begin(&workers[0].client, point->clients, point->together);
    say("ready");
    if (!hear(line, sizeof line))
        fail("nobody is there any more");
    begin = now();
    for (unsigned i = 0; i < point->clients; i++)
        workers[i].deadline = begin + duration;
    SetEvent(go);
    for (unsigned i = 0; i < point->clients; i++)
        count += end(&workers[i]);
    CloseHandle(go);
    return count;
}

static bool point_of(const char *text, struct point *point)
{
    char kind[16];
    unsigned length, clients, together;

    if (sscanf(text, "%15[a-z-]:%u:%u:%u", kind, &length, &clients, &together) != 4 ||
        length > TRANSFER_MAX || length % BLOCK || clients < 1 || clients > CLIENTS_MAX ||
        together < 1 || together > clients)
        return false;
    for (unsigned i = 0; i < ARRAYSIZE(kinds); i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        *point = (struct point){ (enum kind)i, length, clients, together };
        return true;
    }
    return false;
}

static void measure(const struct client *client, UINT32 disk, int milliseconds)
{
    struct units units = { disk, client_own_unit(client) };
    LONGLONG duration = ticks_a_second() * milliseconds / 1000;
    char line[96];

    while (hear(line, sizeof line)) {
        struct counts before, after;
        struct point point;
        LONGLONG count;

        if (!point_of(line, &point))
            fail("what is %s?", line);
        client_counts(client, disk, &before);
        count = count_of(&point, &units, duration);
        client_counts(client, disk, &after);
        snprintf(line, sizeof line, "%lld %llu %llu %llu", count, after.calls - before.calls,
            after.requests - before.requests, after.together - before.together);
        say(line);
    }
}

/* No two blocks look alike, nor two words of a block, nor two rounds. */
static void fill(UCHAR *data, UINT64 place, UINT64 round)
{
    for (UINT32 at = 0; at < TRANSFER_MAX; at += sizeof(UINT64)) {
        UINT64 word = (place + at + round * DISK_LENGTH) * 0x9e3779b97f4a7c15;

        memcpy(data + at, &word, sizeof word);
    }
}

static void check(const struct client *client, UINT32 btl, UINT64 round, enum client_way write,
    enum client_way read)
{
    static UCHAR wanted[TRANSFER_MAX];
    UCHAR *data = client->buffer + CLIENT_HEADER;

    for (UINT64 place = 0; place < DISK_LENGTH; place += TRANSFER_MAX) {
        fill(data, place, round);
        client_move(client, btl, write, place, TRANSFER_MAX);
    }
    for (UINT64 place = 0; place < DISK_LENGTH; place += TRANSFER_MAX) {
        client_move(client, btl, read, place, TRANSFER_MAX);
        fill(wanted, place, round);
        if (memcmp(data, wanted, TRANSFER_MAX) != 0)
            fail("wrong data at byte %llu or behind it", place);
    }
}

int main(int argc, char **argv)
{
    bool checks = argc == 2 && !strcmp(argv[1], "check");
    struct client client;
    UINT32 btl;

    if (argc == 3 && !strcmp(argv[1], "serve"))
        return serve((ULONG)atoi(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "take"))
        return bare_serve();
    if (!checks && (argc != 3 || strcmp(argv[1], "measure") != 0)) {
        fputs("usage: drvbench serve THREADS | take | check | measure MILLISECONDS\n", stderr);
        return 2;
    }
    client_open(&client);
    btl = client_unit(&client);
    if (checks) {
        check(&client, btl, 0, CLIENT_WRITE, CLIENT_DIRECT_READ);
        check(&client, btl, 1, CLIENT_DIRECT_WRITE, CLIENT_READ);
    } else {
        measure(&client, btl, atoi(argv[2]));
    }
    client_close(&client);
    return 0;
}
