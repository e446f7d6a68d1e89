/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Messages of the launcher's pipe, as programs of others write them; and another launcher. */

#include "launched.h"

#include <sddl.h>

#include "launch/protocol.h"
#include "servers.h"

/* A NUL is a bar. */
static void to_text(const wchar_t *message, DWORD bytes, char answer[ANSWER_ROOM])
{
    int length = WideCharToMultiByte(CP_UTF8, 0, message, (int)(bytes / sizeof *message), answer,
        ANSWER_ROOM - 2, NULL, NULL);

    for (int i = 0; i < length; i++)
        if (!answer[i])
            answer[i] = '|';
    answer[length] = bytes % sizeof *message ? '?' : 0;
    answer[length + 1] = 0;
}

static DWORD to_message(const char *text, wchar_t message[LAUNCH_MESSAGE_MAX])
{
    int length = MultiByteToWideChar(
        CP_UTF8, 0, text, (int)strlen(text), message, LAUNCH_MESSAGE_MAX);

    for (int i = 0; i < length; i++)
        if (message[i] == L'|')
            message[i] = 0;
    return (DWORD)length * sizeof *message;
}

static void exchange(const void *request, DWORD bytes, DWORD level, char answer[ANSWER_ROOM])
{
    wchar_t message[2 * LAUNCH_MESSAGE_MAX];
    HANDLE pipe = pipe_connect(level);
    DWORD done = 0;

    if (pipe != INVALID_HANDLE_VALUE)
        WriteFile(pipe, request, bytes, &done, NULL); /* the answer, or its lack, tells of errors */
    if (pipe != INVALID_HANDLE_VALUE && ReadFile(pipe, message, sizeof message, &done, NULL))
        to_text(message, done, answer);
    else
        snprintf(answer, ANSWER_ROOM, "none %lu", GetLastError());
    CloseHandle(pipe);
}

void message_send(const char *text, char answer[ANSWER_ROOM], DWORD level)
{
    wchar_t message[LAUNCH_MESSAGE_MAX];

    exchange(message, to_message(text, message), level, answer);
}

void message_bytes(DWORD count, char answer[ANSWER_ROOM])
{
    char *bytes = malloc(count + 1);

    CHECK(bytes);
    for (DWORD i = 0; i < count; i++)
        bytes[i] = i % 2 ? 0 : 'S';
    exchange(bytes, count, SECURITY_IDENTIFICATION, answer);
    free(bytes);
}

void answers(const char *file, int line, const char *text, const char *wanted)
{
    char answer[ANSWER_ROOM];

    message_send(text, answer, SECURITY_IDENTIFICATION);
    if (strcmp(answer, wanted))
        fail(file, line, "%s is answered with %s, not %s", text, answer, wanted);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Turns class|instance|class|instance| into lines; how many there are, at most 64. */
static size_t split(char *text, char *lines[64])
{
    size_t count = 0;

    while (count < 64 && *text) {
        char *instance = strchr(text, '|'), *end = instance ? strchr(instance + 1, '|') : NULL;

        CHECK(end);
        *instance = ' ';
        *end = 0;
        if (!strncmp(text, "kit-", 4))
            lines[count++] = text;
        text = end + 1;
    }
    return count;
}

static size_t list(char answer[ANSWER_ROOM], char *lines[64])
{
    size_t count;

    message_send("L", answer, SECURITY_IDENTIFICATION);
    CHECK(answer[0] == '$');
    count = split(answer + 1, lines);
    qsort(lines, count, sizeof *lines, compare);
    return count;
}

const char *instances(void)
{
    static char all[ANSWER_ROOM];
    char answer[ANSWER_ROOM], *lines[64];
    size_t count = list(answer, lines), used = 0;

    *all = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s\n", lines[i]);
    return all;
}

static bool none_is_left(void)
{
    char text[ANSWER_ROOM], answer[ANSWER_ROOM], all[ANSWER_ROOM], *lines[64];
    size_t count = list(all, lines);

    for (size_t i = 0; i < count; i++) {
        *strchr(lines[i], ' ') = '|';
        snprintf(text, sizeof text, "F%s|", lines[i]);
        message_send(text, answer, SECURITY_IDENTIFICATION);
    }
    return !count;
}

void instances_end(void)
{
    WAIT_UNTIL(none_is_left());
}

static DWORD WINAPI make_call(void *context)
{
    struct call *call = context;

    message_send(call->text, call->answer, SECURITY_IDENTIFICATION);
    return 0;
}

void messages_at_once(struct call *calls, unsigned count)
{
    HANDLE threads[CALLS];

    for (unsigned i = 0; i < count; i++) {
        threads[i] = CreateThread(NULL, 0, make_call, &calls[i], 0, NULL);
        CHECK(threads[i]);
    }
    CHECK(WaitForMultipleObjects(count, threads, TRUE, PATIENCE) < count);
    for (unsigned i = 0; i < count; i++)
        CloseHandle(threads[i]);
}

bool view(const char *class_name, const char *instance, struct view *found)
{
    char text[ANSWER_ROOM], answer[ANSWER_ROOM];
    const char *disk;

    snprintf(text, sizeof text, "V%s|%s|", class_name, instance);
    message_send(text, answer, SECURITY_IDENTIFICATION);
    if (answer[0] != '$')
        return false;
    memset(found, 0, sizeof *found);
    CHECK(strstr(answer, "|pid=") && strstr(answer, "|uptime=") && strstr(answer, "|restarts="));
    found->process = strtoul(strstr(answer, "|pid=") + 5, NULL, 10);
    found->restarts = strtoul(strstr(answer, "|restarts=") + 10, NULL, 10);
    found->disk = -1;
    disk = strstr(answer, "|disk=");
    if (disk)
        CHECK_EQUAL(sscanf(disk, "|disk=%d {%36[^}]}", &found->disk, found->guid), 2);
    return true;
}

/* An object of another owner: SYSTEM is one for those alone who may restore files. */
static void may_set_owners(void)
{
    TOKEN_PRIVILEGES wanted = { .PrivilegeCount = 1 };
    HANDLE token;

    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token));
    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    CHECK(LookupPrivilegeValueA(NULL, "SeRestorePrivilege", &wanted.Privileges[0].Luid));
    CHECK(AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL));
    CloseHandle(token);
}

static struct {
    HANDLE pipe, thread;
    const char *text;
    volatile bool ends;
} other;

static DWORD WINAPI answer_calls(void *unused)
{
    wchar_t message[LAUNCH_MESSAGE_MAX], answer[LAUNCH_MESSAGE_MAX];
    DWORD got, written;

    (void)unused;
    while (!other.ends) {
        ConnectNamedPipe(other.pipe, NULL);
        if (!other.ends && ReadFile(other.pipe, message, sizeof message, &got, NULL)) {
            const char *says_this = got && message[0] == L'L' ? "$c|i|" : other.text;

            WriteFile(other.pipe, answer, to_message(says_this, answer), &written, NULL);
            FlushFileBuffers(other.pipe);
        }
        DisconnectNamedPipe(other.pipe);
    }
    CloseHandle(other.pipe);
    return 0;
}

void launcher_answer(const char *owner, const char *text)
{
    SECURITY_ATTRIBUTES security = { .nLength = sizeof security };
    char sddl[64];

    may_set_owners();
    snprintf(sddl, sizeof sddl, "O:%sG:SYD:P(A;;GA;;;WD)", owner);
    CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(
        sddl, SDDL_REVISION_1, &security.lpSecurityDescriptor, NULL));
    other.text = text;
    other.ends = false;
    other.pipe = CreateNamedPipeW((const wchar_t *)LAUNCH_PIPE,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 4096, 4096, 15000, &security);
    CHECK(other.pipe != INVALID_HANDLE_VALUE);
    LocalFree(security.lpSecurityDescriptor);
    other.thread = CreateThread(NULL, 0, answer_calls, NULL, 0, NULL);
    CHECK(other.thread);
}

/* It waits for a client: this one says nothing. */
void launcher_answer_end(void)
{
    other.ends = true;
    CloseHandle(pipe_connect(SECURITY_IDENTIFICATION));
    CHECK_EQUAL(WaitForSingleObject(other.thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(other.thread);
}
