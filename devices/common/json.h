/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Writes texts as strings of JSON (RFC 8259 7). */

#ifndef DEVICES_COMMON_JSON_H
#define DEVICES_COMMON_JSON_H

#include <stdio.h>

/* With its quotation marks. A byte that is no part of a visible character of UTF-8 becomes \u00HH.
 * NULL is null. */
void json_text(FILE *out, const char *text);

#endif
