/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "scsitool/printer.h"

#include <inttypes.h>
#include <string.h>

enum {
    CELL = 8,                    /* characters of one bit */
    INSIDE = 8 * (CELL + 1) - 1, /* a whole row, between its borders */
    TEXT_PER_LINE = 64,
    BYTES_PER_LINE = 16,
};

void printer_begin(struct printer *printer, FILE *file, bool table)
{
    *printer = (struct printer){ .file = file, .table = table, .next_bit = -1 };
}

static void ruler(struct printer *printer)
{
    for (int i = 0; i < 8; i++)
        fputs("+--------", printer->file);
    fputs("+\n", printer->file);
}

static void cell(struct printer *printer, int width, const char *text, int length)
{
    int left;

    if (length > width)
        length = width;
    left = (width - length) / 2;
    fprintf(printer->file, "%*s%.*s%*s", left, "", length, text, width - length - left, "");
}

static void blanks(struct printer *printer, int bits)
{
    if (bits <= 0)
        return;
    cell(printer, bits * (CELL + 1) - 1, "", 0);
    fputc('|', printer->file);
}

static void close_row(struct printer *printer)
{
    if (!printer->row_open)
        return;
    blanks(printer, printer->next_bit + 1);
    fputc('\n', printer->file);
    printer->row_open = false;
}

static void open_row(struct printer *printer, uint32_t byte)
{
    close_row(printer);
    ruler(printer);
    fputc('|', printer->file);
    printer->row_open = true;
    printer->row_byte = byte;
    printer->next_bit = 7;
}

/* A row of its own, the full width. */
static void whole_row(struct printer *printer, const char *text)
{
    open_row(printer, UINT32_MAX);
    cell(printer, INSIDE, text, (int)strlen(text));
    fputs("|\n", printer->file);
    printer->row_open = false;
}

static void format_number(uint64_t value, char *text, size_t size)
{
    if (value < 10)
        snprintf(text, size, "%" PRIu64, value);
    else if (value <= UINT32_MAX)
        snprintf(text, size, "%" PRIu64 " (0x%" PRIx64 ")", value, value);
    else
        snprintf(text, size, "%" PRIx32 ":%08" PRIx32, (uint32_t)(value >> 32), (uint32_t)value);
}

/* If the cell is too narrow the name gives way, never the value. */
static void cell_number(struct printer *printer, int width, const char *name, const char *value)
{
    int length = (int)strlen(name), value_length = (int)strlen(value) + 1;
    int left;

    if (length > width - value_length)
        length = width > value_length ? width - value_length : 0;
    left = (width - length - value_length) / 2;
    fprintf(printer->file, "%*s%.*s=%s%*s", left > 0 ? left : 0, "", length, name, value,
        left >= 0 ? width - length - value_length - left : 0, "");
}

void printer_number(struct printer *printer, const char *name, uint32_t byte, uint8_t bit,
    uint16_t width, uint64_t value, const char *warning)
{
    char number[48];
    char text[160];
    int bits = width < bit + 1 ? width : bit + 1;

    format_number(value, number, sizeof number);
    if (warning) {
        snprintf(text, sizeof text, "%s (WARN: %s)", number, warning);
    } else {
        strcpy(text, number);
    }
    if (!printer->table) {
        fprintf(printer->file, "%s=%s\n", name, text);
        return;
    }
    if (!printer->row_open || printer->row_byte != byte || bit > printer->next_bit)
        open_row(printer, byte);
    blanks(printer, printer->next_bit - bit);
    cell_number(printer, bits * (CELL + 1) - 1, name, bits == 8 ? text : number);
    fputc('|', printer->file);
    printer->next_bit = bit - bits;
    /* The field's further bytes need no second name. */
    if (width > bits)
        close_row(printer);
    if (warning && bits < 8) {
        snprintf(text, sizeof text, "%s: WARN: %s", name, warning);
        whole_row(printer, text);
    }
}

void printer_text(struct printer *printer, const char *name, const uint8_t *text, size_t length)
{
    size_t at = 0;

    if (!printer->table)
        fprintf(printer->file, "%s=", name);
    do {
        char line[TEXT_PER_LINE + 1];
        char row[160];
        size_t n = length - at < TEXT_PER_LINE ? length - at : TEXT_PER_LINE;

        for (size_t i = 0; i < n; i++) {
            uint8_t c = text[at + i];

            line[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
        }
        line[n] = '\0';
        if (printer->table && at == 0 && strlen(name) + 1 + n <= INSIDE) {
            snprintf(row, sizeof row, "%s=%s", name, line);
            whole_row(printer, row);
        } else if (printer->table) {
            if (at == 0) {
                snprintf(row, sizeof row, "%s=", name);
                whole_row(printer, row);
            }
            fputc('|', printer->file);
            cell(printer, INSIDE, line, (int)n);
            fputs("|\n", printer->file);
        } else {
            fputs(line, printer->file);
        }
        at += n;
    } while (at < length);
    if (!printer->table)
        fputc('\n', printer->file);
}

void printer_bytes(struct printer *printer, const char *name, const uint8_t *bytes, size_t length)
{
    char line[BYTES_PER_LINE * 3 + 1];

    if (!printer->table) {
        fprintf(printer->file, "%s=", name);
        for (size_t i = 0; i < length; i++)
            fprintf(printer->file, "%s%02x", i ? " " : "", bytes[i]);
        fputc('\n', printer->file);
        return;
    }
    snprintf(line, sizeof line, "%s=", name);
    whole_row(printer, line);
    for (size_t at = 0; at < length; at += BYTES_PER_LINE) {
        size_t n = length - at < BYTES_PER_LINE ? length - at : BYTES_PER_LINE;

        for (size_t i = 0; i < n; i++)
            snprintf(line + 3 * i, 4, "%02x ", bytes[at + i]);
        fputc('|', printer->file);
        cell(printer, INSIDE, line, (int)(3 * n - 1));
        fputs("|\n", printer->file);
    }
}

void printer_break(struct printer *printer)
{
    close_row(printer);
}

void printer_end(struct printer *printer)
{
    close_row(printer);
    if (printer->table)
        ruler(printer);
}
