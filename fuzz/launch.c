/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Messages of the launcher's pipe, in both directions. A decoded one is encoded again and must be
 * what it was; the arguments of a start must fit into a command line, or be refused.
 *
 * A list of instances ends, whatever page the launcher answers with again and again.
 *
 * Input: the bytes of a message. The last of the strings of a start is also its template.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "launch/command_line.h"
#include "launch/list.h"
#include "launch/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_command_line(const struct launch_request *request)
{
    static char16_t line[LAUNCH_COMMAND_LINE_MAX];
    size_t count = request->argument_count, length;

    if (count == 0)
        return;
    length = launch_command_line(
        request->arguments[count - 1], request->class_name, count, request->arguments, line);
    must(length < LAUNCH_COMMAND_LINE_MAX);
    must(length == 0 || text_length(line) == length);
}

static void try_request(const char16_t *message, size_t bytes)
{
    char16_t again[LAUNCH_MESSAGE_MAX];
    struct launch_request request;
    size_t length;

    if (launch_decode_request(message, bytes, &request))
        return;
    length = launch_encode_request(&request, again);
    must(length > 0 && length * sizeof *again <= bytes);
    must(!memcmp(message, again, length * sizeof *again));
    if (request.command == LAUNCH_START)
        try_command_line(&request);
}

static void try_answer(const char16_t *message, size_t bytes)
{
    struct launch_answer again;
    const char16_t *payload;
    struct launch_view view;
    size_t length;

    if (launch_decode_answer(message, bytes, &payload, &length))
        return;
    must(length == bytes / sizeof *message - 1);
    if (!launch_decode_view(payload, length, &view))
        return;
    must(view.disk_count <= LAUNCH_DISKS_MAX);
    launch_answer_success(&again);
    launch_encode_view(&view, &again);
}

/* The launcher's only answer. */
static const char16_t *page;
static size_t page_bytes;

uint32_t launch_call(const struct launch_request *request, struct launch_reply *reply)
{
    char16_t message[LAUNCH_MESSAGE_MAX];

    must(launch_encode_request(request, message) > 0);
    reply->bytes = page_bytes;
    memcpy(reply->message, page, page_bytes);
    reply->error = launch_decode_answer(
        reply->message, reply->bytes, &reply->payload, &reply->payload_length);
    return 0;
}

static void try_list(const char16_t *message, size_t bytes)
{
    static struct launch_list list;
    unsigned count = 0;

    page = message;
    page_bytes = bytes;
    launch_list_begin(&list);
    while (launch_list_next(&list))
        must(*list.class_name && *list.instance_name && ++count <= LAUNCH_LIST_MAX);
    must(list.reply.error || !count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char16_t *message;

    if (size > LAUNCH_MESSAGE_MAX * sizeof *message)
        return 0;
    message = malloc(size ? size : 1);
    must(message);
    memcpy(message, data, size);
    try_request(message, size);
    try_answer(message, size);
    try_list(message, size);
    free(message);
    return 0;
}
