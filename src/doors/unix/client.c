/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A connection of the unix: door: receive, run, send.
 *
 * The socket is a byte stream: a datagram cannot hold a transfer of the size that units allow. A
 * SOCK_SEQPACKET message is bounded by net.core.wmem_max, 208 KiB on a stock kernel. Every length
 * follows from the header. A sender with impossible lengths is disconnected; all other faults are
 * answered.
 */

#include "doors/unix/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_PER_TURN = 64, /* then other clients have theirs */
    RESPONSES_PER_SEND = 16,
    PAGE = 4096,
};

static bool map(struct spd_request *request);
static void later(struct spd_request *request);
static void done(struct spd_request *request);

static const struct spd_request_ops request_ops = {
    .map = map,
    .later = later,
    .done = done,
};

static struct unix_client *client_of(struct spd_loop_socket *watch)
{
    return (struct unix_client *)(void *)((char *)watch - offsetof(struct unix_client, watch));
}

static uint32_t block_length(const struct unix_client *client)
{
    return spd_unit_scsi(client->door->door.unit)->params.block_length;
}

static uint32_t max_transfer_length(const struct unix_client *client)
{
    return spd_unit_scsi(client->door->door.unit)->params.max_transfer_length;
}

/* Responses. */

static void respond(struct unix_command *command, struct transact_status status)
{
    struct unix_client *client = command->client;
    struct transact_response response = {
        .hint = command->message.hint,
        .kind = command->message.kind,
        .status = status,
    };

    transact_encode_response(&response, command->wire);
    command->payload =
        transact_response_payload(&command->message, block_length(client), &status);
    command->next = NULL;
    *client->sending_end = command;
    client->sending_end = &command->next;
}

static void release(struct unix_command *command)
{
    struct unix_client *client = command->client;

    command->busy = false;
    command->next = client->free;
    client->free = command;
}

/* The oldest responses as one list, without the bytes that are sent already. */
static unsigned gather(struct unix_client *client, struct os_vec *vecs)
{
    struct unix_command *c = client->sending;
    size_t skip = client->sent;
    unsigned count = 0;

    for (; c && count < 2 * RESPONSES_PER_SEND; c = c->next) {
        vecs[count++] = (struct os_vec){ .base = c->wire, .length = sizeof c->wire };
        if (c->payload > 0)
            vecs[count++] = (struct os_vec){ .base = c->buffer, .length = c->payload };
        for (unsigned i = 0; skip > 0 && i < count; i++) {
            size_t part = skip < vecs[i].length ? skip : vecs[i].length;

            vecs[i].base = (uint8_t *)vecs[i].base + part;
            vecs[i].length -= part;
            skip -= part;
        }
    }
    return count;
}

static void sent(struct unix_client *client, size_t length)
{
    client->sent += length;
    while (client->sending) {
        struct unix_command *c = client->sending;
        size_t whole = sizeof c->wire + c->payload;

        if (client->sent < whole)
            return;
        client->sent -= whole;
        client->sending = c->next;
        if (!client->sending)
            client->sending_end = &client->sending;
        release(c);
    }
}

static void send_responses(struct unix_client *client)
{
    struct os_vec vecs[2 * RESPONSES_PER_SEND + 1];

    while (client->sending) {
        ptrdiff_t n = os_send(client->watch.socket, vecs, gather(client, vecs));

        if (n < 0) {
            if (n != -OS_NET_WOULD_BLOCK)
                unix_client_kill(client, SPD_END_LOST, os_net_text((int)-n));
            return;
        }
        sent(client, (size_t)n);
    }
}

/* Running a transaction. */

static void run(struct unix_command *command, const struct scsi_block *block)
{
    struct unix_client *client = command->client;
    struct scsi_task *task = &command->request.task;

    task->unit = spd_unit_scsi(client->door->door.unit);
    task->nexus = &client->nexus;
    task->attribute = SCSI_SIMPLE;
    command->running = true;
    client->running++;
    spd_request_start_block(&command->request, block);
}

static bool map(struct spd_request *request)
{
    struct unix_command *command = (struct unix_command *)request;

    request->task.data = &command->data;
    request->task.data_count = 1;
    return true;
}

static void later(struct spd_request *request)
{
    spd_loop_post(&((struct unix_command *)request)->client->door->loop, request);
}

static void done(struct spd_request *request)
{
    spd_loop_done(&((struct unix_command *)request)->client->door->loop, request);
}

/* Clients get no unit attention, so the status tells them: TASK ABORTED (SAM-5 5.3.1). */
static void respond_aborted(struct unix_command *command)
{
    respond(command, (struct transact_status){ .scsi_status = SCSI_TASK_ABORTED });
}

void unix_client_completed(struct spd_request *request)
{
    struct unix_command *command = (struct unix_command *)request;
    struct unix_client *client = command->client;
    struct transact_status status = transact_status_of(&request->task.outcome);

    spd_request_release(request);
    command->running = false;
    client->running--;
    if (unix_client_is_gone(client))
        return;
    if (command->aborted) {
        respond_aborted(command);
        return;
    }
    respond(command, status);
}

static bool hint_is_outstanding(const struct unix_command *command)
{
    const struct unix_client *client = command->client;

    for (uint32_t i = 0; i < client->depth; i++) {
        const struct unix_command *other = &client->commands[i];

        if (other != command && other->busy && other->message.hint == command->message.hint)
            return true;
    }
    return false;
}

/* A whole message is here. */
static void execute(struct unix_command *command)
{
    struct unix_client *client = command->client;
    const struct transact_request *message = &command->message;
    uint64_t length = transact_data_length(message, block_length(client));
    struct scsi_block block;

    if (command->aborted) {
        respond_aborted(command);
        return;
    }
    if (hint_is_outstanding(command)) {
        /* OVERLAPPED COMMANDS ATTEMPTED */
        respond(command, transact_status_check(0x0b, 0x4e, 0x00));
        return;
    }
    if (!transact_block(message, command->buffer, &block)) {
        /* INVALID COMMAND OPERATION CODE */
        respond(command, transact_status_check(0x05, 0x20, 0x00));
        return;
    }
    if (length > max_transfer_length(client)) {
        /* INVALID FIELD IN CDB */
        respond(command, transact_status_check(0x05, 0x24, 0x00));
        return;
    }
    command->data = (struct scsi_vec){ command->buffer, (size_t)length };
    run(command, &block);
}

/* Receiving. */

/* True when all of `length` bytes are at base. */
static bool fill(struct unix_client *client, uint8_t *base, size_t length)
{
    while (client->received < length) {
        struct os_vec rest = { .base = base + client->received,
            .length = length - client->received };
        ptrdiff_t n = os_receive(client->watch.socket, &rest, 1);

        if (n <= 0) {
            client->eof = n == 0;
            if (n < 0 && n != -OS_NET_WOULD_BLOCK)
                unix_client_kill(client, SPD_END_LOST, os_net_text((int)-n));
            return false;
        }
        client->received += (size_t)n;
    }
    client->received = 0;
    return true;
}

/* The header of a message is here. False: the beginning of the next one is unknown. */
static bool begin(struct unix_client *client)
{
    struct unix_command *command = client->free;
    struct transact_request message;
    uint64_t payload;

    transact_decode_request(client->header, &message);
    payload = transact_request_payload(&message, block_length(client));
    if (message.hint == 0 || payload > max_transfer_length(client)) {
        char detail[96];

        snprintf(detail, sizeof detail, "a message of kind %u with hint %s and %llu bytes of data",
            message.kind, message.hint == 0 ? "0" : "set", (unsigned long long)payload);
        unix_client_kill(client, SPD_END_PROTOCOL, detail);
        return false;
    }
    client->free = command->next;
    command->message = message;
    command->payload = payload;
    command->busy = true;
    command->aborted = false;
    client->receiving = command;
    client->spoke = true;
    return true;
}

static void receive(struct unix_client *client)
{
    for (int i = 0; i < MESSAGES_PER_TURN && (client->receiving || client->free); i++) {
        struct unix_command *command;

        if (!client->receiving) {
            if (!fill(client, client->header, sizeof client->header))
                return;
            if (!begin(client))
                return;
        }
        command = client->receiving;
        if (!fill(client, command->buffer, command->payload))
            return;
        client->receiving = NULL;
        execute(command);
    }
}

/* Life. */

void unix_client_pump(struct unix_client *client)
{
    uint32_t flags = 0;
    int error;

    if (unix_client_is_gone(client))
        return;
    send_responses(client);
    if (unix_client_is_gone(client))
        return;
    if (client->eof && client->running == 0 && !client->sending) {
        unix_client_kill(client, SPD_END_CLOSED, NULL);
        return;
    }
    /* The door does not read from a client that has all its commands in use: the client waits, and
     * memory stays bounded. */
    if (!client->eof && (client->receiving || client->free))
        flags |= OS_POLL_IN;
    if (client->sending)
        flags |= OS_POLL_OUT;
    error = spd_loop_change(&client->door->loop, &client->watch, flags);
    if (error)
        unix_client_kill(client, SPD_END_NO_ROOM, os_net_text(error));
}

static void ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct unix_client *client = client_of(watch);

    if (!unix_client_is_gone(client) && flags & OS_POLL_IN)
        receive(client);
    if (!unix_client_is_gone(client) && flags & OS_POLL_GONE)
        unix_client_kill(client, SPD_END_CLOSED, NULL);
}

/* True: the library no longer has it. */
static bool cancel(struct unix_command *command)
{
    if (!command->running || !spd_request_cancel(&command->request))
        return false;
    command->running = false;
    command->client->running--;
    return true;
}

void unix_client_abort(struct unix_client *client, uint32_t round)
{
    /* The library does not know it yet, but for its sender it has begun. */
    if (client->receiving)
        client->receiving->aborted = true;
    for (uint32_t i = 0; i < client->depth; i++) {
        struct unix_command *command = &client->commands[i];

        if (!command->running || command->aborted ||
            !spd_request_is_before(&command->request, round))
            continue;
        command->aborted = true;
        if (cancel(command) && !unix_client_is_gone(client))
            respond_aborted(command);
    }
}

bool unix_client_changes(const struct unix_client *client)
{
    for (uint32_t i = 0; i < client->depth; i++) {
        const struct unix_command *command = &client->commands[i];

        if (command->running && command->aborted && !spd_request_is_left(&command->request))
            return true;
    }
    return false;
}

static struct spd_visitor visitor_of(const struct unix_client *client)
{
    return (struct spd_visitor){
        .door = &client->door->door,
        .what = "session",
        .who = client->who,
        .peer = client->user,
        .session = client,
        .socket = &client->watch.socket,
    };
}

void unix_client_kill(struct unix_client *client, enum spd_ending ending, const char *detail)
{
    struct spd_visitor visitor = visitor_of(client);

    if (unix_client_is_gone(client))
        return;
    spd_session_ends(&visitor, (os_now_ns() - client->began) / 1000000000u, ending, detail);
    spd_loop_close_socket(&client->door->loop, &client->watch);
    atomic_fetch_sub(&client->door->door.nexuses, 1);
    for (uint32_t i = 0; i < client->depth; i++)
        cancel(&client->commands[i]);
}

static bool greet(struct unix_client *client)
{
    const struct scsi_unit *unit = spd_unit_scsi(client->door->door.unit);
    const struct scsi_unit_params *p = &unit->params;
    struct transact_params params = {
        .block_count = atomic_load(&unit->block_count),
        .block_length = p->block_length,
        .max_transfer_length = p->max_transfer_length,
        .flags = (p->write_protected ? TRANSACT_WRITE_PROTECTED : 0) |
            (p->cache ? TRANSACT_CACHE : 0) | (p->unmap ? TRANSACT_UNMAP_SUPPORTED : 0) |
            (spd_unit_params_here(client->door->door.unit)->flags & SPD_EJECT_DISABLED ?
                TRANSACT_EJECT_DISABLED : 0),
        .modern_profile = p->profile == SCSI_PROFILE_MODERN,
    };
    uint8_t wire[TRANSACT_PARAMS_LENGTH];

    memcpy(params.guid, p->guid, sizeof params.guid);
    memcpy(params.product_id, p->product_id, sizeof params.product_id);
    memcpy(params.product_revision, p->product_revision, sizeof params.product_revision);
    transact_encode_params(&params, wire);
    /* The buffer of a new socket is empty and has room for this. */
    return os_send(client->watch.socket, &(struct os_vec){ .base = wire, .length = sizeof wire },
               1) == sizeof wire;
}

static bool make_buffers(struct unix_client *client, size_t stride)
{
    client->buffers_length = client->depth * stride;
    client->buffers = os_pages_alloc(client->buffers_length);
    if (!client->buffers)
        return false;
    for (uint32_t i = 0; i < client->depth; i++) {
        struct unix_command *command = &client->commands[i];

        command->client = client;
        command->buffer = client->buffers + i * stride;
        command->request.unit = client->door->door.unit;
        command->request.ops = &request_ops;
        command->request.stream = (uint32_t)client->number;
        release(command);
    }
    return true;
}

struct unix_client *unix_client_new(struct unix_door *door, os_socket socket)
{
    const spd_params *params = spd_unit_params_here(door->door.unit);
    size_t stride = (params->max_transfer_length + PAGE - 1) / PAGE * PAGE;
    size_t depth = UNIX_CLIENT_MEMORY / stride;
    struct unix_client *client;
    struct spd_visitor visitor;

    if (depth > UNIX_CLIENT_DEPTH_MAX)
        depth = UNIX_CLIENT_DEPTH_MAX;
    if (depth < UNIX_CLIENT_DEPTH_MIN)
        depth = UNIX_CLIENT_DEPTH_MIN;
    client = calloc(1, sizeof *client + depth * sizeof client->commands[0]);
    if (!client) {
        os_socket_close(socket);
        return NULL;
    }
    client->door = door;
    client->watch = (struct spd_loop_socket){ .ready = ready, .socket = socket };
    client->depth = (uint32_t)depth;
    client->number = door->accepted++;
    client->began = os_now_ns();
    client->sending_end = &client->sending;
    scsi_nexus_init(&client->nexus, spd_unit_scsi(door->door.unit), &door->port);
    /* Clients are block drivers, not initiators. */
    client->nexus.no_attentions = true;
    if (!make_buffers(client, stride) || !greet(client) ||
        spd_loop_add(&door->loop, &client->watch, OS_POLL_IN)) {
        unix_client_free(client);
        return NULL;
    }
    atomic_fetch_add(&door->door.nexuses, 1);
    spd_local_peer(socket, client->who, client->user);
    visitor = visitor_of(client);
    spd_session_begins(&visitor);
    return client;
}

void unix_client_free(struct unix_client *client)
{
    if (!unix_client_is_gone(client))
        os_socket_close(client->watch.socket);
    for (uint32_t i = 0; i < client->depth; i++)
        spd_request_free(&client->commands[i].request);
    if (client->buffers)
        os_pages_free(client->buffers, client->buffers_length);
    free(client);
}
