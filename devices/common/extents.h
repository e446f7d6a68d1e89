/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Finds out which blocks of a disk have space, from what a file or memory knows of its bytes. */

#ifndef DEVICES_COMMON_EXTENTS_H
#define DEVICES_COMMON_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <spd/spd.h>

struct extents_source {
    /* Where the run of bytes that begins at offset ends, and whether it is a hole. A run need not
     * be as long as it could be, and may end past limit. 0, or an errno: it is not known. */
    int (*run)(const void *context, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole);
    const void *context;
    uint32_t block_length;
};

/* Describes blocks for spd_ops.extents. A block is deallocated if all of it is a hole, and mapped
 * if any of it has space, or it is not known. Stops early where runs are short. */
void extents_describe(const struct extents_source *source, uint64_t lba, uint32_t blocks,
    spd_extents *extents);

#endif
