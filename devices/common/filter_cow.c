/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* cow: changes go to a file, and the disk below keeps its blocks until the end. The filter is a
 * simple one, at the bottom of the stack, since a request may be of both. */

#include "cow.h"
#include "filter.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP, COMMIT, DROP };
static const char *const ends[] = { "keep", "commit", "drop", NULL };

struct cow_filter {
    struct filter filter;
    char path[FILTER_PATH_MAX];
    uint32_t end;
    struct cow cow;
    const spd_program *program;
};

#define AT(member) .offset = offsetof(struct cow_filter, member)

static const struct filter_option options[] = {
    { "file", "the file of the changes, made if missing", FILTER_FILE, .required = true, AT(path) },
    { "end", "at the end keep, commit or drop the changes", FILTER_WORD, .words = ends,
        .initial = "keep", AT(end) },
};

static int end_with(int error, spd_operation operation, uint64_t lba, spd_status *status)
{
    if (error)
        spd_status_set_errno(status, error, operation, lba);
    return 0;
}

static bool is_good(int error, const spd_status *status)
{
    return !error && status->scsi_status == SPD_STATUS_GOOD;
}

static int cow_filter_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct cow_filter *filter = device->context;
    size_t block_length = filter->cow.block_length;
    uint64_t run;
    int error = 0;

    for (uint64_t done = 0; done < blocks && is_good(error, status); done += run) {
        char *at = (char *)buffer + done * block_length;

        switch (cow_run(&filter->cow, lba + done, blocks - done, &run)) {
        case COW_BASE:
            error = spd_device_read(
                &filter->filter.below, at, lba + done, (uint32_t)run, flags, status);
            break;
        case COW_DATA:
            error = end_with(
                cow_read(&filter->cow, at, lba + done, run), SPD_READ, lba + done, status);
            break;
        default: memset(at, 0, run * block_length); break;
        }
    }
    return error;
}

/* A change is durable with the flush of all. */
static int finish(struct cow_filter *filter, int error, spd_operation operation, uint64_t lba,
    uint32_t flags, spd_status *status)
{
    if (!error && flags & SPD_FUA)
        error = cow_flush(&filter->cow);
    return end_with(error, operation, lba, status);
}

static int cow_filter_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct cow_filter *filter = device->context;
    int error = cow_write(&filter->cow, buffer, lba, blocks);

    if (!error)
        cow_set(&filter->cow, lba, blocks, COW_DATA);
    return finish(filter, error, SPD_WRITE, lba, flags, status);
}

static int cow_filter_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct cow_filter *filter = device->context;

    (void)blocks;
    (void)flags;
    return end_with(cow_flush(&filter->cow), SPD_FLUSH, lba, status);
}

static int cow_filter_unmap(spd_device *device, const spd_range *ranges, uint32_t count,
    uint32_t flags, spd_status *status)
{
    struct cow_filter *filter = device->context;

    (void)flags;
    (void)status;
    for (uint32_t i = 0; i < count; i++)
        cow_set(&filter->cow, ranges[i].lba, ranges[i].blocks, COW_ZERO);
    return 0;
}

static int cow_filter_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct cow_filter *filter = device->context;

    cow_set(&filter->cow, lba, blocks, COW_ZERO);
    return finish(filter, 0, SPD_WRITE_ZEROES, lba, flags, status);
}

/* The device below may describe less than it is asked for: what follows is another question. */
static int cow_filter_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    struct cow_filter *filter = device->context;
    uint64_t run;

    for (uint64_t done = 0; done < blocks; done += run) {
        enum cow_state state = cow_run(&filter->cow, lba + done, blocks - done, &run);

        if (state == COW_BASE)
            return spd_device_extents(
                &filter->filter.below, lba + done, (uint32_t)run, flags, extents, status);
        if (!spd_extents_add(extents, run, state == COW_DATA ? SPD_MAPPED : SPD_DEALLOCATED))
            break;
    }
    return 0;
}

static void cow_filter_stop(spd_device *device)
{
    spd_device_stop(&((struct cow_filter *)device->context)->filter.below);
}

static bool place(struct filter *filter, const struct filter_place *place)
{
    struct cow_filter *cow = (struct cow_filter *)filter;
    char message[COW_MESSAGE_MAX];

    cow->program = place->program;
    cow->cow.fd = -1;
    if (cow->end == COMMIT && place->write_protected) {
        spd_program_error(place->program,
            "filter cow: end=commit writes to the disk below: leave --write-allowed 0 out");
        return false;
    }
    if (cow_open(&cow->cow, cow->path, place->guid, place->block_count, place->block_length,
            message))
        return true;
    spd_program_error(place->program, "filter cow: %s", message);
    return false;
}

enum { PIECE = 1 << 20 };

/* A run of changes goes to the device below. */
static bool commit_run(struct cow_filter *filter, void *buffer, uint64_t lba, uint64_t run,
    enum cow_state state)
{
    uint64_t most = PIECE / filter->cow.block_length;
    bool good = true;

    for (uint64_t done = 0, part; done < run && good; done += part) {
        spd_status status = { 0 };

        part = run - done < most ? run - done : most;
        if (state == COW_ZERO)
            memset(buffer, 0, part * filter->cow.block_length);
        good = (state == COW_ZERO || cow_read(&filter->cow, buffer, lba + done, part) == 0) &&
            is_good(spd_device_write(&filter->filter.below, buffer, lba + done, (uint32_t)part, 0,
                &status), &status);
    }
    return good;
}

/* Until all is in the device below, and durable, the file has it. So a commit may come again. */
static bool commit(struct cow_filter *filter)
{
    void *buffer = malloc(PIECE);
    spd_status status = { 0 };
    bool good = buffer;
    uint64_t run;

    for (uint64_t lba = 0; lba < filter->cow.block_count && good; lba += run) {
        enum cow_state state =
            cow_run(&filter->cow, lba, filter->cow.block_count - lba, &run);

        if (state != COW_BASE)
            good = commit_run(filter, buffer, lba, run, state);
    }
    free(buffer);
    return good && is_good(spd_device_flush(&filter->filter.below, 0, 0, 0, &status), &status);
}

static bool close_cow(struct filter *filter, bool served)
{
    struct cow_filter *cow = (struct cow_filter *)filter;
    bool good = true;

    if (served && cow->end == COMMIT)
        good = commit(cow);
    if (!good)
        spd_program_error(cow->program, "filter cow: the changes cannot be committed: they stay in "
            "%s, and the next end tries again", cow->path);
    else if (served && cow->end != KEEP)
        cow_remove(&cow->cow);
    cow_close(&cow->cow);
    return good;
}

static void thread_begin(spd_device *device)
{
    spd_device_thread_begin(&((struct cow_filter *)device->context)->filter.below);
}

static void thread_end(spd_device *device)
{
    spd_device_thread_end(&((struct cow_filter *)device->context)->filter.below);
}

const struct filter_type filter_cow = {
    .name = "cow",
    .help = "changes go to a file; the last filter, of one disk",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct cow_filter),
    .ops = {
        .size = sizeof(spd_ops),
        .read = cow_filter_read,
        .write = cow_filter_write,
        .flush = cow_filter_flush,
        .unmap = cow_filter_unmap,
        .stop = cow_filter_stop,
        .write_zeroes = cow_filter_write_zeroes,
        .extents = cow_filter_extents,
        .thread_begin = thread_begin,
        .thread_end = thread_end,
    },
    .simple = true,
    .place = place,
    .close = close_cow,
};
