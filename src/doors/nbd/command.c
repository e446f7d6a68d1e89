/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* From a request to an operation of the unit, and from its end to a reply. */

#include "doors/nbd/door.h"
#include "scsi/be.h"

/* A power of two keeps long ranges aligned. */
#define STEP_MAX (UINT32_C(1) << 31) /* blocks */

/* The commands that there are. Every one may have NBD_CMD_FLAG_FUA. */
static const struct verb {
    uint8_t operation;       /* enum scsi_block_operation; 0: there is no such command */
    uint16_t flags;          /* those that it may have */
    bool has_data;           /* as many bytes as its length move */
    bool has_no_range;
    bool changes;            /* the medium */
} verbs[NBD_COMMANDS] = {
    [NBD_CMD_READ] = { SCSI_BLOCK_READ, NBD_CMD_FLAG_DF, .has_data = true },
    [NBD_CMD_WRITE] = { SCSI_BLOCK_WRITE, 0, .has_data = true, .changes = true },
    [NBD_CMD_FLUSH] = { SCSI_BLOCK_FLUSH, 0, .has_no_range = true },
    [NBD_CMD_TRIM] = { SCSI_BLOCK_UNMAP, 0, .changes = true },
    [NBD_CMD_CACHE] = { SCSI_BLOCK_PREFETCH, 0 },
    [NBD_CMD_WRITE_ZEROES] = { SCSI_BLOCK_WRITE_ZEROES,
        NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO, .changes = true },
    [NBD_CMD_BLOCK_STATUS] = { SCSI_BLOCK_EXTENTS, NBD_CMD_FLAG_REQ_ONE },
};

static const struct verb *verb_of(const struct nbd_command *command)
{
    static const struct verb none;

    return command->type < NBD_COMMANDS ? &verbs[command->type] : &none;
}

bool nbd_command_has_payload(const struct nbd_command *command)
{
    if (command->client->terms.extended)
        return command->flags & NBD_CMD_FLAG_PAYLOAD_LEN;
    return command->type == NBD_CMD_WRITE;
}

static bool flags_are_known(const struct nbd_command *command)
{
    uint16_t known = verb_of(command)->flags | NBD_CMD_FLAG_FUA;

    if (command->client->terms.extended && command->type == NBD_CMD_WRITE)
        known |= NBD_CMD_FLAG_PAYLOAD_LEN;
    return (command->flags & ~known) == 0;
}

/* The range has whole blocks, and at least one. The engine knows whether the unit has them. */
static bool range_is_whole(const struct nbd_command *command)
{
    uint32_t mask = nbd_unit(command->client)->params.block_length - 1;

    return command->length > 0 && ((command->offset | command->length) & mask) == 0;
}

enum nbd_error nbd_command_check(const struct nbd_command *command)
{
    const struct nbd_terms *terms = &command->client->terms;
    const struct verb *verb = verb_of(command);

    if (!verb->operation || !flags_are_known(command))
        return NBD_EINVAL;
    if (verb->has_no_range)
        return command->offset || command->length ? NBD_EINVAL : NBD_OK;
    if (!range_is_whole(command))
        return NBD_EINVAL;
    if (verb->has_data && command->length > SPD_COMMAND_MAX)
        return command->flags & NBD_CMD_FLAG_DF ? NBD_EOVERFLOW : NBD_EINVAL;
    if (command->type == NBD_CMD_WRITE && !nbd_command_has_payload(command))
        return NBD_EINVAL;
    if (command->type == NBD_CMD_BLOCK_STATUS && !terms->allocation)
        return NBD_EINVAL;
    return NBD_OK;
}

size_t nbd_command_memory(const struct nbd_command *command)
{
    if (command->error)
        return 0;
    if (command->type == NBD_CMD_BLOCK_STATUS)
        return NBD_PIECE;
    return verb_of(command)->has_data ? (size_t)command->length : 0;
}

/* Start. */

/* An operation of the unit has fewer blocks. Clients may be told of fewer extents than they ask
 * for. */
static bool is_long(const struct nbd_command *command)
{
    return command->length >> nbd_unit(command->client)->block_shift > STEP_MAX &&
        command->type != NBD_CMD_BLOCK_STATUS;
}

static uint8_t flags_of(const struct nbd_command *command)
{
    uint16_t flags = command->flags;

    return (flags & NBD_CMD_FLAG_FUA ? SCSI_BLOCK_FUA : 0) |
        (flags & NBD_CMD_FLAG_NO_HOLE ? 0 : SCSI_BLOCK_MAY_UNMAP) |
        (flags & NBD_CMD_FLAG_FAST_ZERO ? SCSI_BLOCK_FAST_ONLY : 0);
}

/* The blocks of the present step. */
static uint32_t step_of(const struct nbd_command *command)
{
    uint64_t blocks = (command->length - command->done) >> nbd_unit(command->client)->block_shift;

    return blocks < STEP_MAX ? (uint32_t)blocks : STEP_MAX;
}

static void begin(struct nbd_command *command)
{
    struct nbd_client *client = command->client;
    struct scsi_unit *unit = nbd_unit(client);
    struct scsi_task *task = &command->request.task;
    struct scsi_block block = {
        .operation = verb_of(command)->operation,
        .flags = flags_of(command),
        .lba = (command->offset + command->done) >> unit->block_shift,
        .blocks = step_of(command),
        .ranges = &command->range,
        .range_count = 1,
    };

    command->range = (struct scsi_range){ .lba = block.lba, .blocks = block.blocks };
    task->unit = unit;
    task->nexus = &client->nexus;
    task->attribute = SCSI_SIMPLE;
    command->running = true;
    client->running++;
    spd_request_start_block(&command->request, &block);
}

/* The engine only sees a step, so a range that ends beyond the unit would be changed in part. */
static bool is_beyond(const struct nbd_command *command)
{
    const struct scsi_unit *unit = nbd_unit(command->client);
    uint64_t size = atomic_load(&unit->block_count) << unit->block_shift;

    return command->offset > size || command->length > size - command->offset;
}

void nbd_command_execute(struct nbd_command *command)
{
    enum nbd_error error = command->error;

    command->done = 0;
    if (!error && command->aborted)
        error = NBD_EIO;
    if (!error && is_long(command) && is_beyond(command))
        error = verb_of(command)->changes ? NBD_ENOSPC : NBD_EINVAL;
    if (error)
        nbd_reply(command, error);
    else
        begin(command);
}

/* True: the next step has begun. */
static bool go_on(struct nbd_command *command)
{
    if (!is_long(command) || command->aborted)
        return false;
    command->done += (uint64_t)step_of(command) << nbd_unit(command->client)->block_shift;
    if (command->done == command->length)
        return false;
    begin(command);
    return true;
}

static bool map(struct spd_request *request)
{
    struct nbd_command *command = (struct nbd_command *)request;

    request->task.data = command->pieces;
    request->task.data_count = command->piece_count;
    return true;
}

static void later(struct spd_request *request)
{
    spd_loop_post(&((struct nbd_command *)request)->client->door->loop, request);
}

static void done(struct spd_request *request)
{
    spd_loop_done(&((struct nbd_command *)request)->client->door->loop, request);
}

void nbd_command_prepare(struct nbd_client *client)
{
    static const struct spd_request_ops ops = { .map = map, .later = later, .done = done };

    for (uint32_t i = 0; i < NBD_DEPTH; i++) {
        struct nbd_command *command = &client->commands[i];

        command->client = client;
        command->request.unit = client->door->door.unit;
        command->request.ops = &ops;
        command->request.stream = (uint32_t)client->number;
        nbd_command_release(command);
    }
}

/* End. */

/* base:allocation. A hole reads as zeros where the unit promises it. */
static uint32_t state_of(const struct nbd_client *client, const struct scsi_extent *extent)
{
    if (extent->state != SCSI_DEALLOCATED)
        return 0;
    return NBD_STATE_HOLE | (nbd_unit(client)->params.unmap_zeros ? NBD_STATE_ZERO : 0);
}

static size_t put_extent(uint8_t *at, bool extended, uint64_t length, uint32_t state)
{
    if (extended) {
        be64_put(at, length);
        be64_put(at + 8, state);
        return 16;
    }
    be32_put(at, (uint32_t)length);
    be32_put(at + 4, state);
    return 8;
}

/* The extents, in the form of the reply. */
static void put_status(struct nbd_command *command, const struct scsi_extents *extents)
{
    const struct nbd_client *client = command->client;
    bool extended = client->terms.extended, one = command->flags & NBD_CMD_FLAG_REQ_ONE;
    uint8_t *base = command->pieces[0].base, *at = base + (extended ? 8 : 4);
    uint32_t count = 0;

    for (uint32_t i = 0; i < extents->count && !(one && count) && at + 16 <= base + NBD_PIECE;
         count++) {
        uint32_t state = state_of(client, &extents->list[i]);
        uint64_t blocks = 0;

        for (; i < extents->count && state_of(client, &extents->list[i]) == state; i++)
            blocks += extents->list[i].blocks;
        at += put_extent(at, extended, blocks << nbd_unit(client)->block_shift, state);
    }
    be32_put(base, NBD_ALLOCATION_ID);
    if (extended)
        be32_put(base + 4, count);
    command->payload = (size_t)(at - base);
}

void nbd_command_completed(struct spd_request *request)
{
    struct nbd_command *command = (struct nbd_command *)request;
    struct nbd_client *client = command->client;
    enum nbd_error error =
        nbd_outcome_error(&request->task.outcome, verb_of(command)->changes);

    command->payload = command->type == NBD_CMD_READ ? (size_t)command->length : 0;
    if (command->type == NBD_CMD_BLOCK_STATUS && request->task.reply)
        put_status(command, request->task.reply);
    else if (command->type == NBD_CMD_BLOCK_STATUS && !error)
        error = NBD_EIO; /* the device has only said that it has recovered from an error */
    spd_request_release(request);
    command->running = false;
    client->running--;
    if (!error && (!nbd_client_is_gone(client) || client->parting) && go_on(command))
        return;
    if (!nbd_client_is_gone(client))
        nbd_reply(command, command->aborted ? NBD_EIO : error);
}

void nbd_client_abort(struct nbd_client *client, uint32_t round)
{
    /* The library does not know it yet, but for its sender it has begun. */
    if (client->receiving)
        client->receiving->aborted = true;
    for (uint32_t i = 0; i < NBD_DEPTH; i++) {
        struct nbd_command *command = &client->commands[i];

        if (!command->running || command->aborted ||
            !spd_request_is_before(&command->request, round))
            continue;
        command->aborted = true;
        if (nbd_command_cancel(command) && !nbd_client_is_gone(client))
            nbd_reply(command, NBD_EIO);
    }
}

bool nbd_client_changes(const struct nbd_client *client)
{
    for (uint32_t i = 0; i < NBD_DEPTH; i++) {
        const struct nbd_command *command = &client->commands[i];

        if (command->running && command->aborted && !spd_request_is_left(&command->request))
            return true;
    }
    return false;
}
