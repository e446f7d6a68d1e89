/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A file with the changes of a disk. Each block has a state: it is as the base has it, its data is
 * in the file, or it is zeros. The data of a block has a fixed place in the file, which is sparse.
 *
 *     0        the header, struct cow_header
 *     4096     two bits for each block: enum cow_state
 *     data     the blocks, at the next multiple of 1 MiB
 *
 * The states are in memory. A flush first makes the data durable, and then writes the states that
 * had changed before: a state in the file never tells of data that is not there. So the file has
 * all that was flushed, whenever the program or the machine dies.
 */

#ifndef DEVICES_COMMON_COW_H
#define DEVICES_COMMON_COW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor.h"

enum { COW_PAGE = 4096, COW_MESSAGE_MAX = 512 };

enum cow_state { COW_BASE, COW_DATA, COW_ZERO };

struct cow {
    int fd;
    const char *path;
    uint64_t block_count;
    uint32_t block_length;
    uint64_t data;          /* the offset of block 0 in the file */
    _Atomic uint8_t *states; /* four blocks in a byte, the first in its low bits */
    atomic_bool *dirty;      /* for each page of the states: it differs from the file */
    uint64_t pages;
    struct monitor *flushing; /* flushes take turns; guards `lost` */
    int lost;                 /* a flush has failed with this, and all later ones do */
};

/* Opens the file or makes it, and locks it. The changes of another disk would ruin this one, so the
 * file keeps the disk's GUID; zeros fit all. False: the message says what is wrong and what to do.
 * cow_close() all the same. */
bool cow_open(struct cow *cow, const char *path, const uint8_t guid[16], uint64_t block_count,
    uint32_t block_length, char message[COW_MESSAGE_MAX]);
void cow_close(struct cow *cow);
/* Removes the file, which stays open. */
void cow_remove(const struct cow *cow);

/* The state of block lba, and how many blocks from there on have it; at most `most`, from 1 on. */
enum cow_state cow_run(const struct cow *cow, uint64_t lba, uint64_t most, uint64_t *length);
void cow_set(struct cow *cow, uint64_t lba, uint64_t blocks, enum cow_state state);

/* Data of blocks; 0 or an errno. The state is the caller's: set it after cow_write(). */
int cow_read(const struct cow *cow, void *buffer, uint64_t lba, uint64_t blocks);
int cow_write(struct cow *cow, const void *buffer, uint64_t lba, uint64_t blocks);
/* All that ended before is durable. 0 or an errno. */
int cow_flush(struct cow *cow);

#endif
