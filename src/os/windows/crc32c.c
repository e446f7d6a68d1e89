/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* CRC32C without a library, by the processor's instruction if it has one. The file uses nothing of
 * Windows, so the unit tests of other systems compare it with theirs. */

#include "os/os.h"

#include <nmmintrin.h>
#include <string.h>

/* The remainders of four bits, for the polynomial 1EDC6F41h with its bits reversed. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return crc;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t crc, const uint8_t *bytes, size_t length)
{
    /* As many bytes at once as a register has. */
    for (; length >= sizeof(uintptr_t); bytes += sizeof(uintptr_t), length -= sizeof(uintptr_t)) {
        uintptr_t word;

        memcpy(&word, bytes, sizeof word);
#ifdef __x86_64__
        crc = (uint32_t)_mm_crc32_u64(crc, word);
#else
        crc = _mm_crc32_u32(crc, word);
#endif
    }
    for (; length > 0; bytes++, length--)
        crc = _mm_crc32_u8(crc, *bytes);
    return crc;
}

uint32_t os_crc32c(uint32_t crc, const void *bytes, size_t length)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, bytes, length)
                                            : by_table(crc, bytes, length);
}
