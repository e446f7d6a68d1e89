/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shows fields: a line NAME=value for each, or the table of bits that the standards draw. */

#ifndef SCSITOOL_PRINTER_H
#define SCSITOOL_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct printer {
    FILE *file;
    bool table;
    /* State of the table row that is being drawn. */
    bool row_open;
    uint32_t row_byte;
    int next_bit;
};

void printer_begin(struct printer *printer, FILE *file, bool table);

/* A field that begins at a byte's bit (7 is the most significant) and has `width` bits. warning may
 * be NULL. */
void printer_number(struct printer *printer, const char *name, uint32_t byte, uint8_t bit,
    uint16_t width, uint64_t value, const char *warning);
void printer_text(struct printer *printer, const char *name, const uint8_t *text, size_t length);
void printer_bytes(struct printer *printer, const char *name, const uint8_t *bytes, size_t length);

/* A structure ends: the next one starts a row of its own. */
void printer_break(struct printer *printer);

/* The last row and ruler. */
void printer_end(struct printer *printer);

#endif
