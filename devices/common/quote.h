/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Quotes the user's text in a program's lines: names of files may have any byte but NUL and '/'.
 * The line stays one line, and a word of a command line can be typed again.
 */

#ifndef DEVICES_COMMON_QUOTE_H
#define DEVICES_COMMON_QUOTE_H

#include <stddef.h>
#include <stdio.h>

/* The bytes of the character of UTF-8 at text; 0: it is none, or one that cannot be seen. */
size_t quote_printable(const char *text);

/* text, with \xHH for bytes that are not printable, cut to size. Returns the length. */
size_t quote_line(const char *text, char *line, size_t size);

/* quote_posix.c, quote_windows.c: a word that the system's shells take for this text. */
void quote_print(FILE *out, const char *text);

#endif
