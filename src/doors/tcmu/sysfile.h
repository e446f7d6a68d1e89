/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Small files of sysfs and configfs: one write is one order to the kernel. */

#ifndef DOORS_TCMU_SYSFILE_H
#define DOORS_TCMU_SYSFILE_H

#include <stdbool.h>
#include <stddef.h>

/* 0 or an errno value. */
int sysfile_write(const char *path, const char *text);
/* The first line, without its end and cut to size - 1 bytes. 0 or an errno value. */
int sysfile_read(const char *path, char *text, size_t size);
/* The number in a file, decimal or with 0x; 0 where there is none. */
unsigned long long sysfile_number(const char *path);
/* The first entry of a folder whose name begins so. False: there is none. */
bool sysfile_find(const char *folder, const char *prefix, char *name, size_t size);

#endif
