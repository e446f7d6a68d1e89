/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"
#include "quote.h"
#include "size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct option_kind {
    /* Stores a good text at value. Otherwise prints a message. NULL: nothing to read. */
    bool (*parse)(const spd_program_option *row, spd_program_options *options, const char *text,
        void *value);
    /* The value in the start line. Returns false for none; out is NULL then. */
    bool (*print)(const spd_program_option *row, const spd_program_options *options,
        const void *value, FILE *out);
};

static bool is_printable(const char *text, uint64_t min, uint64_t max)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return length >= min && length <= max;
}

static bool parse_text(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];

    if (row->max && !is_printable(text, row->min, row->max)) {
        spd_program_error(options->program,
            "%s '%s' must be %" PRIu64 " to %" PRIu64 " printable ASCII characters",
            option_title(row, title), text, row->min, row->max);
        return false;
    }
    if (!*text) {
        spd_program_error(options->program, "%s must not be empty", option_title(row, title));
        return false;
    }
    *(const char **)value = text;
    return true;
}

static bool parse_number(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];
    uint64_t number;

    if (!size_parse_number(text, &number) || number < row->min || number > row->max ||
        (row->power_of_two && number & (number - 1))) {
        spd_program_error(options->program, "%s '%s' must be a %s from %" PRIu64 " to %" PRIu64,
            option_title(row, title), text, row->power_of_two ? "power of two" : "number",
            row->min, row->max);
        return false;
    }
    *(uint64_t *)value = number;
    return true;
}

static bool parse_size(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];
    uint64_t size;

    if (!size_parse(text, &size) || size == 0) {
        spd_program_error(options->program,
            "%s '%s' must be a whole number of bytes above 0, perhaps with one of K M G T P E",
            option_title(row, title), text);
        return false;
    }
    *(uint64_t *)value = size;
    return true;
}

static bool parse_switch(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];

    if ((text[0] != '0' && text[0] != '1') || text[1]) {
        spd_program_error(options->program, "%s '%s' must be 0 or 1", option_title(row, title),
            text);
        return false;
    }
    *(bool *)value = text[0] == '1';
    return true;
}

static bool parse_flag(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    (void)row;
    (void)options;
    (void)text;
    *(bool *)value = true;
    return true;
}

static bool parse_mask(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];
    uint64_t mask = UINT32_MAX;

    if (strcmp(text, "-1") != 0 && (!size_parse_number(text, &mask) || mask > UINT32_MAX)) {
        spd_program_error(options->program, "%s '%s' must be -1 or a number of at most 32 bits",
            option_title(row, title), text);
        return false;
    }
    *(uint32_t *)value = (uint32_t)mask;
    return true;
}

static bool parse_guid(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    static const uint8_t none[16];

    (void)row;
    /* All zero means "make one up" to the library, so it cannot be asked for. */
    if (spd_guid_parse(text, value) != 0 || !memcmp(value, none, sizeof none)) {
        spd_program_error(options->program, "--guid '%s' must have the form "
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal and not be all zero", text);
        return false;
    }
    spd_guid_format(value, options->guid_text);
    return true;
}

/* The library checks the name; this checks that the text is bytes in hexadecimal. */
static bool parse_wwn(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t length = strlen(text);
    uint8_t *wwn = value;

    (void)row;
    if ((length != 16 && length != 32) || strspn(text, digits) != length) {
        spd_program_error(options->program, "--wwn '%s' must be 16 or 32 hexadecimal digits", text);
        return false;
    }
    memset(wwn, 0, sizeof options->wwn);
    for (size_t i = 0; i < length / 2; i++)
        wwn[i] = (uint8_t)strtoul((char[3]){ text[2 * i], text[2 * i + 1] }, NULL, 16);
    memcpy(options->wwn_text, text, length + 1);
    return true;
}

static bool parse_door(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];

    (void)value;
    if (options->door_count == SPD_PROGRAM_DOORS_MAX) {
        spd_program_error(options->program, "%s may be given at most %d times",
            option_title(row, title), SPD_PROGRAM_DOORS_MAX);
        return false;
    }
    options->doors[options->door_count++] = text;
    return true;
}

static bool parse_filter(const spd_program_option *row, spd_program_options *options,
    const char *text, void *value)
{
    char title[OPTION_TITLE_MAX];

    (void)value;
    if (options->filter_count == SPD_PROGRAM_FILTERS_MAX) {
        spd_program_error(options->program, "%s may be given at most %d times",
            option_title(row, title), SPD_PROGRAM_FILTERS_MAX);
        return false;
    }
    options->filters[options->filter_count++] = text;
    return true;
}

static bool print_text(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    const char *text = *(const char *const *)value;

    if (option_makes_disks(row, options->program) && options->argument)
        text = options->argument;
    if (text && out)
        quote_print(out, text);
    return text;
}

/* A number with a letter is always shown, with the value that it has now. */
static bool print_number(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    if (!row->letter && !option_given(row, options))
        return false;
    if (out)
        fprintf(out, "%" PRIu64, *(const uint64_t *)value);
    return true;
}

static bool print_size(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    (void)row;
    (void)options;
    if (*(const uint64_t *)value && out)
        fprintf(out, "%" PRIu64, *(const uint64_t *)value);
    return *(const uint64_t *)value;
}

static bool print_switch(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    (void)row;
    (void)options;
    if (out)
        fprintf(out, "%d", *(const bool *)value);
    return true;
}

static bool print_flag(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    (void)row;
    (void)options;
    (void)out;
    return *(const bool *)value;
}

static bool print_mask(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    uint32_t mask = *(const uint32_t *)value;

    (void)row;
    (void)options;
    if (mask && out)
        fprintf(out, "0x%x", mask);
    return mask;
}

static bool print_guid(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    (void)row;
    (void)value;
    if (out)
        fputs(options->guid_text, out);
    return true;
}

static bool print_wwn(const spd_program_option *row, const spd_program_options *options,
    const void *value, FILE *out)
{
    (void)row;
    (void)value;
    if (*options->wwn_text && out)
        fputs(options->wwn_text, out);
    return *options->wwn_text;
}

static const struct option_kind kinds[OPTION_KINDS] = {
    [SPD_PROGRAM_TEXT] = { parse_text, print_text },
    [SPD_PROGRAM_IMAGE] = { parse_text, print_text },
    [SPD_PROGRAM_NUMBER] = { parse_number, print_number },
    [SPD_PROGRAM_SIZE] = { parse_size, print_size },
    [SPD_PROGRAM_SWITCH] = { parse_switch, print_switch },
    [SPD_PROGRAM_FLAG] = { parse_flag, print_flag },
    [OPTION_MASK] = { parse_mask, print_mask },
    [OPTION_DOOR] = { parse_door, NULL },
    [OPTION_FILTER] = { parse_filter, NULL },
    [OPTION_GUID] = { parse_guid, print_guid },
    [OPTION_WWN] = { parse_wwn, print_wwn },
    [OPTION_HELP] = { NULL, NULL },
    [OPTION_VERSION] = { NULL, NULL },
};

bool option_parse(const spd_program_option *row, spd_program_options *options, const char *text)
{
    return kinds[row->kind].parse(row, options, text, option_value(row, options));
}

void option_print(const spd_program_option *row, spd_program_options *options, FILE *out)
{
    const struct option_kind *kind = &kinds[row->kind];
    const void *value = option_value(row, options);
    char word[OPTION_TITLE_MAX];

    if (row->omitted || !kind->print(row, options, value, NULL))
        return;
    fprintf(out, " %s", option_word(row, word));
    if (!row->argument)
        return;
    fputc(' ', out);
    kind->print(row, options, value, out);
}
