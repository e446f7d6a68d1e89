/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "check.h"
#include <stdarg.h>

const GUID guid_a = { 0x4112a9a1, 0xf079, 0x4f3d,
    { 0xba, 0x53, 0x2d, 0x5d, 0xf2, 0x7d, 0x28, 0xb5 } };
const GUID guid_b = { 0xd7f5a95d, 0xb9f0, 0x4e47,
    { 0x87, 0x3b, 0x0a, 0xb0, 0x0a, 0x89, 0xf9, 0x5a } };

void fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("# %s:%d: ", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    ExitProcess(1);
}

void check_bytes(const char *file, int line, const char *what, const void *found,
    const void *wanted, size_t length)
{
    const UCHAR *a = found, *b = wanted;
    size_t i;

    for (i = 0; i < length; i++)
        if (a[i] != b[i])
            fail(file, line, "byte %u of %s is %02x, not %02x", (unsigned)i, what, a[i], b[i]);
}

void fill_pattern(void *data, UINT64 block, UINT32 count, UCHAR seed)
{
    UCHAR *bytes = data;
    UINT32 i, k;

    for (i = 0; i < count; i++)
        for (k = 0; k < BLOCK; k++)
            *bytes++ = (UCHAR)((block + i) * 37 + k * 11 + (k >> 8) + seed);
}

BOOL is_pattern(const void *data, UINT64 block, UINT32 count, UCHAR seed)
{
    UCHAR wanted[BLOCK];
    UINT32 i;

    for (i = 0; i < count; i++) {
        fill_pattern(wanted, block + i, 1, seed);
        if (memcmp((const UCHAR *)data + i * BLOCK, wanted, BLOCK))
            return FALSE;
    }
    return TRUE;
}

static void run(const struct test *test, void (*before)(void))
{
    DWORD start = GetTickCount();

    printf("# %s\n", test->name);
    fflush(stdout);
    before();
    test->run();
    printf("# %lu ms\nok - %s\n", GetTickCount() - start, test->name);
    fflush(stdout);
}

int run_tests(const struct test *const *groups, unsigned count, int argc, char **argv,
    void (*begin)(void), void (*before)(void))
{
    BOOL from = argc == 3 && !strcmp(argv[1], "--from");
    const char *wanted = from ? argv[2] : argc == 2 ? argv[1] : NULL;
    BOOL running = !wanted, list = wanted && !strcmp(wanted, "--list");
    const struct test *test;
    unsigned i;

    if (!list)
        begin();
    for (i = 0; i < count; i++) {
        for (test = groups[i]; test->name; test++) {
            if (list)
                printf("%s\n", test->name);
            if (wanted && !strcmp(test->name, wanted))
                running = TRUE;
            if (running)
                run(test, before);
            if (running && wanted && !from)
                return 0;
        }
    }
    return running || list ? 0 : 2;
}

HANDLE start_child(const char *child, const char *argument, BOOL suspended, HANDLE *thread)
{
    STARTUPINFOA startup = { .cb = sizeof(startup) };
    PROCESS_INFORMATION process;
    char program[MAX_PATH], line[2 * MAX_PATH];

    CHECK(GetModuleFileNameA(NULL, program, sizeof(program)));
    snprintf(line, sizeof(line), "\"%s\" --child \"%s\" %s", program, child, argument);
    CHECK(CreateProcessA(NULL, line, NULL, NULL, TRUE, suspended ? CREATE_SUSPENDED : 0, NULL,
        NULL, &startup, &process));
    if (thread)
        *thread = process.hThread;
    else
        CloseHandle(process.hThread);
    return process.hProcess;
}

DWORD end_of_child(HANDLE process)
{
    DWORD code;

    CHECK_EQUAL(WaitForSingleObject(process, PATIENCE), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &code));
    CloseHandle(process);
    return code;
}
