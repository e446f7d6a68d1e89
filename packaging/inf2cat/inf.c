/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The little of the INF format that names files and devices. */

#include "inf2cat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *without_blanks(char *from)
{
    size_t length;

    while (isspace((unsigned char)*from))
        from++;
    length = strlen(from);
    while (length > 0 && isspace((unsigned char)from[length - 1]))
        from[--length] = '\0';
    return from;
}

/* Blanks, and a pair of quotes around all of it. */
static char *trimmed(char *from)
{
    size_t length;

    from = without_blanks(from);
    length = strlen(from);
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

const char *inf_parse(struct inf *inf, char *bytes, size_t length, size_t *number)
{
    const char *section = "";

    *number = 1;
    if (strlen(bytes) != length)
        return "it has zero bytes; save it as ASCII or UTF-8, not as UTF-16";
    for (char *next = bytes; next; ++*number) {
        char *line = strsep(&next, "\n"), *comment = unquoted(line, ';'), *end;

        if (comment)
            *comment = '\0';
        line = without_blanks(line); /* its quotes may belong to a key and to a value */
        if (*line == '[') {
            end = strchr(line, ']');
            if (!end)
                return "the closing bracket is missing";
            *end = '\0';
            section = trimmed(line + 1);
        } else if (*line) {
            keep(inf, section, line);
        }
    }
    return NULL;
}

void inf_free(struct inf *inf)
{
    free(inf->lines);
    inf->lines = NULL;
    inf->count = 0;
}

struct inf inf_read(const char *path)
{
    struct inf inf = { .path = path };
    size_t length, line;
    char *bytes = (char *)read_file(path, &length);
    const char *wrong = inf_parse(&inf, bytes, length, &line);

    if (wrong)
        fail("%s, line %zu: %s", path, line, wrong);
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

    while ((line = inf_next(inf, section, &at))) {
        if (strcasecmp(line->key, key) == 0)
            return line->value;
    }
    return NULL;
}

char *inf_item(const char *list, unsigned number)
{
    char *copy, *item;

    for (; list && number > 0; number--) {
        list = strchr(list, ',');
        if (list)
            list++;
    }
    if (!list)
        return NULL;
    copy = text("%.*s", (int)strcspn(list, ","), list);
    item = trimmed(copy);
    return memmove(copy, item, strlen(item) + 1);
}
