/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The bytes of a medium that is about to be served: all of them may be the work of a guest. */

#ifndef DEVICES_RAWDISK_MEDIUM_H
#define DEVICES_RAWDISK_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct medium {
    /* False: not all of these bytes can be read. */
    bool (*read)(void *context, void *buffer, size_t length, uint64_t offset);
    void *context;
    uint64_t size;
};

static inline bool medium_has(const struct medium *medium, uint64_t offset, const void *bytes,
    size_t length)
{
    uint8_t there[32];

    return length <= sizeof there && offset <= medium->size && length <= medium->size - offset &&
        medium->read(medium->context, there, length, offset) && memcmp(there, bytes, length) == 0;
}

static inline uint64_t medium_le(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count--)
        value = value << 8 | bytes[count];
    return value;
}

static inline uint64_t medium_be(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/*
 * Is it an image of another format? Served as it is, its tables would be part of the disk.
 *
 * A guest can write what it likes to its disk, also the first bytes of such a format. They alone
 * are worth a warning. Only what fits together in all that the format's header says, among it the
 * size of another disk than this file, is taken for the format.
 */
enum format_verdict {
    FORMAT_NONE,
    FORMAT_MAGIC, /* it begins or ends like one */
    FORMAT_FITS,
};
enum format_verdict format_judge(const struct medium *medium, const char **name);

/* The block length for a block device with these sectors: 512, where its partition table or file
 * system counts in 512 bytes, else the sectors' own. */
uint32_t sectors_choose(const struct medium *medium, uint32_t sector);

#endif
