/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The few of <stdlib.h> that the tests' programs call: heap.c, and ntdll (crt.def). */

#ifndef NT_STDLIB_H
#define NT_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);
int atoi(const char *text);

#endif
