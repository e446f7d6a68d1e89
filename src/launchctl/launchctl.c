/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * launchctl: asks the launcher to start and stop disks. Its output is the original's, and so is its
 * exit status 0 after a refusal: installers and scripts rely on both.
 */

#include "launchctl/listing.h"
#include "launchctl/output.h"

#include <stdbool.h>
#include <string.h>
#include <wchar.h>

static const wchar_t USAGE[] =
    L"usage: launchctl [--strict-exit] COMMAND ...\n"
    L"\n"
    L"    start CLASS INSTANCE [ARGUMENT ...]  start a server, with up to 9 arguments\n"
    L"    stop CLASS INSTANCE                  stop it, unless a program uses its volume\n"
    L"    stopForced CLASS INSTANCE            stop it in any case\n"
    L"    info CLASS INSTANCE                  show its command line\n"
    L"    list [-l]                            show what runs; -l: with its process and disks\n"
    L"\n"
    L"CLASS .pid. matches any: INSTANCE is then the number of a process (not for start).\n"
    L"The exit status is 0 when the launcher has answered, also when it refused;\n"
    L"with --strict-exit it is then the error that it shows.\n";

static const struct command {
    const wchar_t *name;
    enum launch_command command;
    int least, most; /* words behind it */
    bool lists;      /* has -l */
} commands[] = {
    { L"start", LAUNCH_START, 2, 2 + LAUNCH_ARGUMENTS_MAX, false },
    { L"stop", LAUNCH_STOP, 2, 2, false },
    { L"stopForced", LAUNCH_STOP_FORCED, 2, 2, false },
    { L"info", LAUNCH_INFO, 2, 2, false },
    { L"list", LAUNCH_LIST, 0, 0, true },
    { L"quit", LAUNCH_QUIT, 0, 0, false },
};

static int usage(void)
{
    output_text(STD_ERROR_HANDLE, USAGE, wcslen(USAGE));
    return ERROR_INVALID_PARAMETER;
}

static const struct command *find(const wchar_t *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!wcscmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

/* The strings of a payload, two in a line. */
static void show_payload(struct launch_reply *reply)
{
    bool second = false;
    size_t length = reply->payload_length;
    char16_t *text = reply->message + (reply->payload - reply->message);

    output(STD_OUTPUT_HANDLE, L"OK\n");
    for (size_t i = 0; i < length; i++) {
        if (text[i])
            continue;
        text[i] = second || i == length - 1 ? L'\n' : L' ';
        second = !second;
    }
    output_text(STD_OUTPUT_HANDLE, text, length);
}

static void show_refusal(DWORD error, size_t bytes)
{
    if (error != LAUNCH_ERROR_MALFORMED)
        output(STD_OUTPUT_HANDLE, L"KO launcher: error %lu\n", error);
    else if (bytes == 0)
        output(STD_ERROR_HANDLE, L"KO launcher: empty buffer\n");
    else
        output(STD_ERROR_HANDLE, L"KO launcher: corrupted buffer\n");
}

/* Returns an error of the transport; *refused is the launcher's. So does the next. */
static DWORD call(const struct launch_request *request, DWORD *refused)
{
    static struct launch_reply reply;
    DWORD error = launch_call(request, &reply);

    if (error)
        return error;
    *refused = reply.error;
    if (reply.error)
        show_refusal(reply.error, reply.bytes);
    else
        show_payload(&reply);
    return 0;
}

static DWORD call_for_list(bool long_list, DWORD *refused)
{
    static struct launch_list list;
    DWORD error;

    launch_list_begin(&list);
    error = long_list ? listing_show_long(&list, refused) : listing_show(&list, refused);
    if (!error && list.reply.error)
        show_refusal(list.reply.error, list.reply.bytes);
    else if (!error && *refused == LAUNCH_ERROR_INVALID)
        output(
            STD_ERROR_HANDLE, L"KO launcher: it is older than this program and has no list -l\n");
    else if (!error && *refused)
        output(STD_ERROR_HANDLE, L"KO launcher: error %lu\n", *refused);
    return error;
}

static int run(const struct command *command, int count, wchar_t **words, bool strict)
{
    bool long_list = command->lists && count == 1 && !wcscmp(words[0], L"-l");
    struct launch_request request = { .command = command->command };
    DWORD error, refused = 0;

    if (long_list)
        count = 0;
    if (count < command->least || count > command->most)
        return usage();
    if (count >= 2) {
        request.class_name = words[0];
        request.instance_name = words[1];
        request.argument_count = (size_t)count - 2;
        for (int i = 2; i < count; i++)
            request.arguments[i - 2] = words[i];
    }
    error = command->lists ? call_for_list(long_list, &refused) : call(&request, &refused);
    if (error)
        output(STD_ERROR_HANDLE, L"KO CallNamedPipe = %lu\n", error);
    return (int)(error || !strict ? error : refused);
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    bool strict = count > 1 && !wcscmp(words[1], L"--strict-exit");
    const struct command *command;

    if (count == 2 && !wcscmp(words[1], L"--help")) {
        output_text(STD_OUTPUT_HANDLE, USAGE, wcslen(USAGE));
        return 0;
    }
    words += 1 + strict;
    count -= 1 + strict;
    command = count > 0 ? find(words[0]) : NULL;
    return command ? run(command, count - 1, words + 1, strict) : usage();
}
