/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The load of spdbench by an initiator that people use: libiscsi. It sends each command as soon as
 * the socket takes it, so a target gets smaller batches than from spdbench. Prints the cost as JSON
 * in the same form. */

#include "meter.h"

#include <getopt.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

enum { DEPTH_MAX = 256 };

struct bench {
    struct load load; /* block, depth, write, seconds, warm-up, server */
    struct iscsi_context *iscsi;
    int lun;
    uint32_t block_length;
    uint64_t spots, next;
    unsigned char *data;
    uint32_t running;
    bool stopping, failed;
    struct meter meter;
};

static const char usage[] =
    "usage: libiscsibench --url iscsi://HOST[:PORT]/IQN/LUN [--rw read|write] [--block BYTES]\n"
    "       [--depth N] [--seconds S] [--server-pid PID]\n";

static bool submit(struct bench *bench);

static void ended(struct iscsi_context *iscsi, int status, void *command, void *context)
{
    struct bench *bench = context;

    if (status != SCSI_STATUS_GOOD) {
        fprintf(stderr, "libiscsibench: a command failed: %s\n", iscsi_get_error(iscsi));
        bench->failed = true;
    }
    scsi_free_scsi_task(command);
    bench->running--;
    bench->meter.ios++;
    if (!bench->stopping && !bench->failed && !submit(bench))
        bench->failed = true;
}

static bool submit(struct bench *bench)
{
    uint32_t lba = (uint32_t)(bench->next++ % bench->spots * bench->load.block /
        bench->block_length);
    struct scsi_task *task = bench->load.write
        ? iscsi_write10_task(bench->iscsi, bench->lun, lba, bench->data, bench->load.block,
              (int)bench->block_length, 0, 0, 0, 0, 0, ended, bench)
        : iscsi_read10_task(bench->iscsi, bench->lun, lba, bench->load.block,
              (int)bench->block_length, 0, 0, 0, 0, 0, ended, bench);

    bench->running += task != NULL;
    return task != NULL;
}

static bool run_load(struct bench *bench)
{
    meter_start(&bench->meter, &bench->load);
    while (bench->running < bench->load.depth)
        if (!submit(bench))
            return false;
    while (bench->running && !bench->failed) {
        struct pollfd wait = { .fd = iscsi_get_fd(bench->iscsi),
            .events = (short)iscsi_which_events(bench->iscsi) };

        if (poll(&wait, 1, -1) < 0 || iscsi_service(bench->iscsi, wait.revents) != 0)
            return false;
        if (!bench->stopping)
            bench->stopping = meter_tick(&bench->meter, &bench->load);
    }
    return !bench->failed;
}

/* Clears unit attentions and learns the capacity. */
static bool look_at_disk(struct bench *bench)
{
    struct scsi_task *task = NULL;
    const struct scsi_readcapacity16 *capacity;

    for (int i = 0; i < 8 && (!task || task->status != SCSI_STATUS_GOOD); i++) {
        if (task)
            scsi_free_scsi_task(task);
        task = iscsi_readcapacity16_sync(bench->iscsi, bench->lun);
    }
    capacity = task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;
    if (!capacity)
        return false;
    bench->block_length = capacity->block_length;
    bench->spots = (capacity->returned_lba + 1) * capacity->block_length / bench->load.block;
    scsi_free_scsi_task(task);
    return bench->spots > 0;
}

static bool connect_to(struct bench *bench, const char *text)
{
    struct iscsi_url *url;
    bool good;

    bench->iscsi = iscsi_create_context("iqn.2026-01.org.example:bench");
    url = bench->iscsi ? iscsi_parse_full_url(bench->iscsi, text) : NULL;
    if (!url)
        return false;
    iscsi_set_session_type(bench->iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(bench->iscsi, ISCSI_HEADER_DIGEST_NONE);
    iscsi_set_targetname(bench->iscsi, url->target);
    bench->lun = url->lun;
    good = iscsi_full_connect_sync(bench->iscsi, url->portal, url->lun) == 0;
    iscsi_destroy_url(url);
    return good;
}

static int run(struct bench *bench, const char *url)
{
    bool good;

    bench->data = calloc(1, bench->load.block);
    good = bench->data && connect_to(bench, url) && look_at_disk(bench) && run_load(bench);
    if (!good && bench->iscsi)
        fprintf(stderr, "libiscsibench: %s\n", iscsi_get_error(bench->iscsi));
    if (good) {
        printf("{\"rw\": \"%s\", \"block\": %u, \"depth\": %u, ",
            bench->load.write ? "write" : "read", bench->load.block, bench->load.depth);
        meter_print(&bench->meter, &bench->load);
        printf("}\n");
    }
    if (bench->iscsi)
        iscsi_destroy_context(bench->iscsi);
    free(bench->data);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "url", required_argument, NULL, 'u' }, { "rw", required_argument, NULL, 'r' },
        { "block", required_argument, NULL, 'b' }, { "depth", required_argument, NULL, 'd' },
        { "seconds", required_argument, NULL, 's' }, { "server-pid", required_argument, NULL, 'p' },
        { 0 },
    };
    struct bench bench = { .load = { .block = 4096, .depth = 1, .seconds = 3, .warmup = 0.2 } };
    const char *url = NULL;
    int option;

    if (os_reserve_descriptors() != 0)
        return 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'u': url = optarg; break;
        case 'r': bench.load.write = strcmp(optarg, "write") == 0; break;
        case 'b': bench.load.block = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 'd': bench.load.depth = (uint32_t)strtoul(optarg, NULL, 0); break;
        case 's': bench.load.seconds = strtod(optarg, NULL); break;
        case 'p': bench.load.server = (pid_t)strtol(optarg, NULL, 10); break;
        default: url = NULL; optind = argc;
        }
    }
    if (!url || !bench.load.depth || bench.load.depth > DEPTH_MAX || !bench.load.block ||
        bench.load.block % 512 != 0 || bench.load.seconds <= 0) {
        fputs(usage, stderr);
        return 2;
    }
    return run(&bench, url);
}
