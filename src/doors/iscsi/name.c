/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The same check serves every name: of our target, of initiators, and of those in a secrets file. A
 * name that passes has one spelling, so that code which keeps it may compare bytes. */

#include "doors/iscsi/name.h"

#include <stdbool.h>
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
    const char *domain = rest + sizeof(pattern) - 1;
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

/* A character that may not be printed is no part of a name either. */
static bool is_text(const char *name)
{
    char printed[4 * ISCSI_NAME_MAX + 4];

    spd_log_escape(name, printed, sizeof(printed));
    return strcmp(name, printed) == 0;
}

const char *name_fault(char *name)
{
    if (strlen(name) > ISCSI_NAME_MAX)
        return "it is longer than 223 bytes";
    for (char *c = name; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
        if (!is_ascii(*c) && (unsigned char)*c < 0x80)
            return "it has other characters than letters, digits, '.', '-' and ':'";
    }
    if (!is_text(name))
        return "it is not UTF-8, or has characters that cannot be printed";
    if (strncmp(name, "iqn.", 4) == 0)
        return iqn_fault(name + 4);
    if (strncmp(name, "eui.", 4) == 0)
        return hex_fault(name + 4, 16, 16);
    if (strncmp(name, "naa.", 4) == 0)
        return hex_fault(name + 4, 16, 32);
    return "it begins with none of 'iqn.', 'eui.' and 'naa.'";
}
