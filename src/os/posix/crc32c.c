/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <isa-l/crc.h>
#include <limits.h>

uint32_t os_crc32c(uint32_t crc, const void *bytes, size_t length)
{
    const unsigned char *p = bytes;

    /* The library counts with an int. */
    for (; length > INT_MAX; p += INT_MAX, length -= INT_MAX)
        crc = crc32_iscsi((unsigned char *)(uintptr_t)p, INT_MAX, crc);
    return crc32_iscsi((unsigned char *)(uintptr_t)p, (int)length, crc);
}
