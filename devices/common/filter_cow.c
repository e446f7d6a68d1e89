/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* cow: changes go to a file, and the disk below keeps its blocks until the end. The filter is a
 * simple one, at the bottom of the stack, since a request may be of both. */

#include "cow_disk.h"

enum { KEEP, COMMIT, DROP };
static const char *const ends[] = { "keep", "commit", "drop", NULL };

struct cow_filter {
    struct cow_disk disk;
    char path[FILTER_PATH_MAX];
    uint32_t end;
    const spd_program *program;
};

#define AT(member) .offset = offsetof(struct cow_filter, member)

static const struct filter_option options[] = {
    { "file", "the file of the changes, made if missing", FILTER_FILE, .required = true, AT(path) },
    { "end", "at the end keep, commit or drop the changes", FILTER_WORD, .words = ends,
        .initial = "keep", AT(end) },
};

static bool place(struct filter *filter, const struct filter_place *place)
{
    struct cow_filter *cow = (struct cow_filter *)filter;
    char message[COW_MESSAGE_MAX];

    cow->program = place->program;
    cow->disk.cow.fd = -1;
    if (cow->end == COMMIT && place->write_protected) {
        spd_program_error(place->program,
            "filter cow: end=commit writes to the disk below: leave --write-allowed 0 out");
        return false;
    }
    if (cow_open(&cow->disk.cow, cow->path, place->guid, place->block_count, place->block_length,
            message))
        return true;
    spd_program_error(place->program, "filter cow: %s", message);
    return false;
}

static bool close_cow(struct filter *filter, bool served)
{
    struct cow_filter *cow = (struct cow_filter *)filter;
    bool good = true;

    if (served && cow->end == COMMIT)
        good = cow_disk_commit(&cow->disk);
    if (!good)
        spd_program_error(cow->program, "filter cow: the changes cannot be committed: they stay in "
            "%s, and the next end tries again", cow->path);
    else if (served && cow->end != KEEP)
        cow_remove(&cow->disk.cow);
    cow_close(&cow->disk.cow);
    return good;
}

const struct filter_type filter_cow = {
    .name = "cow",
    .help = "changes go to a file; the last filter, of one disk",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .size = sizeof(struct cow_filter),
    .ops = { COW_DISK_OPS },
    .simple = true,
    .place = place,
    .close = close_cow,
};
