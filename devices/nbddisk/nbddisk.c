/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * nbddisk: the export of an NBD server is a disk. It is an asynchronous device, with a connection
 * for each of its queues.
 *
 *     options.c    the command line
 *     server.c     makes a connection, and asks what the server can do
 *     order.c      the order of changes, and when they may be made again
 *     journal.c    changes that no flush has covered yet
 *     job.c        a request as commands of NBD, and its outcome
 *     link.c       the requests of a connection
 *     reconnect.c  finds the server again
 */

#include "link.h"
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_MIN = 512, BLOCK_MAX = 65536, PHYSICAL_MAX = 32768 /* blocks */ };
enum { JOURNAL_MIN = 4 << 20, JOURNAL_MAX = 1 << 30, TRANSFER_MAX = 1 << 20 };
enum { START_MAX = 30 /* seconds for the first connection */ };

static void nbddisk_submit(spd_device *device, spd_request *request)
{
    link_submit(spd_queue_area(spd_request_queue(request), device), &request, 1);
}

static void nbddisk_submit_many(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    link_submit(spd_queue_area(queue, device), requests, count);
}

static void nbddisk_poll(spd_device *device, spd_queue *queue)
{
    link_poll(spd_queue_area(queue, device));
}

static int nbddisk_queue_begin(spd_device *device, spd_queue *queue)
{
    return link_begin(spd_queue_area(queue, device), device->context, queue);
}

static void nbddisk_queue_end(spd_device *device, spd_queue *queue)
{
    link_end(spd_queue_area(queue, device));
}

static void nbddisk_abort(spd_device *device, spd_request *request)
{
    disk_wake(device->context, spd_queue_index(spd_request_queue(request)));
}

static void nbddisk_stop(spd_device *device)
{
    struct disk *disk = device->context;

    atomic_store(&disk->stopping, true);
    for (uint32_t i = 0; i < SPD_QUEUES_MAX; i++)
        disk_wake(disk, i);
}

static const spd_ops nbddisk_ops = {
    .size = sizeof nbddisk_ops,
    .submit = nbddisk_submit,
    .submit_many = nbddisk_submit_many,
    .poll = nbddisk_poll,
    .queue_begin = nbddisk_queue_begin,
    .queue_end = nbddisk_queue_end,
    .abort = nbddisk_abort,
    .stop = nbddisk_stop,
    .queue_size = sizeof(struct link),
    .request_size = sizeof(struct job),
};

/* The unit is there before clients are. */
struct nbddisk {
    struct disk disk;
    spd_ops ops;
    spd_program_disk served;
};

static int nbddisk_make(void *context, const spd_params *params)
{
    struct nbddisk *nbddisk = context;

    atomic_store(&nbddisk->disk.block_count, params->block_count);
    atomic_store(&nbddisk->disk.unit, nbddisk->served.unit);
    return 0;
}

static void nbddisk_unmake(void *context)
{
    (void)context;
}

static const spd_program_store store = { .make = nbddisk_make, .unmake = nbddisk_unmake };

static int refuse(const char *uri, const char *why)
{
    spd_program_error(&nbddisk_program, "%s: %s", uri, why);
    return SPD_PROGRAM_EXIT_FAILURE;
}

/* Blocks: the server's minimum, unless the user wants longer ones. */
static int choose_blocks(struct nbddisk *nbddisk)
{
    const struct server_facts *facts = &nbddisk->disk.facts;
    spd_program_options *options = &nbddisk->served.options;
    spd_params *params = &nbddisk->served.params;
    uint64_t length = facts->minimum > BLOCK_MIN ? facts->minimum : BLOCK_MIN;
    char why[SERVER_WHY_MAX];

    if (!spd_program_given(options, "block-length"))
        options->block_length = length;
    if (length > BLOCK_MAX || options->block_length < length) {
        snprintf(why, sizeof why, "the server wants blocks of at least %" PRIu64 " bytes, and a "
            "disk can have 512 to 65536: -l %" PRIu64 " is too short", length,
            options->block_length);
        return refuse(nbddisk->disk.uri, why);
    }
    params->block_length = (uint32_t)options->block_length;
    params->block_count = facts->size / params->block_length;
    if (!params->block_count)
        return refuse(nbddisk->disk.uri, "the export is shorter than one block");
    if (facts->size % params->block_length)
        spd_program_error(&nbddisk_program, "%s: the last %" PRIu64 " bytes of the export are no "
            "whole block, and no part of the disk", nbddisk->disk.uri,
            facts->size % params->block_length);
    if (facts->preferred >= params->block_length && !(facts->preferred & (facts->preferred - 1)) &&
        facts->preferred / params->block_length <= PHYSICAL_MAX)
        params->physical_block_length = (uint32_t)facts->preferred;
    params->max_transfer_length = TRANSFER_MAX;
    if (facts->maximum && facts->maximum < TRANSFER_MAX)
        params->max_transfer_length =
            (uint32_t)(facts->maximum / params->block_length * params->block_length);
    return params->max_transfer_length
        ? 0
        : refuse(nbddisk->disk.uri, "the server takes less than one block at a time");
}

/* The disk lacks all that the server lacks. */
static void choose_features(struct nbddisk *nbddisk)
{
    const struct server_facts *facts = &nbddisk->disk.facts;
    spd_program_options *options = &nbddisk->served.options;
    spd_params *params = &nbddisk->served.params;

    if (facts->read_only && options->write_allowed) {
        spd_program_error(&nbddisk_program,
            "%s: the export is read-only: the disk is write-protected", nbddisk->disk.uri);
        options->write_allowed = false;
    }
    options->cache &= facts->flush;
    options->unmap &= facts->trim || facts->unmap_zeros;
    if (!facts->unmap_zeros)
        params->flags &= ~(uint32_t)SPD_UNMAP_ZEROS;
    if (!options->write_allowed)
        params->flags |= SPD_WRITE_PROTECTED;
    if (!options->cache)
        params->flags &= ~(uint32_t)SPD_CACHE;
    if (!options->unmap)
        params->flags &= ~(uint32_t)(SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS);
    nbddisk->ops = nbddisk_ops;
    nbddisk->ops.submits = (facts->zero ? 1u << SPD_WRITE_ZEROES : 0) |
        (facts->extents ? 1u << SPD_EXTENTS : 0) | (facts->cache ? 1u << SPD_PREFETCH : 0);
}

static void choose_connections(struct nbddisk *nbddisk, uint64_t wanted)
{
    if (wanted > 1 && !nbddisk->disk.facts.multi_conn) {
        spd_program_error(&nbddisk_program, "%s: the server does not say that several connections "
            "see each other's writes: there is one", nbddisk->disk.uri);
        wanted = 1;
    }
    nbddisk->served.params.queues = nbddisk->disk.connections = (uint32_t)wanted;
}

/* Two hosts may have an export of the same name, on servers of their own: the identity has the
 * machine in it. Without a machine id it is a random one. */
static void choose_identity(struct nbddisk *nbddisk)
{
    spd_params *params = &nbddisk->served.params;
    char name[4096], machine[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");

    if (file) {
        if (!fgets(machine, sizeof machine, file))
            *machine = '\0';
        fclose(file);
    }
    if (nbddisk->served.options.guid_text[0] || strlen(machine) < 32)
        return;
    snprintf(name, sizeof name, "nbddisk %.32s %s", machine, nbddisk->disk.uri);
    spd_guid_from_name(name, params->guid);
}

static int open_disk(struct nbddisk *nbddisk, const struct nbddisk_options *own)
{
    struct disk *disk = &nbddisk->disk;
    char why[SERVER_WHY_MAX];
    int status;

    order_init(&disk->order);
    disk->uri = own->uri;
    disk->reconnect = own->reconnect;
    disk->timeout = own->timeout;
    disk->journal = (size_t)own->journal / 2;
    disk->first = server_connect(disk->uri,
        own->timeout && own->timeout < START_MAX ? own->timeout : START_MAX, why);
    if (!disk->first || !server_ask(disk->first, &disk->facts, why))
        return refuse(disk->uri, why);
    status = choose_blocks(nbddisk);
    if (status)
        return status;
    choose_features(nbddisk);
    choose_connections(nbddisk, own->connections);
    choose_identity(nbddisk);
    disk->block_length = nbddisk->served.params.block_length;
    disk->max_transfer = nbddisk->served.params.max_transfer_length;
    nbddisk->served.device = (spd_device){ &nbddisk->ops, disk };
    nbddisk->served.store = &store;
    nbddisk->served.store_context = nbddisk;
    return 0;
}

int main(int argc, char **argv)
{
    static struct nbddisk nbddisk;
    struct nbddisk_options own = NBDDISK_OPTIONS_INIT;
    spd_program_options options;
    int status = spd_program_begin(&nbddisk_program, argc, argv, &options, &own);

    if (status >= 0)
        return status;
    if (own.journal < JOURNAL_MIN || own.journal > JOURNAL_MAX) {
        spd_program_error(&nbddisk_program, "--journal must be 4M to 1G");
        return SPD_PROGRAM_EXIT_USAGE;
    }
    spd_program_disk_init(&nbddisk.served, &options, 0);
    status = open_disk(&nbddisk, &own);
    if (status == 0)
        status = spd_program_run(&nbddisk.served, 1);
    disk_close(&nbddisk.disk);
    return status;
}
