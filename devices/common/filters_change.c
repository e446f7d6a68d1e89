/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Filters that change while their disk is served. A change is made in the text of the filter, and
 * the new text is read as at the start: so the same checks hold. Then the filter gets the new
 * values, each of them at once, but not all of them at the same moment.
 */

#include "filters.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Whether the pairs "key=value,..." have this key. */
static bool have_key(const char *pairs, const char *key, size_t length)
{
    for (; *pairs; pairs += *pairs == ',') {
        if (strcspn(pairs, "=,") == length && memcmp(pairs, key, length) == 0)
            return true;
        pairs += strcspn(pairs, ",");
    }
    return false;
}

static bool refuse_fixed(const struct filter_type *type, const char *pairs,
    char message[FILTER_MESSAGE_MAX])
{
    const char *fixed = NULL;
    char names[128] = "";
    size_t used = 0;

    for (size_t i = 0; i < type->option_count; i++) {
        const char *name = type->options[i].name;

        if (type->options[i].live)
            used += (size_t)snprintf(names + used, sizeof names - used, " %s", name);
        else if (have_key(pairs, name, strlen(name)))
            fixed = name;
    }
    if (fixed)
        snprintf(message, FILTER_MESSAGE_MAX, "filter %s: %s= cannot change while the disk is "
            "served; %s%s", type->name, fixed, used ? "these can:" : "no key can", names);
    return !fixed;
}

/* The kinds of live values are numbers of these two sizes. */
static void copy_value(const struct filter_option *option, struct filter *to, struct filter *from)
{
    void *live = (char *)to + option->offset, *value = (char *)from + option->offset;

    if (option->kind == FILTER_OPERATIONS || option->kind == FILTER_WORD)
        atomic_store((_Atomic uint32_t *)live, atomic_load((_Atomic uint32_t *)value));
    else
        atomic_store((_Atomic uint64_t *)live, atomic_load((_Atomic uint64_t *)value));
}

static bool change(struct filter *filter, const char *text, const char *pairs,
    char message[FILTER_MESSAGE_MAX])
{
    const struct filter_type *type = filter->type;
    union filter_state wanted;

    if (!refuse_fixed(type, pairs, message) || !filter_parse(text, &wanted.filter, message))
        return false;
    for (size_t i = 0; i < type->option_count; i++)
        if (type->options[i].live)
            copy_value(&type->options[i], filter, &wanted.filter);
    if (type->changed)
        type->changed(filter);
    return true;
}

/* The text without the keys that the pairs have, and then the pairs. NULL: there is no memory. */
static char *merge(const char *text, const char *pairs)
{
    size_t length = strcspn(text, ":");
    char *merged = malloc(strlen(text) + strlen(pairs) + 2), separator = ':';

    if (!merged)
        return NULL;
    memcpy(merged, text, length);
    text += length;
    while (*text) {
        size_t pair = strcspn(++text, ",");

        if (!have_key(pairs, text, strcspn(text, "=,"))) {
            merged[length++] = separator;
            memcpy(merged + length, text, pair);
            length += pair;
            separator = ',';
        }
        text += pair;
    }
    merged[length++] = separator;
    strcpy(merged + length, pairs);
    return merged;
}

/* The last filter of the command line is the first one that was made. */
static struct filter *find(const struct filters *filters, uint32_t index)
{
    return index < filters->count ? filters->filters[filters->count - 1 - index] : NULL;
}

bool filters_change(struct filters *filters, uint32_t index, const char *pairs,
    char message[FILTER_MESSAGE_MAX])
{
    struct filter *filter = find(filters, index);
    char *text;

    if (!filter) {
        snprintf(message, FILTER_MESSAGE_MAX, filters->count
            ? "there is no filter %u: they are numbered from 1 to %u"
            : "there is no filter %u: the program was started without --filter",
            (unsigned)index + 1, (unsigned)filters->count);
        return false;
    }
    text = merge(filter->text, pairs);
    if (!text) {
        snprintf(message, FILTER_MESSAGE_MAX, "there is no memory for the change");
        return false;
    }
    if (!change(filter, text, pairs, message)) {
        free(text);
        return false;
    }
    free(filter->text);
    filter->text = text;
    return true;
}

const char *filters_text(const struct filters *filters, uint32_t index)
{
    const struct filter *filter = find(filters, index);

    return filter ? filter->text : NULL;
}
