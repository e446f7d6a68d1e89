/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Strings of UTF-16 code units, for which only Windows' run time has functions. Letters are equal
 * in either case where they are ASCII, numbers are those of C.
 */

#ifndef LAUNCH_TEXT_H
#define LAUNCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

enum { TEXT_NUMBER_MAX = 21 }; /* characters of any uint64_t with its NUL */

size_t text_length(const char16_t *text);
/* Decimal. */
void text_of_number(uint64_t number, char16_t text[TEXT_NUMBER_MAX]);
/* Digits and nothing else: decimal, 0x hexadecimal or 0 octal where any_base. false: no number, or
 * more than UINT64_MAX. */
bool text_number(const char16_t *text, bool any_base, uint64_t *number);
/* The text behind the prefix; NULL where the text does not begin with it. */
const char16_t *text_behind(const char16_t *text, const char16_t *prefix);

#endif
