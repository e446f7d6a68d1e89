/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <stdlib.h>
#include <windows.h>
#include <bcrypt.h>

void os_sha1(const void *first, size_t first_length, const void *second, size_t second_length,
    uint8_t digest[OS_SHA1_LENGTH])
{
    BCRYPT_ALG_HANDLE algorithm;
    BCRYPT_HASH_HANDLE hash;

    if (first_length > ULONG_MAX || second_length > ULONG_MAX ||
        BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA1_ALGORITHM, NULL, 0) ||
        BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0) ||
        BCryptHashData(hash, (PUCHAR)first, (ULONG)first_length, 0) ||
        BCryptHashData(hash, (PUCHAR)second, (ULONG)second_length, 0) ||
        BCryptFinishHash(hash, digest, OS_SHA1_LENGTH, 0))
        abort(); /* there is no other identity to give */
    BCryptDestroyHash(hash);
    BCryptCloseAlgorithmProvider(algorithm, 0);
}
