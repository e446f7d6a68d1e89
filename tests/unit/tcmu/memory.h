/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The kernel's side of the shared memory, for tests: it puts entries and reads answers. */

#ifndef TESTS_UNIT_TCMU_MEMORY_H
#define TESTS_UNIT_TCMU_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum {
    RING = 128,        /* its offset */
    RING_SIZE = 1024,
    DATA = RING + RING_SIZE,
    DATA_SIZE = 65536,
    MEMORY = DATA + DATA_SIZE,
    ENTRY = 176,       /* bytes of a command with up to three vectors and its CDB */
    CDB_AT = 152,      /* its CDB, in the entry */
};

struct vec64 {
    uint64_t base, length;
};

/* Zeroed, aligned, with a mailbox and an empty ring. */
extern uint8_t memory[MEMORY];

void memory_reset(void);
void put16(size_t at, uint16_t value);
void put32(size_t at, uint32_t value);
void put64(size_t at, uint64_t value);
uint16_t get16(size_t at);
uint32_t get32(size_t at);

/* Puts an entry at the head of the ring, and moves the head. They return its offset in the
 * memory. */
size_t put_command(uint16_t id, const struct vec64 *vecs, uint32_t count);
size_t put_entry(uint32_t opcode, uint32_t length);
/* Only the place; the head stays until move_head(). */
size_t head_place(void);
void move_head(uint32_t length);
/* The ring is empty at this offset. */
void begin_at(uint32_t offset);

#endif
