/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filter.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct filter_type *const types[] = {
    &filter_cow, &filter_delay, &filter_error, &filter_log, &filter_rate, &filter_readonly,
};
enum { TYPES = sizeof types / sizeof types[0] };

static void *value_at(struct filter *filter, const struct filter_option *option)
{
    return (char *)filter + option->offset;
}

__attribute__((format(printf, 2, 3)))
static bool fail(char message[FILTER_MESSAGE_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, FILTER_MESSAGE_MAX, format, args);
    va_end(args);
    return false;
}

static const struct filter_type *find_type(const char *name, char message[FILTER_MESSAGE_MAX])
{
    char names[128] = "";
    size_t used = 0;

    for (unsigned i = 0; i < TYPES; i++) {
        if (!strcmp(types[i]->name, name))
            return types[i];
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", types[i]->name);
    }
    fail(message, "there is no filter '%s': give one of%s", name, names);
    return NULL;
}

static const struct filter_option *find_option(const struct filter_type *type, const char *name,
    char message[FILTER_MESSAGE_MAX])
{
    char names[128] = "";
    size_t used = 0;

    for (size_t i = 0; i < type->option_count; i++) {
        if (!strcmp(type->options[i].name, name))
            return &type->options[i];
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", type->options[i].name);
    }
    fail(message, "filter %s has no key '%s': %s%s", type->name, name,
        used ? "it has" : "it has none", names);
    return NULL;
}

/* text is "key=value". */
static bool parse_pair(struct filter *filter, char *text, uint32_t *given,
    char message[FILTER_MESSAGE_MAX])
{
    const struct filter_type *type = filter->type;
    char *value = strchr(text, '='), wanted[FILTER_MESSAGE_MAX];
    const struct filter_option *option;

    if (!value)
        return fail(message, "filter %s: '%s' must be KEY=VALUE", type->name, text);
    *value++ = 0;
    option = find_option(type, text, message);
    if (!option)
        return false;
    *given |= 1u << (option - type->options);
    if (filter_value_parse(option, value, value_at(filter, option), wanted))
        return true;
    return fail(message, "filter %s: %s '%.64s' must be %.300s", type->name, text, value, wanted);
}

static void set_defaults(struct filter *filter)
{
    char wanted[FILTER_MESSAGE_MAX];

    for (size_t i = 0; i < filter->type->option_count; i++) {
        const struct filter_option *option = &filter->type->options[i];

        if (option->initial &&
            !filter_value_parse(option, option->initial, value_at(filter, option), wanted))
            abort();
    }
}

static bool check(const struct filter *filter, uint32_t given, char message[FILTER_MESSAGE_MAX])
{
    const struct filter_type *type = filter->type;

    for (size_t i = 0; i < type->option_count; i++)
        if (type->options[i].required && !(given >> i & 1))
            return fail(message, "filter %s needs %s=: %s", type->name, type->options[i].name,
                type->options[i].help);
    return !type->check || type->check(filter, message);
}

bool filter_parse(const char *text, struct filter *filter, char message[FILTER_MESSAGE_MAX])
{
    char copy[FILTER_TEXT_MAX], *at, *next;
    const struct filter_type *type;
    uint32_t given = 0;

    if (strlen(text) >= sizeof copy)
        return fail(message, "a filter has at most %d bytes", FILTER_TEXT_MAX - 1);
    strcpy(copy, text);
    at = strchr(copy, ':');
    if (at)
        *at++ = 0;
    type = find_type(copy, message);
    if (!type)
        return false;
    memset(filter, 0, type->size);
    filter->type = type;
    set_defaults(filter);
    for (; at; at = next) {
        next = strchr(at, ',');
        if (next)
            *next++ = 0;
        if (!parse_pair(filter, at, &given, message))
            return false;
    }
    return check(filter, given, message);
}

void filter_help(FILE *out)
{
    for (unsigned i = 0; i < TYPES; i++) {
        fprintf(out, "  %-10s %s\n", types[i]->name, types[i]->help);
        for (size_t j = 0; j < types[i]->option_count; j++) {
            const struct filter_option *option = &types[i]->options[j];

            fprintf(out, "    %s=%*s %s%s%s%s\n", option->name, 14 - (int)strlen(option->name), "",
                option->help, option->initial ? " (" : "", option->initial ? option->initial : "",
                option->initial ? ")" : "");
        }
    }
}

int SPD_CALL filter_queue_begin(spd_device *device, spd_queue *queue)
{
    return spd_device_queue_begin(&((struct filter *)device->context)->below, queue);
}

void SPD_CALL filter_queue_end(spd_device *device, spd_queue *queue)
{
    spd_device_queue_end(&((struct filter *)device->context)->below, queue);
}

void SPD_CALL filter_poll(spd_device *device, spd_queue *queue)
{
    spd_device_poll(&((struct filter *)device->context)->below, queue);
}
