/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * CRC32C as iSCSI uses it (RFC 7143 13.1): seeded with ones, complemented at the end, sent with its
 * least significant byte first.
 */

#ifndef ISCSI_DIGEST_H
#define ISCSI_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "os/os.h"

#define DIGEST_SEED 0xffffffffu

static inline uint32_t digest_add(uint32_t crc, const void *bytes, size_t length)
{
    return os_crc32c(crc, bytes, length);
}

static inline void digest_put(uint8_t *p, uint32_t crc)
{
    crc = ~crc;
    p[0] = (uint8_t)crc;
    p[1] = (uint8_t)(crc >> 8);
    p[2] = (uint8_t)(crc >> 16);
    p[3] = (uint8_t)(crc >> 24);
}

static inline uint32_t digest_get(const uint8_t *p)
{
    return ~((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

#endif
