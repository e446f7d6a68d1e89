/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shows a disk's answer field by field. Pure; the bytes may be anything: a short answer is shown as
 * far as it goes, with a warning. */

#ifndef SCSITOOL_DECODE_H
#define SCSITOOL_DECODE_H

#include "scsitool/printer.h"

enum field_kind {
    FIELD_NUMBER,
    FIELD_LENGTH, /* counts the bytes behind it (and `extra`); checked against the answer's
                   * length */
    FIELD_TEXT,
    FIELD_BYTES,
};

/* As the tables of the standards have it: the byte and bit (7 is the most significant) where the
 * field begins, and its width in bits. A table of fields is in that order. */
struct field {
    const char *name;
    uint16_t byte;
    uint8_t bit;
    uint16_t width;
    uint8_t kind; /* enum field_kind */
    uint8_t extra;
};

struct fields {
    const struct field *field;
    size_t count;
};

#define FIELDS(array) { array, sizeof(array) / sizeof((array)[0]) }

/* A structure. Bits that belong to no field and are not zero are reported as reserved. */
void decode_fields(struct printer *printer, struct fields fields, const uint8_t *data,
    size_t length);

/* Whole answers. */
typedef void decoder(struct printer *printer, const uint8_t *data, size_t length);

decoder decode_inquiry;
decoder decode_vpd; /* any page: the page code is in the data */
decoder decode_mode_sense_6;
decoder decode_read_capacity_10;
decoder decode_read_capacity_16;
decoder decode_report_luns;
decoder decode_supported_opcodes;
decoder decode_task_management;
decoder decode_lba_status;
decoder decode_sense; /* fixed or descriptor format */

/* For decoders. */
uint64_t decode_be(const uint8_t *data, size_t length); /* length at most 8 */

#endif
