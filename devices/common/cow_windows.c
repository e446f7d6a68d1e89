/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The filter cow is not on Windows: its file is sparse, and is locked and flushed in ways of
 * POSIX. */

#include "cow.h"

#include <errno.h>
#include <stdio.h>

bool cow_open(struct cow *cow, const char *path, const uint8_t guid[16], uint64_t block_count,
    uint32_t block_length, char message[COW_MESSAGE_MAX])
{
    (void)path;
    (void)guid;
    (void)block_count;
    (void)block_length;
    *cow = (struct cow){ .fd = -1 };
    snprintf(message, COW_MESSAGE_MAX, "there is none on Windows yet");
    return false;
}

void cow_close(struct cow *cow)
{
    (void)cow;
}

void cow_remove(const struct cow *cow)
{
    (void)cow;
}

enum cow_state cow_run(const struct cow *cow, uint64_t lba, uint64_t most, uint64_t *length)
{
    (void)cow;
    (void)lba;
    *length = most;
    return COW_BASE;
}

void cow_set(struct cow *cow, uint64_t lba, uint64_t blocks, enum cow_state state)
{
    (void)cow;
    (void)lba;
    (void)blocks;
    (void)state;
}

int cow_read(const struct cow *cow, void *buffer, uint64_t lba, uint64_t blocks)
{
    (void)cow;
    (void)buffer;
    (void)lba;
    (void)blocks;
    return ENOSYS;
}

int cow_write(struct cow *cow, const void *buffer, uint64_t lba, uint64_t blocks)
{
    (void)cow;
    (void)buffer;
    (void)lba;
    (void)blocks;
    return ENOSYS;
}

int cow_flush(struct cow *cow)
{
    (void)cow;
    return ENOSYS;
}
