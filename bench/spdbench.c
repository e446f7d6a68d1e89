/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Keeps a queue of reads or writes at an iSCSI target full and prints what that cost, as JSON. */

#include "initiator.h"
#include "meter.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

struct bench {
    struct load load; /* block, depth, write, seconds, warm-up, server */
    uint64_t count;   /* stop after so many, 0: when the time is over */
    bool random, verify;

    uint32_t block_length;
    uint64_t first, spots, next; /* region in units of load.block */
    uint64_t seed;
    uint64_t submitted;
    bool stopping;
    uint32_t idle[INITIATOR_DEPTH_MAX], idle_count;
    uint64_t spot[INITIATOR_DEPTH_MAX]; /* where each task is */
    bool failed;
    struct meter meter;
};

static const char usage[] =
    "usage: spdbench --url iscsi://HOST[:PORT]/IQN/LUN [OPTION]...\n"
    "       spdbench --floor [OPTION]...   the same bytes over TCP, without iSCSI and disk\n"
    "\n"
    "  --rw read|write    what to do (read)\n"
    "  --block BYTES      bytes a command (4096)\n"
    "  --depth N          commands outstanding, 1 to 256 (1)\n"
    "  --seconds S        how long to measure (3)\n"
    "  --warmup S         how long to run before that (0.2)\n"
    "  --count N          end after N commands instead\n"
    "  --random           at random places (one after the other)\n"
    "  --size BYTES       use only the first so many bytes of the disk (all)\n"
    "  --verify           write, or expect, a pattern that depends on the address\n"
    "  --server-pid PID   also measure the CPU time of that process\n"
    "  --help             this text\n";

/* The pattern of 8 bytes at a byte address (splitmix64's finalizer). */
static uint64_t pattern(uint64_t address)
{
    uint64_t x = address + 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void fill(uint8_t *data, uint64_t address, uint32_t length)
{
    for (uint32_t i = 0; i < length; i += 8) {
        uint64_t word = pattern(address + i);
        memcpy(data + i, &word, 8);
    }
}

static bool matches(const uint8_t *data, uint64_t address, uint32_t length)
{
    for (uint32_t i = 0; i < length; i += 8) {
        uint64_t word = pattern(address + i);
        if (memcmp(data + i, &word, 8) != 0) {
            fprintf(stderr, "spdbench: wrong data at byte %llu\n", (unsigned long long)address + i);
            return false;
        }
    }
    return true;
}

static bool submit_one(struct bench *bench, struct initiator *ini)
{
    uint32_t tag = bench->idle[--bench->idle_count];
    struct initiator_task *task = &ini->tasks[tag];
    uint64_t spot = bench->next++ % bench->spots;
    uint64_t lba;

    if (bench->random)
        spot = pattern(bench->seed++) % bench->spots;
    bench->spot[tag] = spot;
    bench->submitted++;
    lba = spot * bench->load.block / bench->block_length;
    memset(task->cdb, 0, sizeof task->cdb);
    if (lba > UINT32_MAX) { /* READ(16), WRITE(16); SBC-3 5.14, 5.36 */
        task->cdb[0] = bench->load.write ? 0x8a : 0x88;
        put64(task->cdb + 2, lba);
        put32(task->cdb + 10, bench->load.block / bench->block_length);
    } else { /* READ(10), WRITE(10); SBC-3 5.12, 5.34 */
        task->cdb[0] = bench->load.write ? 0x2a : 0x28;
        put32(task->cdb + 2, (uint32_t)lba);
        put16(task->cdb + 7, (uint16_t)(bench->load.block / bench->block_length));
    }
    if (bench->verify && bench->load.write)
        fill(task->data, spot * bench->load.block, bench->load.block);
    return initiator_submit(ini, tag);
}

static void done(struct initiator *ini, uint32_t tag)
{
    struct bench *bench = ini->context;
    const struct initiator_task *task = &ini->tasks[tag];

    if (task->status != 0) {
        fprintf(stderr, "spdbench: a command ended with status %02Xh, sense %X/%02X/%02X\n",
            task->status, task->sense[2] & 15, task->sense[12], task->sense[13]);
        bench->failed = true;
    } else if (bench->verify && !bench->load.write) {
        if (!matches(task->data, bench->spot[tag] * bench->load.block, bench->load.block))
            bench->failed = true;
    }
    bench->meter.ios++;
    bench->idle[bench->idle_count++] = tag;
}

static bool run_load(struct bench *bench, struct initiator *ini)
{
    meter_start(&bench->meter, &bench->load);
    while (!bench->failed) {
        bool over = bench->stopping || (bench->count != 0 && bench->submitted == bench->count);
        if (over && bench->idle_count == bench->load.depth)
            break;
        while (!over && bench->idle_count > 0 && initiator_window_open(ini)) {
            if (!submit_one(bench, ini))
                return false;
            over = bench->count != 0 && bench->submitted == bench->count;
        }
        if (!initiator_poll(ini))
            return false;
        if (!bench->stopping)
            bench->stopping = meter_tick(&bench->meter, &bench->load) && bench->count == 0;
    }
    if (bench->count != 0)
        meter_stop(&bench->meter, &bench->load);
    return !bench->failed;
}

/* A single command on tag 0, before the load; true when it was sent and answered. */
static void done_single(struct initiator *ini, uint32_t tag)
{
    (void)ini, (void)tag;
}

static bool single(struct initiator *ini, const uint8_t *cdb, uint8_t *data, uint32_t length)
{
    struct initiator_task *task = &ini->tasks[0];

    memcpy(task->cdb, cdb, sizeof task->cdb);
    task->write = false;
    task->data = data;
    task->length = length;
    if (!initiator_submit(ini, 0))
        return false;
    while (task->busy)
        if (!initiator_poll(ini))
            return false;
    return true;
}

/* Clears unit attentions and learns the capacity. */
static bool look_at_disk(struct bench *bench, struct initiator *ini, uint64_t size)
{
    static const uint8_t test_unit_ready[16] = { 0 };
    static const uint8_t read_capacity[16] = { 0x9e, 0x10, [13] = 32 };
    uint8_t capacity[32];
    uint64_t bytes;
    int tries = 0;

    ini->done = done_single;
    do
        if (!single(ini, test_unit_ready, NULL, 0))
            return false;
    while (ini->tasks[0].status != 0 && ++tries < 8);
    if (ini->tasks[0].status != 0)
        return initiator_fail(ini, "the disk is not ready");
    if (!single(ini, read_capacity, capacity, sizeof capacity))
        return false;
    if (ini->tasks[0].status != 0)
        return initiator_fail(ini, "READ CAPACITY (16) failed");
    bench->block_length = get32(capacity + 8);
    bytes = (get64(capacity) + 1) * bench->block_length;
    if (size != 0 && size < bytes)
        bytes = size;
    bench->spots = bytes / bench->load.block;
    if (bench->load.block % bench->block_length != 0 || bench->spots == 0)
        return initiator_fail(ini, "blocks of %u bytes do not fit a disk of %llu bytes in %u",
            bench->load.block, (unsigned long long)bytes, bench->block_length);
    ini->done = done;
    return true;
}

static bool make_tasks(struct bench *bench, struct initiator *ini)
{
    for (uint32_t tag = 0; tag < bench->load.depth; tag++) {
        struct initiator_task *task = &ini->tasks[tag];
        task->write = bench->load.write;
        task->length = bench->load.block;
        task->data = NULL; /* what is read is dropped */
        if (bench->verify || bench->load.write) {
            task->data = malloc(bench->load.block);
            if (!task->data)
                return initiator_fail(ini, "not enough memory");
            fill(task->data, tag, bench->load.block);
        }
        bench->idle[bench->idle_count++] = tag;
    }
    return true;
}

static void print_result(const struct bench *bench, const struct initiator *ini)
{
    const struct load *load = &bench->load;

    printf("{\"rw\": \"%s\", \"block\": %u, \"depth\": %u, ", load->write ? "write" : "read",
        load->block, load->depth);
    if (ini)
        printf("\"random\": %s, \"verified\": %s, \"max_send\": %u, \"first_burst\": %u, "
               "\"max_burst\": %u, \"initial_r2t\": %s, \"immediate_data\": %s, ",
            bench->random ? "true" : "false", bench->verify ? "true" : "false", ini->max_send,
            ini->first_burst, ini->max_burst, ini->initial_r2t ? "true" : "false",
            ini->immediate_data ? "true" : "false");
    meter_print(&bench->meter, load);
    printf("}\n");
}

static int run_iscsi(struct bench *bench, const char *url_text, uint64_t size)
{
    static struct initiator ini;
    struct initiator_url url;
    bool good;

    if (!initiator_url_parse(url_text, &url)) {
        fprintf(stderr, "spdbench: '%s' is not iscsi://HOST[:PORT]/IQN/LUN\n", url_text);
        return 2;
    }
    ini.done = done;
    ini.context = bench;
    good = initiator_connect(&ini, &url) && look_at_disk(bench, &ini, size) &&
           make_tasks(bench, &ini) && run_load(bench, &ini);
    if (ini.error[0] != '\0')
        fprintf(stderr, "spdbench: %s\n", ini.error);
    if (good)
        print_result(bench, &ini);
    initiator_close(&ini);
    for (uint32_t tag = 0; tag < bench->load.depth && bench->idle_count > 0; tag++)
        free(ini.tasks[tag].data);
    return good ? 0 : 1;
}

enum { RW = 1, BLOCK, DEPTH, SECONDS, WARMUP, COUNT, RANDOM, SIZE, VERIFY, PID, URL, FLOOR, HELP };

static const struct option options[] = {
    { "url", required_argument, NULL, URL },
    { "floor", no_argument, NULL, FLOOR },
    { "rw", required_argument, NULL, RW },
    { "block", required_argument, NULL, BLOCK },
    { "depth", required_argument, NULL, DEPTH },
    { "seconds", required_argument, NULL, SECONDS },
    { "warmup", required_argument, NULL, WARMUP },
    { "count", required_argument, NULL, COUNT },
    { "random", no_argument, NULL, RANDOM },
    { "size", required_argument, NULL, SIZE },
    { "verify", no_argument, NULL, VERIFY },
    { "server-pid", required_argument, NULL, PID },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

static bool take_option(struct bench *bench, int option, const char *value)
{
    struct load *load = &bench->load;

    switch (option) {
    case RW:
        load->write = strcmp(value, "write") == 0;
        return load->write || strcmp(value, "read") == 0;
    case BLOCK:
        load->block = (uint32_t)strtoul(value, NULL, 0);
        return load->block >= 512 && load->block <= 1 << 24 && load->block % 512 == 0;
    case DEPTH:
        load->depth = (uint32_t)strtoul(value, NULL, 0);
        return load->depth >= 1 && load->depth <= INITIATOR_DEPTH_MAX;
    case SECONDS:
        load->seconds = strtod(value, NULL);
        return load->seconds > 0;
    case WARMUP:
        load->warmup = strtod(value, NULL);
        return load->warmup >= 0;
    case COUNT:
        bench->count = strtoull(value, NULL, 0);
        load->warmup = 0;
        return bench->count > 0;
    case RANDOM:
        bench->random = true;
        return true;
    case VERIFY:
        bench->verify = true;
        return true;
    case PID:
        load->server = (pid_t)strtol(value, NULL, 10);
        return load->server > 0;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static struct bench bench = {
        .load = { .block = 4096, .depth = 1, .seconds = 3, .warmup = 0.2 },
    };
    const char *url = NULL;
    uint64_t size = 0;
    bool floor = false;
    int option, index;

    if (os_reserve_descriptors() != 0)
        return 1;
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (option == HELP) {
            fputs(usage, stdout);
            return 0;
        } else if (option == URL) {
            url = optarg;
        } else if (option == FLOOR) {
            floor = true;
        } else if (option == SIZE) {
            size = strtoull(optarg, NULL, 0);
        } else if (option == '?') {
            return 2;
        } else if (!take_option(&bench, option, optarg)) {
            fprintf(stderr, "spdbench: --%s does not take '%s'; see --help\n", options[index].name,
                optarg);
            return 2;
        }
    }
    if (optind != argc || (!url) != floor) {
        fputs(usage, stderr);
        return 2;
    }
    if (!floor)
        return run_iscsi(&bench, url, size);
    if (!floor_run(&bench.load, &bench.meter))
        return 1;
    print_result(&bench, NULL);
    return 0;
}
