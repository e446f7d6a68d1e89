/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "golden.h"

static void print_bytes(FILE *out, const uint8_t *data, unsigned at, unsigned count,
    const char *name)
{
    bool text = count >= 4, same = true;
    char place[16];

    for (unsigned i = 0; i < count; i++) {
        text = text && isprint(data[at + i]);
        same = same && data[at + i] == data[at];
    }
    snprintf(place, sizeof place, count > 1 ? "%u-%u" : "%u", at, at + count - 1);
    fprintf(out, "%-8s ", place);
    if (text)
        fprintf(out, "\"%.*s\"", (int)count, data + at);
    else if (same && count > 8)
        fprintf(out, "%02x x %u", data[at], count);
    else
        for (unsigned i = 0; i < count; i++)
            fprintf(out, "%s%02x", i ? " " : "", data[at + i]);
    fprintf(out, "  %s\n", name);
}

static void print_bits(FILE *out, const uint8_t *data, const struct field *field)
{
    unsigned low = field->bit + 1u - field->width;
    unsigned value = data[field->byte] >> low & ((1u << field->width) - 1);
    char place[16];

    if (field->width == 1)
        snprintf(place, sizeof place, "%u.%u", field->byte, field->bit);
    else
        snprintf(place, sizeof place, "%u.%u-%u", field->byte, field->bit, low);
    fprintf(out, "%-8s %x  %s\n", place, value, field->name);
}

void golden_fields(FILE *out, const uint8_t *data, size_t length, const struct field *fields,
    size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count;) {
        const struct field *field = &fields[i];
        uint8_t covered = 0;

        if (field->byte > at)
            print_bytes(out, data, (unsigned)at, (unsigned)(field->byte - at), "reserved");
        if (field->bit == 7 && field->width % 8 == 0) {
            print_bytes(out, data, field->byte, field->width / 8, field->name);
            at = field->byte + field->width / 8;
            i++;
            continue;
        }
        for (; i < count && fields[i].byte == field->byte; i++) {
            print_bits(out, data, &fields[i]);
            covered |= (uint8_t)(((1u << fields[i].width) - 1) << (fields[i].bit + 1 -
                fields[i].width));
        }
        if (data[field->byte] & ~covered)
            fprintf(out, "%-8u %02x  reserved bits\n", field->byte, data[field->byte] & ~covered);
        at = field->byte + 1u;
    }
    if (at < length)
        print_bytes(out, data, (unsigned)at, (unsigned)(length - at), "reserved");
}

static FILE *output;
static char *printed;
static size_t printed_size;

FILE *golden_begin(void)
{
    output = open_memstream(&printed, &printed_size);
    return output;
}

static FILE *open_golden(const char *name, const char *mode)
{
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, name);
    file = fopen(path, mode);
    if (!file)
        fail_msg("%s: cannot be opened", path);
    return file;
}

static void compare(const char *name, const char *text)
{
    char line[512];
    unsigned number = 0;
    FILE *file;

    if (getenv("SPD_UPDATE_GOLDENS")) {
        file = open_golden(name, "w");
        fputs(text, file);
        fclose(file);
        return;
    }
    file = open_golden(name, "r");
    while (fgets(line, sizeof line, file)) {
        size_t length = strlen(line);

        number++;
        if (strncmp(text, line, length))
            fail_msg("%s.txt:%u: should be: %.*s\n  is: %.*s", name, number, (int)length - 1, line,
                (int)strcspn(text, "\n"), text);
        text += length;
    }
    fclose(file);
    if (*text)
        fail_msg("%s.txt: more than the golden file: %.*s", name, (int)strcspn(text, "\n"), text);
}

void golden_compare(const char *name)
{
    fclose(output);
    compare(name, printed);
    free(printed);
}
