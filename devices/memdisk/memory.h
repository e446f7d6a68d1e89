/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sparse memory: reads as zeros and costs nothing until it is written. One file per system. */

#ifndef DEVICES_MEMDISK_MEMORY_H
#define DEVICES_MEMDISK_MEMORY_H

#include <stdint.h>

struct memory {
    uint8_t *base;
    uint64_t size;
    uint64_t page; /* what is given back comes in multiples of this */
};

/* 0 or an errno. */
int memory_open(struct memory *memory, uint64_t size);
void memory_close(struct memory *memory);

/* The bytes read as zeros from now on; whole pages go back to the system. */
void memory_unmap(struct memory *memory, uint64_t offset, uint64_t length);

#endif
