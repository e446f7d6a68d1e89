/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * An INF as inf2cat reads it: each line is found again by its section and its key, and the parts of
 * a list are that list.
 *
 * Input: the file.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../packaging/inf2cat/inf2cat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MANY = 32 }; /* lines; to look each of more up takes too long */

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_find(const struct inf *inf, const struct inf_line *wanted)
{
    const struct inf_line *found;
    size_t at = 0;

    do
        must((found = inf_next(inf, wanted->section, &at)));
    while (found != wanted);
    must(inf_value(inf, wanted->section, wanted->key));
}

static void try_list(const char *list)
{
    char *item;

    for (unsigned number = 0; number <= MANY; number++) {
        item = inf_item(list, number);
        must(item || number > 0);
        if (!item)
            break;
        must(strstr(list, item) && !strchr(item, ','));
        free(item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inf inf = { .path = "" };
    char *bytes = malloc(size + 1);
    size_t lines;

    must(bytes);
    memcpy(bytes, data, size);
    bytes[size] = '\0';
    if (!inf_parse(&inf, bytes, size, &lines))
        must(inf.count < lines);
    for (size_t i = 0; i < inf.count && i < MANY; i++) {
        must_find(&inf, &inf.lines[i]);
        try_list(inf.lines[i].value);
    }
    inf_free(&inf);
    free(bytes);
    return 0;
}
