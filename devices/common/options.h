/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The command line of a program. The options are the rows of two tables, the program's own and the
 * common one. Rows serve parsing, --help and the start line.
 *
 *     option_rows.c   the common table, and the rows of a program in their order
 *     option_kinds.c  what a kind of option reads, and how the start line shows it
 *     option_help.c   --help
 *     options.c       the parser, and rules for more than one option
 */

#ifndef DEVICES_COMMON_OPTIONS_H
#define DEVICES_COMMON_OPTIONS_H

#include <stdio.h>

#include <spd/program.h>

enum {
    OPTION_THREADS_MAX = 1024,
    OPTION_STOP_TIMEOUT = 60, /* seconds */
    OPTION_STOP_TIMEOUT_MAX = 86400,
    OPTION_ROWS_MAX = 64, /* with the program's own rows: bits of spd_program_options.given */
    OPTION_TITLE_MAX = 40,
};

/* Kinds that only the common table has. */
enum {
    OPTION_MASK = SPD_PROGRAM_FLAG + 1, /* uint32_t, -1 for all */
    OPTION_DOOR, /* one more door */
    OPTION_FILTER, /* adds a filter */
    OPTION_GUID,
    OPTION_WWN,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_KINDS,
};

/* Row `index` of the program, NULL past the last: its own ones come first, and then the common ones
 * that it has. */
const spd_program_option *option_row(const spd_program *program, unsigned index);
/* NULL: the program has none of this name. */
const spd_program_option *option_named(const spd_program *program, const char *name);
/* The value of a row. */
void *option_value(const spd_program_option *row, spd_program_options *options);
bool option_given(const spd_program_option *row, const spd_program_options *options);
/* Whether each time that this option is given makes one more disk. */
bool option_makes_disks(const spd_program_option *row, const spd_program *program);
/* The form that most people type: "-x", or "--name". Returns word. */
const char *option_word(const spd_program_option *row, char word[OPTION_TITLE_MAX]);
/* The name in messages, "-x (--name)" or "--name". Returns title. */
const char *option_title(const spd_program_option *row, char title[OPTION_TITLE_MAX]);
/* The program's fault, that two of its options have one name or letter, or that it has too many: a
 * message. */
bool option_rows_check(const spd_program *program);

/* Reads an argument, NULL for a flag; prints a message if it is no good. */
bool option_parse(const spd_program_option *row, spd_program_options *options, const char *text);
/* " -x VALUE", or nothing. */
void option_print(const spd_program_option *row, spd_program_options *options, FILE *out);

void option_help(const spd_program *program, FILE *out);

/* Fills in the defaults and the values of argv. Returns -1 to go on; otherwise the exit status:
 * --help and --version were answered (0), or a message was printed (SPD_PROGRAM_EXIT_USAGE). */
int options_parse(spd_program_options *options, const spd_program *program, void *own, int argc,
    char **argv);

/* The same for disk `index`. */
spd_program_options options_disk(const spd_program_options *options, uint32_t index);

/* The files with blocks of the disks, by index; NULL past the last. */
const char *options_image(spd_program_options *options, unsigned index);

/* The options, of which guid_text must be known by now, as a command line that would make the same
 * disk again, without a line end. names are the doors as they really are. */
void options_print(spd_program_options *options, FILE *out, const char *const *names,
    uint32_t name_count);

#endif
