/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filters.h"
#include "measure.h"

#include <inttypes.h>

void measure_disk(spd_program_disk *disk)
{
    const spd_program *program = disk->options.program;
    uint64_t before = spd_unit_block_count(disk->unit), now = before;
    const char *uri = spd_unit_door_uri(disk->unit, 0);
    int error;

    if (!disk->store || !disk->store->measure) {
        spd_program_error(program, "%s: the size of this disk is fixed", uri);
        return;
    }
    if (filters_fix_size(&disk->options)) {
        spd_program_error(program, "%s: the size of a disk with the filter cow is fixed", uri);
        return;
    }
    if (!disk->store->measure(disk->store_context, &now))
        return;
    if (now <= before) {
        spd_program_error(program, now == before
            ? "%s: the disk keeps its %" PRIu64 " blocks"
            : "%s: the disk keeps its %" PRIu64 " blocks: a disk that is served cannot shrink",
            uri, before);
        return;
    }
    error = spd_unit_resize(disk->unit, now);
    if (error)
        spd_program_error(program, "%s: cannot resize: %s: %s", uri, spd_strerror(error),
            spd_error_detail());
    else
        spd_program_error(program, "%s: the disk has grown from %" PRIu64 " to %" PRIu64 " blocks",
            uri, before, now);
}
