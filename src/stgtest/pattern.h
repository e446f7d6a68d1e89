/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The data that stgtest writes and expects. The numbers are the original's, so that one program can
 * check the other's data. Pure. */

#ifndef STGTEST_PATTERN_H
#define STGTEST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generator {
    uint32_t state;
};

/* A seed of 0 acts as 1. */
void generator_seed(struct generator *generator, uint32_t seed);
uint32_t generator_u32(struct generator *generator);
uint64_t generator_u64(struct generator *generator);

/* The eight bytes that fill block lba over and over, as a number whose low byte comes first. */
uint64_t pattern_word(uint64_t lba);

void pattern_fill(uint8_t *buffer, uint64_t lba, uint32_t blocks, uint32_t block_length);

/* The first byte that differs from the expected one, or SIZE_MAX. */
size_t pattern_check(const uint8_t *buffer, uint64_t lba, uint32_t blocks, uint32_t block_length);
size_t pattern_check_zero(const uint8_t *buffer, size_t length);

#endif
