/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <limits.h>
#include <windows.h>
#include <bcrypt.h>

static const struct {
    const wchar_t *name;
    ULONG length;
} algorithms[] = {
    [OS_MD5] = { BCRYPT_MD5_ALGORITHM, 16 },
    [OS_SHA1] = { BCRYPT_SHA1_ALGORITHM, 20 },
    [OS_SHA256] = { BCRYPT_SHA256_ALGORITHM, 32 },
};

static bool add(BCRYPT_HASH_HANDLE hash, const void *bytes, size_t length)
{
    return length <= ULONG_MAX && BCryptHashData(hash, (PUCHAR)bytes, (ULONG)length, 0) == 0;
}

size_t os_hash(enum os_hash which, const void *first, size_t first_length, const void *second,
    size_t second_length, uint8_t digest[OS_HASH_MAX])
{
    BCRYPT_ALG_HANDLE algorithm;
    BCRYPT_HASH_HANDLE hash;
    bool done = false;

    /* A policy may forbid MD5. */
    if (BCryptOpenAlgorithmProvider(&algorithm, algorithms[which].name, NULL, 0) != 0)
        return 0;
    if (BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0) == 0) {
        done = add(hash, first, first_length) && add(hash, second, second_length) &&
            BCryptFinishHash(hash, digest, algorithms[which].length, 0) == 0;
        BCryptDestroyHash(hash);
    }
    BCryptCloseAlgorithmProvider(algorithm, 0);
    return done ? algorithms[which].length : 0;
}
