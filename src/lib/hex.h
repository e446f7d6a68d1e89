/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Hexadecimal digits, for all readers of text. The C library's isxdigit() asks the locale,
 * and gives no value. */

#ifndef SPD_LIB_HEX_H
#define SPD_LIB_HEX_H

/* 0..15; -1: the character is no digit. */
static inline int spd_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
