/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filters.h"

#include <stdlib.h>
#include <string.h>

union filter_state {
    struct filter filter;
    max_align_t aligned;
    char bytes[FILTER_STATE_MAX];
};

bool filters_check(const spd_program_options *options)
{
    for (uint32_t i = 0; i < options->filter_count; i++) {
        char message[FILTER_MESSAGE_MAX];
        union filter_state state;

        if (!filter_parse(options->filters[i], &state.filter, message)) {
            spd_program_error(options->program, "--filter %s: %s", options->filters[i], message);
            return false;
        }
    }
    return true;
}

bool filters_have_log(const spd_program_options *options)
{
    for (uint32_t i = 0; i < options->filter_count; i++) {
        const char *text = options->filters[i];

        if (!strncmp(text, "log", 3) && (!text[3] || text[3] == ':'))
            return true;
    }
    return false;
}

static bool no_memory(const spd_program *program)
{
    spd_program_error(program, "there is no memory for filters");
    return false;
}

/* All filters are asynchronous. */
static bool place_workers(struct filters *filters, spd_program_disk *disk)
{
    if (disk->device.ops->submit || disk->device.ops->submit_many)
        return true;
    filters->workers = malloc(sizeof *filters->workers);
    if (!filters->workers)
        return false;
    workers_init(filters->workers, &disk->device, disk->params.block_length);
    disk->device = filters->workers->device;
    disk->params.flags &= ~(uint32_t)(SPD_NEVER_BLOCKS | SPD_TRY_FIRST);
    return true;
}

static void place_one(struct filter *filter, spd_program_disk *disk, struct sink *log)
{
    const struct filter_place place = {
        .program = disk->options.program, .log = log, .block_length = disk->params.block_length
    };
    const struct filter_type *type = filter->type;

    disk->params.flags |= type->flags;
    if (!type->ops.size)
        return;
    filter->ops = type->ops;
    filter->below = disk->device;
    spd_ops_fit(&filter->ops, &filter->below);
    filter->device = (spd_device){ &filter->ops, filter };
    if (type->place)
        type->place(filter, &place);
    disk->device = filter->device;
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
        filters->filters[filters->count++] = &state->filter;
        if (!filter_parse(options->filters[i], &state->filter, message))
            abort(); /* it was good before */
        if (state->filter.type->ops.size && !place_workers(filters, disk))
            return no_memory(options->program);
        place_one(&state->filter, disk, log);
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

void filters_close(struct filters *filters)
{
    while (filters->count) {
        struct filter *filter = filters->filters[--filters->count];

        if (filter->type->close)
            filter->type->close(filter);
        free(filter);
    }
    if (filters->workers)
        workers_close(filters->workers);
    free(filters->workers);
    filters->workers = NULL;
}
