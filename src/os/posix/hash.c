/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

void os_sha1(const void *first, size_t first_length, const void *second, size_t second_length,
    uint8_t digest[OS_SHA1_LENGTH])
{
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA1))
        abort(); /* a GnuTLS without SHA-1; there is no other identity to give */
    gnutls_hash(hash, first, first_length);
    gnutls_hash(hash, second, second_length);
    gnutls_hash_deinit(hash, digest);
}
