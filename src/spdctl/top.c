/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Programs tell totals; a rate is the difference of two rounds. Rounds that begin late count with
 * the time that has really passed. */

#include "top.h"

#include "programs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_MAX = 4096, URI_WIDTH = 34 };

/* A kind of operation of a disk, and its totals. */
struct row {
    long process;
    unsigned disk;
    char operation[16], uri[256];
    uint64_t operations, bytes, errors, nanoseconds;
};

struct rows {
    struct row row[ROWS_MAX];
    size_t count;
    double time; /* seconds */
};

static struct rows rounds_of[2];

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void read_rows(struct rows *rows, char *text)
{
    char *rest, *line;

    for (line = strtok_r(text, "\n", &rest); line && rows->count < ROWS_MAX;
         line = strtok_r(NULL, "\n", &rest)) {
        struct row *row = &rows->row[rows->count];

        if (sscanf(line, "%ld %u %15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %255s",
                &row->process, &row->disk, row->operation, &row->operations, &row->bytes,
                &row->errors, &row->nanoseconds, row->uri) == 8)
            rows->count++;
    }
}

static void take(struct rows *rows, const char *wanted)
{
    static struct programs programs;

    programs_find(&programs, wanted);
    rows->count = 0;
    rows->time = now();
    for (size_t i = 0; i < programs.count; i++) {
        char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        if (!out)
            continue;
        program_ask(programs.paths[i], "counters", out);
        if (fclose(out) == 0)
            read_rows(rows, text);
        free(text);
    }
}

static const struct row *same(const struct rows *rows, const struct row *row)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->row[i].process == row->process && rows->row[i].disk == row->disk &&
            strcmp(rows->row[i].operation, row->operation) == 0)
            return &rows->row[i];
    return NULL;
}

/* The end of a URI tells more than its begin. */
static const char *tail(const char *uri)
{
    size_t length = strlen(uri);

    return length > URI_WIDTH ? uri + length - URI_WIDTH : uri;
}

static void show(const struct rows *before, const struct rows *after)
{
    double seconds = after->time - before->time;

    printf("%-*s %-8s %9s %9s %7s %8s\n", URI_WIDTH, "disk", "", "IOPS", "MiB/s", "errors",
        "mean us");
    for (size_t i = 0; i < after->count; i++) {
        const struct row *row = &after->row[i], *old = same(before, row);
        uint64_t operations = old ? row->operations - old->operations : 0;

        if (!operations)
            continue;
        printf("%-*s %-8s %9.0f %9.1f %7" PRIu64 " %8.1f\n", URI_WIDTH, tail(row->uri),
            row->operation, (double)operations / seconds,
            (double)(row->bytes - old->bytes) / seconds / 1048576, row->errors - old->errors,
            (double)(row->nanoseconds - old->nanoseconds) / (double)operations / 1e3);
    }
}

int top(const char *wanted, double seconds, uint64_t rounds)
{
    const struct timespec pause = {
        .tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)
    };
    bool screen = isatty(STDOUT_FILENO);

    take(&rounds_of[0], wanted);
    for (uint64_t round = 1; !rounds || round <= rounds; round++) {
        struct rows *after = &rounds_of[round % 2], *before = &rounds_of[(round - 1) % 2];

        nanosleep(&pause, NULL);
        take(after, wanted);
        fputs(screen ? "\x1b[H\x1b[J" : "", stdout);
        show(before, after);
        if (fflush(stdout) != 0)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
