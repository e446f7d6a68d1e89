/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The little of the INF format that names files and devices. */

#include "inf2cat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Blanks, and a pair of quotes around all of it. */
static char *trimmed(char *from)
{
    size_t length;

    while (isspace((unsigned char)*from))
        from++;
    length = strlen(from);
    while (length > 0 && isspace((unsigned char)from[length - 1]))
        from[--length] = '\0';
    if (length >= 2 && from[0] == '"' && from[length - 1] == '"') {
        from[length - 1] = '\0';
        from++;
    }
    return from;
}

/* Where a character is that no quotes are around; NULL where it is not. */
static char *unquoted(char *line, char wanted)
{
    int quoted = 0;

    for (; *line; line++) {
        if (*line == '"')
            quoted = !quoted;
        else if (*line == wanted && !quoted)
            return line;
    }
    return NULL;
}

static void keep(struct inf *inf, const char *section, char *line)
{
    char *equals = unquoted(line, '=');
    struct inf_line *made;

    inf->lines = realloc(inf->lines, (inf->count + 1) * sizeof *inf->lines);
    if (!inf->lines)
        fail("out of memory");
    made = &inf->lines[inf->count++];
    if (equals)
        *equals = '\0';
    made->section = section;
    made->key = trimmed(line);
    made->value = equals ? trimmed(equals + 1) : made->key;
}

struct inf inf_read(const char *path)
{
    struct inf inf = { .path = path };
    size_t length;
    char *next = (char *)read_file(path, &length);
    const char *section = "";

    if (strlen(next) != length)
        fail("%s: it has zero bytes; save it as ASCII or UTF-8, not as UTF-16", path);
    while (next) {
        char *line = strsep(&next, "\n"), *comment = unquoted(line, ';'), *end;

        if (comment)
            *comment = '\0';
        line = trimmed(line);
        if (*line == '[') {
            end = strchr(line, ']');
            if (!end)
                fail("%s: \"%s\" lacks the closing bracket", path, line);
            *end = '\0';
            section = trimmed(line + 1);
        } else if (*line) {
            keep(&inf, section, line);
        }
    }
    return inf;
}

const struct inf_line *inf_next(const struct inf *inf, const char *section, size_t *at)
{
    while (*at < inf->count) {
        const struct inf_line *line = &inf->lines[(*at)++];

        if (strcasecmp(line->section, section) == 0)
            return line;
    }
    return NULL;
}

const char *inf_value(const struct inf *inf, const char *section, const char *key)
{
    const struct inf_line *line;
    size_t at = 0;

    while ((line = inf_next(inf, section, &at)) != NULL) {
        if (strcasecmp(line->key, key) == 0)
            return line->value;
    }
    return NULL;
}

char *inf_item(const char *list, unsigned number)
{
    char *copy = text("%s", list), *item = NULL;

    for (unsigned at = 0; at <= number; at++) {
        item = strsep(&copy, ",");
        if (!item)
            return NULL;
    }
    return trimmed(item);
}
