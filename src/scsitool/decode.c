/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "scsitool/decode.h"

#include <string.h>

enum { STRUCTURE_MAX = 256 }; /* bytes that a table of fields describes */

uint64_t decode_be(const uint8_t *data, size_t length)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++)
        value = value << 8 | data[i];
    return value;
}

/* Bytes that a field touches. */
static size_t field_bytes(const struct field *field)
{
    return (7u - field->bit + field->width + 7u) / 8u;
}

static uint64_t field_value(const struct field *field, const uint8_t *data)
{
    size_t bytes = field_bytes(field);
    unsigned below = (unsigned)(bytes * 8 - (7u - field->bit) - field->width);
    uint64_t value = decode_be(data + field->byte, bytes) >> below;

    return field->width < 64 ? value & ((UINT64_C(1) << field->width) - 1) : value;
}

static void mark(uint8_t covered[STRUCTURE_MAX], const struct field *field)
{
    for (size_t i = 0; i < field->width; i++) {
        size_t at = field->byte * 8u + (7u - field->bit) + i;

        if (at / 8 < STRUCTURE_MAX)
            covered[at / 8] |= (uint8_t)(0x80 >> at % 8);
    }
}

static void show_number(struct printer *printer, const struct field *field, const uint8_t *data,
    size_t length)
{
    uint64_t value = field_value(field, data);
    size_t end = field->byte + field_bytes(field) + field->extra;
    char warning[64];
    bool mismatch = field->kind == FIELD_LENGTH && (length < end || value != length - end);

    if (mismatch)
        snprintf(warning, sizeof warning, "%zu bytes follow", length > end ? length - end : 0);
    printer_number(printer, field->name, field->byte, field->bit, field->width, value,
        mismatch ? warning : NULL);
}

static void show_field(struct printer *printer, const struct field *field, const uint8_t *data,
    size_t length)
{
    switch (field->kind) {
    case FIELD_TEXT:
        printer_text(printer, field->name, data + field->byte, field->width / 8u);
        break;
    case FIELD_BYTES:
        printer_bytes(printer, field->name, data + field->byte, field->width / 8u);
        break;
    default:
        show_number(printer, field, data, length);
    }
}

static void show_reserved(struct printer *printer, const uint8_t *covered, const uint8_t *data,
    size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t stray = data[i] & (uint8_t)~covered[i];
        char warning[32];

        if (stray == 0)
            continue;
        snprintf(warning, sizeof warning, "in byte %zu", i);
        printer_number(printer, "RESERVED", (uint32_t)i, 7, 8, stray, warning);
    }
}

void decode_fields(struct printer *printer, struct fields fields, const uint8_t *data,
    size_t length)
{
    uint8_t covered[STRUCTURE_MAX] = { 0 };
    size_t end = 0;

    for (size_t i = 0; i < fields.count; i++) {
        const struct field *field = &fields.field[i];

        if (field->byte + field_bytes(field) > length)
            break;
        end = field->byte + field_bytes(field);
        mark(covered, field);
        show_field(printer, field, data, length);
    }
    show_reserved(printer, covered, data, end < STRUCTURE_MAX ? end : STRUCTURE_MAX);
    printer_break(printer);
}
