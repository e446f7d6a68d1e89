/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Numbers and sizes as people type them. */

#ifndef DEVICES_COMMON_SIZE_H
#define DEVICES_COMMON_SIZE_H

#include <stdbool.h>
#include <stdint.h>

enum { SIZE_TEXT_MAX = 48 };

/* A whole number, decimal or 0x hexadecimal, and nothing else. */
bool size_parse_number(const char *text, uint64_t *value);

/* Bytes: a whole decimal number, perhaps with one of K M G T P E (powers of 1024), any case. */
bool size_parse(const char *text, uint64_t *bytes);

/* "1073741824 bytes (1 GiB)"; the part in brackets only where it is exact. Returns text. */
const char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);

#endif
