/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Plays the kernel for the tcmu: door's loop. The program that links it has the door kernel: alone,
 * whose shared memory is that of memory.h. The UIO device is a socket: four bytes from our end wake
 * the loop, and four bytes come for answers.
 */

#ifndef TESTS_UNIT_TCMU_KERNEL_H
#define TESTS_UNIT_TCMU_KERNEL_H

#include "doors/tcmu/door.h"
#include "memory.h"

/* The door of the last unit. */
extern struct tcmu_door *kernel_door;
/* Our end of the device; -1: the device was removed. */
extern int kernel_fd;
/* The door has no thread: its owner takes turns of the loop. Set it before the unit is created. */
extern bool kernel_by_hand;

/* Lets the door see new entries. */
void kernel_kick(void);
/* Waits until the door has moved the tail on to this offset, or beyond. */
void kernel_await(uint32_t tail);
/* The device goes. */
void kernel_remove(void);

/* READ(16) or WRITE(16) as an entry. */
size_t put_transfer(uint16_t id, uint8_t opcode, uint64_t lba, uint32_t blocks,
    const struct vec64 *vecs, uint32_t count);
/* An entry with this CDB. */
size_t put_cdb(uint16_t id, const uint8_t *cdb, size_t length, const struct vec64 *vecs,
    uint32_t count);

#endif
