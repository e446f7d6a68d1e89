/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filter.h"
#include "options.h"

#include <string.h>

/* text from the column at which the line is, in lines of at most 80. */
static void print_wrapped(FILE *out, const char *text)
{
    enum { INDENT = 31, WIDTH = 80 - INDENT };

    while (strlen(text) > WIDTH) {
        int length = WIDTH;

        while (length > 1 && text[length] != ' ')
            length--;
        fprintf(out, "%.*s\n%*s", length, text, INDENT, "");
        text += length + 1;
    }
    fprintf(out, "%s\n", text);
}

/* The defaults of a program that serves an image follow from the image. */
static const struct {
    const char *option, *help;
} of_images[] = {
    { "block-count", "number of blocks (those of the image; 1048576 for a new one)" },
    { "block-length", "bytes in a block, a power of two from 512 to 65536 (512; for a block device "
        "the length of its sectors)" },
};

static bool has_image(const spd_program *program)
{
    for (size_t i = 0; i < program->option_count; i++)
        if (program->options[i].kind == SPD_PROGRAM_IMAGE)
            return true;
    return false;
}

static const char *help_of(const spd_program *program, const spd_program_option *row)
{
    for (size_t i = 0; has_image(program) && i < sizeof of_images / sizeof of_images[0]; i++)
        if (!strcmp(row->name, of_images[i].option))
            return of_images[i].help;
    return row->help;
}

static void print_usage(const spd_program *program, FILE *out)
{
    const spd_program_option *row;

    fprintf(out, "usage: %s [OPTION]...", program->name);
    for (unsigned i = 0; (row = option_row(program, i)); i++) {
        char word[OPTION_TITLE_MAX];

        if (row->required)
            fprintf(out, " %s %s", option_word(row, word), row->argument);
    }
    fprintf(out, "\n%s\n\n", program->summary);
}

void option_help(const spd_program *program, FILE *out)
{
    const spd_program_option *row;

    print_usage(program, out);
    for (unsigned i = 0; (row = option_row(program, i)); i++) {
        char name[48], help[256];

        snprintf(name, sizeof name, "--%s%s%s", row->name, row->argument ? " " : "",
            row->argument ? row->argument : "");
        fprintf(out, "  %c%c%s %-24s ", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
            row->letter ? "," : " ", name);
        snprintf(help, sizeof help, "%s%s", help_of(program, row),
            option_makes_disks(row, program)
                ? "; may be repeated: LUN 0, 1, ... of one target" : "");
        print_wrapped(out, help);
    }
    fputs("\nA FILTER is NAME, or NAME:KEY=VALUE,... See spd-filters(7).\n", out);
    filter_help(out);
    fprintf(out, "\nA URI is, for example, iscsi://127.0.0.1:3260/iqn.2026-01.org.example:disk\n"
                 "(port 0 takes a free one), and on Windows also \\\\.\\pipe\\disk. See %s(1).\n",
        program->name);
}
