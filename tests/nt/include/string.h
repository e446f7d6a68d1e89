/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The few of <string.h> that the tests' programs call: ntdll has them (crt.def). */

#ifndef NT_STRING_H
#define NT_STRING_H

#include <stddef.h>

int memcmp(const void *a, const void *b, size_t length);
void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
char *strchr(const char *text, int letter);
int strcmp(const char *a, const char *b);
size_t strlen(const char *text);
char *strrchr(const char *text, int letter);

#endif
