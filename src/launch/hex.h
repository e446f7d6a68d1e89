/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Hexadecimal digits, of text in bytes or in UTF-16 code units. */

#ifndef LAUNCH_HEX_H
#define LAUNCH_HEX_H

/* 0..15; -1: the character is no digit. */
static inline int launch_hex_value(int character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

#endif
