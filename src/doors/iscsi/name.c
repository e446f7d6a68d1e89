/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The same check serves every name: of the target, of initiators, and of those in a secrets file.
 * A name that passes is in its normal form: sessions, reservations, accounts and the log keep it.
 *
 * RFC 3722 makes two names one where they differ in case, or in the way that Unicode writes a
 * character: a name is prepared when it is configured. RFC 3722 1 gives the reason. Most initiators
 * and targets are simple, embedded software, which compares bytes. RFC 7143 4.2.7.2 says the same
 * of the protocol: a name has only characters that the preparation gives, and is compared byte for
 * byte. So a target does not map and normalise; Unicode's tables for that are larger than this
 * door. It must refuse names that no preparation gives:
 *
 *   - The capital letters of ASCII become small ones, since people configure these by hand, in
 *     programs that prepare nothing. Capitals of other scripts are other bytes, and another name.
 *   - Bytes that are no UTF-8, and characters that RFC 3722 6 prohibits or 4 maps to nothing, are
 *     refused. Among these are the characters that nobody can see.
 *
 * Characters that came to Unicode after version 3.2 pass: RFC 3454 7 lets a query have them, and an
 * initiator's name is one. RFC 3722 7, on the direction of letters, is about the look of a name and
 * is not checked.
 */

#include "doors/iscsi/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "doors/iscsi/limits.h"
#include "lib/log.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 3722 6.2 prohibits the ASCII characters that are neither of these. */
static bool is_ascii(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == ':';
}

/* iqn.2026-01.org.example[:anything]: a month in which the domain was its owner's. */
static const char *iqn_fault(const char *rest)
{
    static const char pattern[] = "dddd-dd.";
    const char *domain = rest + sizeof pattern - 1;
    int month;

    for (size_t i = 0; pattern[i] != '\0'; i++)
        if (pattern[i] == 'd' ? !is_digit(rest[i]) : rest[i] != pattern[i])
            return "after 'iqn.' there is no date of the form YYYY-MM and a '.'";
    month = (rest[5] - '0') * 10 + rest[6] - '0';
    if (month < 1 || month > 12)
        return "the month of its date is not 01 to 12";
    if (*domain == '\0' || *domain == ':' || *domain == '.')
        return "after the date there is no domain name";
    return NULL;
}

static const char *hex_fault(const char *rest, size_t length, size_t or_length)
{
    size_t digits = strspn(rest, "0123456789abcdef");

    if (rest[digits] != '\0' || (digits != length && digits != or_length))
        return or_length == length ? "after 'eui.' there are not 16 hexadecimal digits"
                                   : "after 'naa.' there are not 16 or 32 hexadecimal digits";
    return NULL;
}

/* RFC 3722 4 (RFC 3454 B.1) and 6.1 (C.1.2, C.2.2, C.3 to C.9), 6.2, without ASCII. */
static const struct {
    uint32_t first, last;
} prohibited[] = {
    { 0x80, 0xa0 }, { 0xad, 0xad }, { 0x340, 0x341 }, { 0x34f, 0x34f }, { 0x6dd, 0x6dd },
    { 0x70f, 0x70f }, { 0x1680, 0x1680 }, { 0x1806, 0x1806 }, { 0x180b, 0x180e },
    { 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x2063 }, { 0x206a, 0x206f },
    { 0x2ff0, 0x2ffb }, { 0x3000, 0x3000 }, { 0x3002, 0x3002 }, { 0xd800, 0xf8ff },
    { 0xfdd0, 0xfdef }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xffff },
    { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff },
};

/* The character of so many bytes. */
static uint32_t character_of(const char *bytes, size_t length)
{
    uint32_t character = (unsigned char)*bytes & (0x7fu >> length);

    for (size_t i = 1; i < length; i++)
        character = character << 6 | ((unsigned char)bytes[i] & 0x3f);
    return character;
}

static bool is_prohibited(uint32_t character)
{
    if ((character & 0xfffe) == 0xfffe) /* C.4: the last two of each plane */
        return true;
    for (size_t i = 0; i < sizeof prohibited / sizeof prohibited[0]; i++)
        if (character >= prohibited[i].first && character <= prohibited[i].last)
            return true;
    return false;
}

/* Makes ASCII small. An unprintable character is no part of a name either. */
static const char *prepare(char *name)
{
    while (*name != '\0') {
        size_t length = spd_printable(name);

        if (*name >= 'A' && *name <= 'Z')
            *name |= 0x20;
        if ((unsigned char)*name < 0x80 && !is_ascii(*name))
            return "it has other characters than letters, digits, '.', '-' and ':'";
        if (length == 0)
            return "it is not UTF-8, or has characters that cannot be printed";
        if (length > 1 && is_prohibited(character_of(name, length)))
            return "it has a character that RFC 3722 prohibits in names";
        name += length;
    }
    return NULL;
}

const char *iscsi_name_fault(char *name)
{
    const char *fault;

    if (strlen(name) > ISCSI_NAME_MAX)
        return "it is longer than 223 bytes";
    fault = prepare(name);
    if (fault)
        return fault;
    if (strncmp(name, "iqn.", 4) == 0)
        return iqn_fault(name + 4);
    if (strncmp(name, "eui.", 4) == 0)
        return hex_fault(name + 4, 16, 16);
    if (strncmp(name, "naa.", 4) == 0)
        return hex_fault(name + 4, 16, 32);
    return "it begins with none of 'iqn.', 'eui.' and 'naa.'";
}

bool iscsi_name_is(const char *text, const char *name)
{
    char copy[ISCSI_NAME_MAX + 2];

    /* A name with a byte too many is a fault, so the copy need be no longer. */
    snprintf(copy, sizeof copy, "%s", text);
    return !iscsi_name_fault(copy) && strcmp(copy, name) == 0;
}
