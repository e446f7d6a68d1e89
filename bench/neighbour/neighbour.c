/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Plays one of two initiators at a disk. The honest one writes one piece at a time and prints the
 * time of each. The other keeps a queue of costly commands full until it is killed.
 *
 * The honest one writes in the first half of the disk, the storms are in the second, which holds
 * zeros.
 */

#include "initiator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"

enum {
    PIECE = 4096, /* the honest one's, or a block where that is longer */
    SAMPLES_MAX = 1 << 20,
    PATIENCE = 600, /* seconds after which a storm ends by itself */
    MIB = 1 << 20,
};

struct neighbour {
    uint32_t block_length, blocks_per_mib, most; /* most: blocks of a VERIFY without data */
    uint64_t half;                               /* the LBA where the second half begins */
    uint64_t random;
    uint64_t ended, refused;
};

/* Fills cdb and data of one command of a storm. */
typedef void build(struct neighbour *n, struct initiator_task *task);

static uint64_t place(struct neighbour *n, uint64_t blocks)
{
    n->random = n->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return n->half + (n->random >> 33) % (n->half - blocks);
}

static void put_range(struct neighbour *n, struct initiator_task *task, uint8_t opcode,
    uint8_t flags, uint32_t blocks)
{
    task->cdb[0] = opcode;
    task->cdb[1] = flags;
    put64(task->cdb + 2, place(n, blocks));
    put32(task->cdb + 10, blocks);
}

static void data_out(struct initiator_task *task, uint32_t length)
{
    task->write = true;
    task->length = length;
}

static void build_verify(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x8f, 0, n->most);
}

static void build_write_same(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x93, 0x01, 16 * n->blocks_per_mib); /* NDOB */
}

static void build_unmap(struct neighbour *n, struct initiator_task *task)
{
    task->cdb[0] = 0x42;
    task->cdb[8] = 24;
    data_out(task, 24);
    task->data[1] = 22;
    task->data[3] = 16;
    put64(task->data + 8, place(n, n->blocks_per_mib));
    put32(task->data + 16, n->blocks_per_mib);
}

static void build_silent_unmap(struct neighbour *n, struct initiator_task *task)
{
    build_unmap(n, task);
    task->silent = true;
}

/* Zeros are what is there, so it writes, by itself and through the cache. */
static void build_compare(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x89, 0x08, 0);
    task->cdb[13] = 1;
    data_out(task, 2 * n->block_length);
}

static void build_orwrite(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x8b, 0, n->blocks_per_mib);
    data_out(task, MIB);
}

static void build_ordered(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x8a, 0, 1);
    data_out(task, n->block_length);
    task->ordered = true;
}

static void build_fua(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x8a, 0x08, 1);
    data_out(task, n->block_length);
}

static void build_flush(struct neighbour *n, struct initiator_task *task)
{
    (void)n;
    task->cdb[0] = 0x91;
}

static void build_read(struct neighbour *n, struct initiator_task *task)
{
    put_range(n, task, 0x88, 0, n->blocks_per_mib);
    task->length = MIB;
}

static const struct {
    const char *name;
    uint32_t depth;
    build *build;
} storms[] = {
    { "verify", 64, build_verify },
    { "write-same", 64, build_write_same },
    { "unmap", 128, build_unmap },
    { "silent-unmap", 200, build_silent_unmap },
    { "compare", 128, build_compare },
    { "orwrite", 32, build_orwrite },
    { "ordered", 128, build_ordered },
    { "fua", 128, build_fua },
    { "flush", 128, build_flush },
    { "read", 32, build_read },
};
enum { STORMS = sizeof storms / sizeof storms[0] };

static void done(struct initiator *ini, uint32_t tag)
{
    struct neighbour *n = ini->context;

    n->ended++;
    n->refused += ini->tasks[tag].status != 0;
}

static bool run_one(struct initiator *ini)
{
    if (!initiator_submit(ini, 0))
        return false;
    while (ini->tasks[0].busy)
        if (!initiator_poll(ini))
            return false;
    return true;
}

/* Clears unit attentions and learns the capacity. */
static bool look_at_disk(struct neighbour *n, struct initiator *ini)
{
    static const uint8_t read_capacity[16] = { 0x9e, 0x10, [13] = 32 };
    struct initiator_task *task = &ini->tasks[0];
    uint8_t capacity[32];
    int tries = 0;

    do {
        *task = (struct initiator_task){ 0 };
        if (!run_one(ini))
            return false;
    } while (task->status && ++tries < 8);
    *task = (struct initiator_task){ .length = sizeof capacity, .data = capacity };
    memcpy(task->cdb, read_capacity, sizeof task->cdb);
    if (!run_one(ini))
        return false;
    if (task->status)
        return initiator_fail(ini, "READ CAPACITY (16) failed");
    n->block_length = get32(capacity + 8);
    n->blocks_per_mib = MIB / n->block_length;
    n->most = UINT16_MAX * 512u / n->block_length;
    n->half = (get64(capacity) + 1) / 2;
    n->ended = n->refused = 0;
    if (n->half <= 64 * n->blocks_per_mib)
        return initiator_fail(ini, "the disk has less than 128 MiB");
    return true;
}

static bool start_storm_task(struct neighbour *n, struct initiator *ini, build *make, uint32_t tag)
{
    struct initiator_task *task = &ini->tasks[tag];
    uint8_t *data = task->data;

    *task = (struct initiator_task){ .data = data };
    make(n, task);
    if (!task->write)
        task->data = NULL; /* what is read is dropped */
    if (!initiator_submit(ini, tag))
        return false;
    task->data = data;
    return true;
}

static bool storm(struct neighbour *n, struct initiator *ini, unsigned kind)
{
    uint32_t depth = storms[kind].depth;

    for (uint32_t tag = 0; tag < depth; tag++) {
        ini->tasks[tag].data = calloc(1, MIB);
        if (!ini->tasks[tag].data)
            return initiator_fail(ini, "not enough memory");
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        for (uint32_t tag = 0; tag < depth && initiator_window_open(ini); tag++)
            if (!ini->tasks[tag].busy && !start_storm_task(n, ini, storms[kind].build, tag))
                return false;
        if (!initiator_poll(ini))
            return false;
        if (n->refused)
            return initiator_fail(ini, "a command of '%s' was refused", storms[kind].name);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static bool honest(struct neighbour *n, struct initiator *ini, double seconds)
{
    static double samples[SAMPLES_MAX];
    uint32_t length = n->block_length > PIECE ? n->block_length : PIECE, count = 0;
    double end = now() + seconds, before = 0;
    uint8_t *data = calloc(1, length);

    if (!data)
        return initiator_fail(ini, "not enough memory");
    memset(data, 0x5a, length);
    while (count < SAMPLES_MAX && (before = now()) < end) {
        struct initiator_task *task = &ini->tasks[0];
        uint32_t blocks = length / n->block_length;

        *task = (struct initiator_task){ .data = data };
        put_range(n, task, 0x8a, 0, blocks);
        put64(task->cdb + 2, (n->random >> 33) % (n->half - blocks));
        data_out(task, length);
        if (!run_one(ini))
            return false;
        samples[count++] = (now() - before) * 1000;
    }
    qsort(samples, count, sizeof samples[0], ascending);
    printf("{\"count\": %u, \"refused\": %llu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"max_ms\": %.3f}\n",
        count, (unsigned long long)n->refused, samples[count / 2], samples[count * 99ull / 100],
        samples[count - 1]);
    free(data);
    return true;
}

static int usage(void)
{
    fputs("usage: spdneighbour URL honest SECONDS\n"
          "       spdneighbour URL STORM\n"
          "\n"
          "URL is iscsi://HOST[:PORT]/IQN/LUN, STORM one of:",
        stderr);
    for (unsigned i = 0; i < STORMS; i++)
        fprintf(stderr, " %s", storms[i].name);
    fputs("\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static struct neighbour neighbour = { .random = 1 };
    static struct initiator ini = { .done = done, .context = &neighbour };
    double seconds = argc == 4 ? strtod(argv[3], NULL) : 0;
    struct initiator_url url;
    unsigned kind = 0;
    bool good;

    if (os_reserve_descriptors())
        return 1;
    if (argc < 3 || !initiator_url_parse(argv[1], &url))
        return usage();
    while (kind < STORMS && strcmp(argv[2], storms[kind].name))
        kind++;
    if (strcmp(argv[2], "honest") ? kind == STORMS || argc != 3 : seconds <= 0)
        return usage();
    alarm(PATIENCE);
    good = initiator_connect(&ini, &url) && look_at_disk(&neighbour, &ini) &&
           (kind == STORMS ? honest(&neighbour, &ini, seconds) : storm(&neighbour, &ini, kind));
    if (!good)
        fprintf(stderr, "spdneighbour: %s\n", ini.error);
    return good ? 0 : 1;
}
