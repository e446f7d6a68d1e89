/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Keeps a device program's output out of its own image, under any name. */

#ifndef DEVICES_COMMON_OUTPUT_H
#define DEVICES_COMMON_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Identifies the file of a name or a descriptor: the same for each name of a file, and of a block
 * device. Not known: there is none, or it does not keep written data. */
struct output_file {
    bool known;
    uint64_t device, number;
};

struct output_file output_of_path(const char *path);
struct output_file output_of_descriptor(int fd);
bool output_same(struct output_file one, struct output_file other);

enum { OUTPUT_WHY_MAX = 128 };

/* Opens a log to append to; *made: there was none before. NULL: why says so. */
FILE *output_open(const char *path, bool *made, char why[OUTPUT_WHY_MAX]);

#endif
