/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "stgtest/pattern.h"
#include "os/endian.h"

#include <string.h>

void generator_seed(struct generator *generator, uint32_t seed)
{
    generator->state = seed ? seed : 1;
}

/* A linear congruential generator; its low bits are poor, so a byte is taken from bits 16 to 23. */
static uint8_t next_byte(struct generator *generator)
{
    generator->state = generator->state * 214013u + 2531011u;
    return (uint8_t)(generator->state >> 16);
}

static uint64_t next_bytes(struct generator *generator, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++)
        value |= (uint64_t)next_byte(generator) << (8 * i);
    return value;
}

uint32_t generator_u32(struct generator *generator)
{
    return (uint32_t)next_bytes(generator, 4);
}

uint64_t generator_u64(struct generator *generator)
{
    return next_bytes(generator, 8);
}

/* The 64-bit finaliser of MurmurHash3: neighbouring blocks get unlike words. It counts from 1,
 * since it maps 0 to 0, and an unmapped block reads as zeros. */
uint64_t pattern_word(uint64_t lba)
{
    uint64_t k = lba + 1;

    k ^= k >> 33;
    k *= 0xff51afd7ed558ccdu;
    k ^= k >> 33;
    k *= 0xc4ceb9fe1a85ec53u;
    k ^= k >> 33;
    return k;
}

void pattern_fill(uint8_t *buffer, uint64_t lba, uint32_t blocks, uint32_t block_length)
{
    for (; blocks > 0; blocks--, lba++) {
        uint64_t word = htole64(pattern_word(lba));

        for (uint32_t i = 0; i + sizeof word <= block_length; i += sizeof word)
            memcpy(buffer + i, &word, sizeof word);
        buffer += block_length;
    }
}

size_t pattern_check(const uint8_t *buffer, uint64_t lba, uint32_t blocks, uint32_t block_length)
{
    for (uint32_t b = 0; b < blocks; b++) {
        const uint8_t *block = buffer + (size_t)b * block_length;
        uint64_t word = htole64(pattern_word(lba + b));

        for (uint32_t i = 0; i + sizeof word <= block_length; i += sizeof word) {
            if (memcmp(block + i, &word, sizeof word) == 0)
                continue;
            while (block[i] == ((const uint8_t *)&word)[i % sizeof word])
                i++;
            return (size_t)b * block_length + i;
        }
    }
    return SIZE_MAX;
}

size_t pattern_check_zero(const uint8_t *buffer, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (buffer[i] != 0)
            return i;
    }
    return SIZE_MAX;
}
