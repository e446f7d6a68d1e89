/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Memory, messages and whole files, without OpenSSL: the fuzzer's build has none. */

#include "inf2cat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FILE_BYTES = 64 << 20 };

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("inf2cat: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (!memory)
        fail("out of memory");
    return memory;
}

char *text(const char *format, ...)
{
    va_list arguments;
    char *made;

    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0)
        fail("out of memory");
    va_end(arguments);
    return made;
}

unsigned char *read_file(const char *path, size_t *length)
{
    unsigned char *bytes = allocate(MAX_FILE_BYTES + 1, 1);
    FILE *file = fopen(path, "rb");

    if (!file)
        fail("%s: %m", path);
    *length = fread(bytes, 1, MAX_FILE_BYTES + 1, file);
    if (ferror(file))
        fail("%s: %m", path);
    if (*length > MAX_FILE_BYTES)
        fail("%s: it is larger than 64 MiB", path);
    fclose(file);
    bytes[*length] = 0;
    return bytes;
}
