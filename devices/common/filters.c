/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filters.h"

#include <stdlib.h>
#include <string.h>

static bool check_place(const spd_program_options *options, uint32_t index,
    const struct filter_type *type)
{
    if (!type->simple || (index == options->filter_count - 1 && spd_program_disks(options) == 1))
        return true;
    spd_program_error(options->program,
        "--filter %s: the filter %s has to be the last one, and the disk the only one",
        options->filters[index], type->name);
    return false;
}

bool filters_check(const spd_program_options *options)
{
    for (uint32_t i = 0; i < options->filter_count; i++) {
        char message[FILTER_MESSAGE_MAX];
        union filter_state state;

        if (!filter_parse(options->filters[i], &state.filter, message)) {
            spd_program_error(options->program, "--filter %s: %s", options->filters[i], message);
            return false;
        }
        if (!check_place(options, i, state.filter.type))
            return false;
    }
    return true;
}

/* The texts are good. */
static bool has_one(
    const spd_program_options *options, bool (*wanted)(const struct filter_type *type))
{
    for (uint32_t i = 0; i < options->filter_count; i++) {
        char message[FILTER_MESSAGE_MAX];
        union filter_state state;

        if (filter_parse(options->filters[i], &state.filter, message) && wanted(state.filter.type))
            return true;
    }
    return false;
}

static bool is_log(const struct filter_type *type)
{
    return type == &filter_log;
}

bool filters_have_log(const spd_program_options *options)
{
    return has_one(options, is_log);
}

static bool has_states(const struct filter_type *type)
{
    return type->simple;
}

bool filters_fix_size(const spd_program_options *options)
{
    return has_one(options, has_states);
}

static bool no_memory(const spd_program *program)
{
    spd_program_error(program, "there is no memory for filters");
    return false;
}

static bool is_simple(const spd_program_disk *disk)
{
    return !disk->device.ops->submit && !disk->device.ops->submit_many;
}

/* All filters but simple ones are asynchronous. */
static bool place_workers(struct filters *filters, spd_program_disk *disk)
{
    if (!is_simple(disk))
        return true;
    filters->workers = malloc(sizeof *filters->workers);
    if (!filters->workers)
        return no_memory(disk->options.program);
    workers_init(filters->workers, &disk->device, disk->params.block_length);
    disk->device = filters->workers->device;
    return true;
}

/* Simple filters have all operations, whatever the device has. */
static bool place_simple(const struct filter *filter, spd_program_disk *disk)
{
    if (is_simple(disk)) {
        disk->params.flags &= ~(uint32_t)SPD_WRITE_PROTECTED;
        return true;
    }
    spd_program_error(disk->options.program,
        "filter %s is not for this disk: its device is asynchronous", filter->type->name);
    return false;
}

/* Operations may block, and a request that is tried twice would have two errors or log lines. */
static bool place_one(struct filters *filters, struct filter *filter, spd_program_disk *disk,
    struct sink *log)
{
    const struct filter_type *type = filter->type;
    const struct filter_place place = {
        .program = disk->options.program,
        .log = log,
        .block_count = disk->params.block_count,
        .block_length = disk->params.block_length,
        .guid = disk->params.guid,
        .write_protected = disk->params.flags & SPD_WRITE_PROTECTED,
    };

    disk->params.flags |= type->flags;
    if (!type->ops.size)
        return true;
    disk->params.flags &= ~(uint32_t)(SPD_NEVER_BLOCKS | SPD_TRY_FIRST);
    if (!(type->simple ? place_simple(filter, disk) : place_workers(filters, disk)))
        return false;
    filter->ops = type->ops;
    filter->below = disk->device;
    if (!type->simple)
        spd_ops_fit(&filter->ops, &filter->below);
    filter->device = (spd_device){ &filter->ops, filter };
    if (type->place && !type->place(filter, &place))
        return false;
    disk->device = filter->device;
    return true;
}

bool filters_place(struct filters *filters, spd_program_disk *disk, struct sink *log)
{
    const spd_program_options *options = &disk->options;

    *filters = (struct filters){ 0 };
    for (uint32_t i = options->filter_count; i--;) {
        char message[FILTER_MESSAGE_MAX];
        union filter_state *state = calloc(1, sizeof *state);

        if (!state)
            return no_memory(options->program);
        if (!filter_parse(options->filters[i], &state->filter, message))
            abort(); /* it was good before */
        filters->filters[filters->count++] = &state->filter;
        state->filter.text = malloc(strlen(options->filters[i]) + 1);
        if (!state->filter.text)
            return no_memory(options->program);
        strcpy(state->filter.text, options->filters[i]);
        if (!place_one(filters, &state->filter, disk, log))
            return false;
    }
    return true;
}

bool filters_open(struct filters *filters, const spd_program_disk *disk)
{
    uint32_t threads = disk->options.threads ? (uint32_t)disk->options.threads : WORKERS;
    bool opened = !filters->workers || workers_open(filters->workers, threads);

    for (uint32_t i = 0; i < filters->count && opened; i++)
        opened = !filters->filters[i]->type->open ||
            filters->filters[i]->type->open(filters->filters[i]);
    if (!opened)
        spd_program_error(disk->options.program, "there is no memory, or no thread, for filters");
    return opened;
}

bool filters_close(struct filters *filters, bool served)
{
    bool good = true;

    if (filters->workers)
        workers_close(filters->workers);
    while (filters->count) {
        struct filter *filter = filters->filters[--filters->count];

        if (filter->type->close && filter->ops.size && !filter->type->close(filter, served))
            good = false;
        free(filter->text);
        free(filter);
    }
    free(filters->workers);
    filters->workers = NULL;
    return good;
}
