/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/protocol.h"

#include "launch/text.h"

#include <string.h>

const struct launch_command_info launch_commands[LAUNCH_COMMANDS] = {
    [LAUNCH_START] = { u'S', true, true },
    [LAUNCH_STOP] = { u'T', true, false },
    [LAUNCH_STOP_FORCED] = { u'F', true, false },
    [LAUNCH_INFO] = { u'I', true, false },
    [LAUNCH_LIST] = { u'L', false, false },
    [LAUNCH_QUIT] = { u'Q', false, false },
    [LAUNCH_VIEW] = { u'V', true, false },
    [LAUNCH_NEXT] = { u'N', true, false },
};

static const char16_t SUCCESS = u'$', FAILURE = u'!';

const char16_t *launch_next_string(const char16_t **payload, size_t *length)
{
    const char16_t *text = *payload;

    for (size_t i = 0; i < *length; i++) {
        if (text[i] == 0) {
            *payload += i + 1;
            *length -= i + 1;
            return text;
        }
    }
    return NULL;
}

static uint32_t decode_arguments(
    const char16_t *rest, size_t length, struct launch_request *request)
{
    while (length > 0) {
        const char16_t *argument = launch_next_string(&rest, &length);

        if (!argument)
            return LAUNCH_ERROR_INVALID;
        if (request->argument_count < LAUNCH_ARGUMENTS_MAX)
            request->arguments[request->argument_count++] = argument;
    }
    return 0;
}

uint32_t launch_decode_request(
    const char16_t *message, size_t bytes, struct launch_request *request)
{
    size_t length = bytes / sizeof *message, command = 0;
    const char16_t *rest = message + 1;

    memset(request, 0, sizeof *request);
    if (bytes % sizeof *message || length < 1)
        return LAUNCH_ERROR_INVALID;
    while (command < LAUNCH_COMMANDS && launch_commands[command].letter != message[0])
        command++;
    if (command == LAUNCH_COMMANDS)
        return LAUNCH_ERROR_INVALID;
    request->command = (enum launch_command)command;
    length--;
    if (!launch_commands[command].names_instance)
        return 0;
    request->class_name = launch_next_string(&rest, &length);
    request->instance_name = launch_next_string(&rest, &length);
    if (!request->class_name || !request->instance_name)
        return LAUNCH_ERROR_INVALID;
    return launch_commands[command].has_arguments ? decode_arguments(rest, length, request) : 0;
}

bool launch_answer_string(struct launch_answer *answer, const char16_t *text)
{
    size_t length = text_length(text) + 1;

    if (length > LAUNCH_MESSAGE_MAX - answer->length)
        return false;
    memcpy(answer->message + answer->length, text, length * sizeof *text);
    answer->length += length;
    return true;
}

size_t launch_encode_request(
    const struct launch_request *request, char16_t message[LAUNCH_MESSAGE_MAX])
{
    const struct launch_command_info *info = &launch_commands[request->command];
    struct launch_answer text = { .length = 1, .message = { info->letter } };
    bool fits = true;

    if (info->names_instance) {
        fits = launch_answer_string(&text, request->class_name) &&
               launch_answer_string(&text, request->instance_name);
    }
    for (size_t i = 0; fits && info->has_arguments && i < request->argument_count; i++)
        fits = launch_answer_string(&text, request->arguments[i]);
    memcpy(message, text.message, text.length * sizeof *message);
    return fits ? text.length : 0;
}

void launch_answer_success(struct launch_answer *answer)
{
    answer->length = 1;
    answer->message[0] = SUCCESS;
}

void launch_answer_failure(struct launch_answer *answer, uint32_t error)
{
    char16_t number[TEXT_NUMBER_MAX];

    answer->length = 1;
    answer->message[0] = FAILURE;
    text_of_number(error, number);
    launch_answer_string(answer, number);
}

uint32_t launch_decode_answer(
    const char16_t *message, size_t bytes, const char16_t **payload, size_t *length)
{
    size_t all = bytes / sizeof *message, rest = all > 0 ? all - 1 : 0;
    const char16_t *behind = message + 1, *text;
    uint64_t error;

    *payload = NULL;
    *length = 0;
    if (bytes % sizeof *message || all < 1)
        return LAUNCH_ERROR_MALFORMED;
    if (message[0] == SUCCESS) {
        if (rest > 0 && message[all - 1] != 0)
            return LAUNCH_ERROR_MALFORMED;
        *payload = behind;
        *length = rest;
        return 0;
    }
    text = launch_next_string(&behind, &rest);
    if (message[0] != FAILURE || !text || !text_number(text, false, &error) || error == 0 ||
        error > UINT32_MAX)
        return LAUNCH_ERROR_MALFORMED;
    return (uint32_t)error;
}
