/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SHA-256 as FIPS 180-4 writes it down, in one call. The code is short rather than fast, since it
 * runs once for each unit. */

#include "scsi/sha256.h"

#include <string.h>

#include "scsi/be.h"

enum { BLOCK = 64, WORDS = 8, ROUNDS = 64, LENGTH_AT = BLOCK - 8 };

/* FIPS 180-4 4.2.2 */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* FIPS 180-4 6.2.2, step 1 */
static void schedule(const uint8_t block[BLOCK], uint32_t words[ROUNDS])
{
    for (unsigned t = 0; t < ROUNDS; t++) {
        uint32_t late, early;

        if (t < 16) {
            words[t] = be32_get(block + 4 * t);
            continue;
        }
        late = words[t - 2];
        early = words[t - 15];
        words[t] = (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10) + words[t - 7] +
            (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + words[t - 16];
    }
}

/* FIPS 180-4 6.2.2, steps 2 to 4 */
static void add_block(uint32_t hash[WORDS], const uint8_t block[BLOCK])
{
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
    uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
    uint32_t words[ROUNDS];

    schedule(block, words);
    for (unsigned t = 0; t < ROUNDS; t++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
            constants[t] + words[t];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
            ((a & b) ^ (a & c) ^ (b & c));

        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
    hash[5] += f;
    hash[6] += g;
    hash[7] += h;
}

void scsi_sha256(const void *message, size_t length, uint8_t digest[SCSI_SHA256_LENGTH])
{
    /* FIPS 180-4 5.3.3 */
    uint32_t hash[WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
        0x1f83d9ab, 0x5be0cd19 };
    const uint8_t *at = message;
    uint8_t last[2 * BLOCK] = { 0 };
    size_t left, padded;

    for (left = length; left >= BLOCK; left -= BLOCK, at += BLOCK)
        add_block(hash, at);
    /* FIPS 180-4 5.1.1: a bit 1, zeros, and the length in bits at the end of a block */
    memcpy(last, at, left);
    last[left] = 0x80;
    padded = left < LENGTH_AT ? BLOCK : 2 * BLOCK;
    be64_put(last + padded - 8, (uint64_t)length * 8);
    for (size_t done = 0; done < padded; done += BLOCK)
        add_block(hash, last + done);
    for (unsigned i = 0; i < WORDS; i++)
        be32_put(digest + 4 * i, hash[i]);
}
