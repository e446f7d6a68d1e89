/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sparse memory: reads as zeros and costs nothing until it is written. Each system has its own
 * file. */

#ifndef DEVICES_MEMDISK_MEMORY_H
#define DEVICES_MEMDISK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_chunks;

struct memory {
    uint8_t *base;
    uint64_t size;
    uint64_t page;                /* memory is given back in multiples of this */
    struct memory_chunks *chunks; /* Windows: the chunks that may be touched */
    int pages; /* POSIX: the system's list of this process's pages; -1: there is none */
};

/* 0 or an errno. */
int memory_open(struct memory *memory, uint64_t size);
void memory_close(struct memory *memory);

void memory_read(const struct memory *memory, void *buffer, size_t length, uint64_t offset);
/* 0 or ENOSPC. */
int memory_write(struct memory *memory, const void *buffer, size_t length, uint64_t offset);

/* Writes zeros. 0 or ENOSPC. */
int memory_zero(struct memory *memory, uint64_t offset, uint64_t length);

/* Where a run of bytes ends that take memory, or take none (a hole). 0 or an errno. */
int memory_run(
    const struct memory *memory, uint64_t offset, uint64_t limit, uint64_t *end, bool *hole);

/* The bytes read as zeros from now on; whole pages go back to the system. */
void memory_unmap(struct memory *memory, uint64_t offset, uint64_t length);

#endif
