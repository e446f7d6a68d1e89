/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/chap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/door.h"
#include "lib/hex.h"
#include "os/os.h"

/* Preferred first. SHA1 (6) is registered too, but nothing that lacks SHA-256 needs it. */
static const struct chap_algorithm {
    uint32_t number; /* IANA "PPP Authentication Algorithms" */
    enum os_hash hash;
} algorithms[] = {
    { 7, OS_SHA256 },
    { 6, OS_SHA1 },
    { 5, OS_MD5 },
};

enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

size_t iscsi_chap_hash(uint8_t algorithm, uint8_t identifier, const char *secret,
    const uint8_t *challenge, size_t length, uint8_t hash[CHAP_HASH_MAX])
{
    uint8_t first[1 + CHAP_SECRET_MAX];
    size_t secret_length = strlen(secret), hashed = 0;

    if (secret_length > CHAP_SECRET_MAX)
        return 0;
    first[0] = identifier;
    memcpy(first + 1, secret, secret_length);
    for (unsigned i = 0; i < ALGORITHMS; i++)
        if (algorithms[i].number == algorithm)
            hashed = os_hash(
                algorithms[i].hash, first, 1 + secret_length, challenge, length, hash);
    os_wipe(first, sizeof first);
    return hashed;
}

static size_t hex_bytes(const char *text, uint8_t *bytes, size_t size)
{
    size_t digits = strlen(text), count = 0;
    /* RFC 7143 6.1: an odd number of digits begins with a byte of one digit. */
    int high = digits % 2 != 0 ? 0 : -1;

    if (digits == 0 || (digits + 1) / 2 > size)
        return 0;
    for (; *text != '\0'; text++) {
        int value = spd_hex_value(*text);

        if (value < 0)
            return 0;
        if (high < 0) {
            high = value;
        } else {
            bytes[count++] = (uint8_t)(high << 4 | value);
            high = -1;
        }
    }
    return count;
}

static size_t base64_bytes(const char *text, uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0, have = 0;
    size_t count = 0;

    for (; *text != '\0' && *text != '='; text++) {
        const char *digit = strchr(digits, *text);

        if (!digit)
            return 0;
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (count == size)
                return 0;
            bytes[count++] = (uint8_t)(bits >> have);
        }
    }
    return strspn(text, "=") == strlen(text) && strlen(text) <= 2 ? count : 0;
}

size_t iscsi_chap_binary(const char *text, uint8_t *bytes, size_t size)
{
    if (text[0] != '0')
        return 0;
    if ((text[1] | 0x20) == 'x')
        return hex_bytes(text + 2, bytes, size);
    if ((text[1] | 0x20) == 'b')
        return base64_bytes(text + 2, bytes, size);
    return 0;
}

static void put_binary(
    struct iscsi_text *answer, const char *key, const uint8_t *bytes, size_t count)
{
    char text[2 + 2 * CHAP_CHALLENGE + 1] = "0x";

    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 + 2 * i, 3, "%02x", bytes[i]);
    iscsi_text_put(answer, key, text);
}

/* The first of our algorithms, in our order of preference, that the initiator lists. */
static bool choose_algorithm(struct iscsi_chap *chap, const char *offered)
{
    for (unsigned i = 0; i < ALGORITHMS; i++)
        for (const char *p = offered; *p != '\0';) {
            char item[8];
            size_t length = strcspn(p, ",");
            uint32_t number;

            snprintf(item, sizeof item, "%.*s", (int)(length < 7 ? length : 7), p);
            if (iscsi_number(item, &number) && number == algorithms[i].number) {
                chap->algorithm = (uint8_t)number;
                return true;
            }
            p += length;
            p += *p == ',';
        }
    return false;
}

static bool fail(struct iscsi_chap *chap, const char *why)
{
    chap->why = why;
    return false;
}

static bool begin(struct iscsi_chap *chap, const char *offered, struct iscsi_text *answer)
{
    if (!offered || !choose_algorithm(chap, offered))
        return fail(chap, "none of its CHAP_A is SHA-256 (7), SHA1 (6) or MD5 (5)");
    os_random(&chap->identifier, 1);
    os_random(chap->challenge, sizeof chap->challenge);
    iscsi_text_put_number(answer, "CHAP_A", chap->algorithm);
    iscsi_text_put_number(answer, "CHAP_I", chap->identifier);
    put_binary(answer, "CHAP_C", chap->challenge, sizeof chap->challenge);
    chap->state = CHAP_WAIT_RESPONSE;
    return true;
}

/* Takes the same time wherever they differ. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t length)
{
    volatile uint8_t different = 0;

    for (size_t i = 0; i < length; i++)
        different |= a[i] ^ b[i];
    return different == 0;
}

/* An unknown name costs the same time as a wrong secret: a hash over an impossible secret. */
static bool verify(struct iscsi_chap *chap, const struct iscsi_chap_accounts *initiators,
    const struct iscsi_chap_keys *keys)
{
    const struct iscsi_chap_account *account = NULL;
    uint8_t expected[CHAP_HASH_MAX], response[CHAP_HASH_MAX];
    size_t length, given = iscsi_chap_binary(keys->response, response, sizeof response);

    for (uint32_t i = 0; i < initiators->count; i++)
        if (strcmp(initiators->list[i].name, keys->name) == 0)
            account = &initiators->list[i];
    length = iscsi_chap_hash(chap->algorithm, chap->identifier,
        account ? account->secret : "no such account", chap->challenge,
        sizeof chap->challenge, expected);
    if (!account)
        return fail(chap, "the secrets file does not have its user");
    if (length == 0 || given != length || !same_bytes(expected, response, length))
        return fail(chap, "its secret is not the user's");
    chap->name = account->name;
    return true;
}

/* The initiator asks the target to authenticate, too. */
static bool respond(struct iscsi_chap *chap, const struct iscsi_chap_accounts *mutual,
    const struct iscsi_chap_keys *keys, struct iscsi_text *answer)
{
    uint8_t challenge[CHAP_CHALLENGE_MAX], hash[CHAP_HASH_MAX];
    uint32_t identifier;
    size_t length = iscsi_chap_binary(keys->challenge, challenge, sizeof challenge);

    if (mutual->count == 0)
        return fail(chap, "it demands our secret, and the URI has no mutual=FILE");
    if (length == 0 || !iscsi_number(keys->identifier, &identifier) || identifier > 255)
        return fail(chap, "its CHAP_I or CHAP_C has no such value");
    /* RFC 7143 9.2.1: our own challenge, sent back for us to answer, is an attack. */
    if (length == sizeof chap->challenge && memcmp(challenge, chap->challenge, length) == 0)
        return fail(chap, "it sends our own challenge back");
    length = iscsi_chap_hash(
        chap->algorithm, (uint8_t)identifier, mutual->list[0].secret, challenge, length, hash);
    if (length == 0)
        return fail(chap, "the system has no such hash");
    iscsi_text_put(answer, "CHAP_N", mutual->list[0].name);
    put_binary(answer, "CHAP_R", hash, length);
    return true;
}

bool iscsi_chap_step(struct iscsi_chap *chap, const struct iscsi_chap_rules *rules,
    const struct iscsi_chap_keys *keys, struct iscsi_text *answer)
{
    switch (chap->state) {
    case CHAP_WAIT_ALGORITHM:
        return begin(chap, keys->algorithms, answer);
    case CHAP_WAIT_RESPONSE:
        if (!keys->name || !keys->response ||
            (!keys->identifier) != (!keys->challenge))
            return fail(chap, "CHAP_N, CHAP_R, CHAP_I or CHAP_C is missing");
        if (!verify(chap, rules->initiators, keys))
            return false;
        if (!keys->challenge && rules->demand_mutual)
            return fail(chap, "it does not ask us to prove ourselves, as demand-mutual=1 wants");
        if (keys->challenge && !respond(chap, rules->mutual, keys, answer))
            return false;
        chap->state = CHAP_DONE;
        return true;
    default:
        return fail(chap, "it authenticates twice");
    }
}
