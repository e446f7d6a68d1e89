/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <gnutls/crypto.h>

static const gnutls_digest_algorithm_t algorithms[] = {
    [OS_MD5] = GNUTLS_DIG_MD5,
    [OS_SHA1] = GNUTLS_DIG_SHA1,
    [OS_SHA256] = GNUTLS_DIG_SHA256,
};

size_t os_hash(enum os_hash which, const void *first, size_t first_length, const void *second,
    size_t second_length, uint8_t digest[OS_HASH_MAX])
{
    gnutls_hash_hd_t hash;
    bool done;

    if (gnutls_hash_init(&hash, algorithms[which]) != 0)
        return 0;
    done = gnutls_hash(hash, first, first_length) == 0 &&
        gnutls_hash(hash, second, second_length) == 0;
    gnutls_hash_deinit(hash, digest);
    return done ? gnutls_hash_get_len(algorithms[which]) : 0;
}
