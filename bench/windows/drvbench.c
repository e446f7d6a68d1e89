/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvbench serve THREADS
 *     a disk in memory with so many dispatcher threads, until its input ends
 * drvbench check
 *     writes the whole disk and reads it back
 * drvbench measure MILLISECONDS KIND:BYTES:CLIENTS...
 *     calls a second of each in turn, a line each; KIND is empty, refused, read or write
 */

#include "drvbench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_EMPTY, KIND_REFUSED, KIND_READ, KIND_WRITE };
static const char *const kinds[] = { "empty", "refused", "read", "write" };

struct point {
    enum kind kind;
    UINT32 length;
    unsigned clients;
};

/* One of the clients of a point. */
struct worker {
    const struct point *point;
    struct client client;
    HANDLE thread, go;
    UINT32 btl;
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

static void call(struct worker *worker, UINT64 place)
{
    const struct point *point = worker->point;

    switch (point->kind) {
    case KIND_EMPTY:
        client_empty(&worker->client, point->length);
        break;
    case KIND_REFUSED:
        client_refused(&worker->client);
        break;
    case KIND_READ:
    case KIND_WRITE:
        client_move(
            &worker->client, worker->btl, point->kind == KIND_WRITE, place, point->length);
        break;
    }
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

static double rate_of(const struct point *point, UINT32 btl, LONGLONG duration)
{
    struct worker workers[CLIENTS_MAX];
    UINT64 part = DISK_LENGTH / point->clients / TRANSFER_MAX * TRANSFER_MAX;
    HANDLE go = CreateEventW(NULL, TRUE, FALSE, NULL);
    LONGLONG begin, count = 0;

    for (unsigned i = 0; i < point->clients; i++) {
        workers[i] = (struct worker){ .point = point, .btl = btl, .go = go, .begin = i * part,
            .end = (i + 1) * part };
        start(&workers[i]);
    }
    begin = now();
    for (unsigned i = 0; i < point->clients; i++)
        workers[i].deadline = begin + duration;
    SetEvent(go);
    for (unsigned i = 0; i < point->clients; i++)
        WaitForSingleObject(workers[i].thread, INFINITE);
    duration = now() - begin;
    for (unsigned i = 0; i < point->clients; i++)
        count += end(&workers[i]);
    CloseHandle(go);
    return (double)count * (double)ticks_a_second() / (double)duration;
}

static bool point_of(const char *text, struct point *point)
{
    char kind[8];
    unsigned length, clients;

    if (sscanf(text, "%7[a-z]:%u:%u", kind, &length, &clients) != 3 || length > TRANSFER_MAX ||
        length % BLOCK || clients < 1 || clients > CLIENTS_MAX)
        return false;
    for (unsigned i = 0; i < ARRAYSIZE(kinds); i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        *point = (struct point){ (enum kind)i, length, clients };
        return true;
    }
    return false;
}

static void measure(UINT32 btl, int milliseconds, char **points, int count)
{
    for (int i = 0; i < count; i++) {
        struct point point;

        if (!point_of(points[i], &point))
            fail("what is %s?", points[i]);
        printf("%s %.1f\n", points[i],
            rate_of(&point, btl, ticks_a_second() * milliseconds / 1000));
        fflush(stdout);
    }
}

/* No two blocks look alike, nor two words of a block. */
static void fill(UCHAR *data, UINT64 place)
{
    for (UINT32 at = 0; at < TRANSFER_MAX; at += sizeof(UINT64)) {
        UINT64 word = (place + at) * 0x9e3779b97f4a7c15;

        memcpy(data + at, &word, sizeof word);
    }
}

static void check(const struct client *client, UINT32 btl)
{
    static UCHAR wanted[TRANSFER_MAX];
    UCHAR *data = client->buffer + CLIENT_HEADER;

    for (UINT64 place = 0; place < DISK_LENGTH; place += TRANSFER_MAX) {
        fill(data, place);
        client_move(client, btl, true, place, TRANSFER_MAX);
    }
    for (UINT64 place = 0; place < DISK_LENGTH; place += TRANSFER_MAX) {
        client_move(client, btl, false, place, TRANSFER_MAX);
        fill(wanted, place);
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
    if (!checks && (argc < 4 || strcmp(argv[1], "measure") != 0)) {
        fputs("usage: drvbench serve THREADS | check | measure MILLISECONDS POINT...\n", stderr);
        return 2;
    }
    client_open(&client);
    btl = client_unit(&client);
    if (checks)
        check(&client, btl);
    else
        measure(btl, atoi(argv[2]), argv + 3, argc - 3);
    client_close(&client);
    return 0;
}
