/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Golden files: an answer of the engine as text, to compare with the standard. A line has a field,
 * with its place as the standard counts (byte, or byte.bit).
 *
 * SPD_UPDATE_GOLDENS=1 in the environment writes the files instead of comparing with them.
 */

#ifndef TESTS_SCSI_GOLDEN_H
#define TESTS_SCSI_GOLDEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A field of whole bytes (width a multiple of 8, bit 7) or of bits within one byte. */
struct field {
    uint16_t byte;
    uint8_t bit; /* the most significant */
    uint16_t width;
    const char *name;
};

#define BYTES(at, count, name) { (at), 7, (count) * 8, name }
#define BITS(at, bit, width, name) { (at), (bit), (width), name }

/* Prints `length` bytes by their fields, which are in ascending order; what no field covers is
 * printed as reserved. Places count from the start of data. */
void golden_fields(FILE *out, const uint8_t *data, size_t length, const struct field *fields,
    size_t count);

/* The text to which an answer is printed; one at a time. */
FILE *golden_begin(void);
/* Compares what was printed with the golden file of this name; the first line that differs fails
 * the test. */
void golden_compare(const char *name);

#endif
