/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filters.h"
#include "options.h"
#include "confine.h"
#include "quote.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

enum { OPTION_INDEX_BASE = 256 };

bool spd_program_given(const spd_program_options *options, const char *name)
{
    const spd_program_option *row = option_named(options->program, name);

    return row && option_given(row, options);
}

uint32_t spd_program_disks(const spd_program_options *options)
{
    return options->argument_count ? options->argument_count : 1;
}

/* Each option needs what its row says. */
static bool check_rows(const spd_program_options *o)
{
    const spd_program_option *row, *disks;
    char one[OPTION_TITLE_MAX], several[OPTION_TITLE_MAX];

    for (unsigned i = 0; (row = option_row(o->program, i)); i++) {
        if (row->required && !option_given(row, o)) {
            spd_program_error(o->program, "%s %s is missing: %s", option_word(row, one),
                row->argument, row->help);
            return false;
        }
        if (row->one_disk && option_given(row, o) && o->argument_count > 1) {
            disks = option_named(o->program, o->program->disk_option);
            spd_program_error(o->program, "%s is for one disk: it cannot be given with several %s",
                option_title(row, one), option_title(disks, several));
            return false;
        }
    }
    return true;
}

static bool check_size(const spd_program_options *o, uint64_t size)
{
    if (size % o->block_length) {
        spd_program_error(o->program,
            "--size %" PRIu64 " must be a multiple of the block length %" PRIu64, size,
            o->block_length);
        return false;
    }
    if (size > INT64_MAX || o->block_count > INT64_MAX / o->block_length) {
        spd_program_error(o->program, "the capacity must be less than 2^63 bytes");
        return false;
    }
    return true;
}

static bool options_check(const spd_program_options *o)
{
    if (!check_rows(o))
        return false;
    if (o->size && o->block_count) {
        spd_program_error(
            o->program, "-c (--block-count) and --size exclude each other: give one");
        return false;
    }
    for (uint32_t i = 0; i < spd_program_disks(o); i++)
        if (!check_size(o, options_disk(o, i).size))
            return false;
    return filters_check(o) && confine_check(o);
}

/* getopt's two tables from the rows. */
static void build_getopt(const spd_program *program, char *letters, struct option *names)
{
    const spd_program_option *row;

    *letters++ = ':'; /* tell a missing argument from an unknown option */
    for (unsigned i = 0; (row = option_row(program, i)); i++) {
        if (row->letter) {
            *letters++ = row->letter;
            if (row->argument)
                *letters++ = ':';
        }
        *names++ = (struct option){ row->name, row->argument ? required_argument : no_argument,
            NULL, (int)(OPTION_INDEX_BASE + i) };
    }
    *letters = '\0';
    *names = (struct option){ 0 };
}

/* By getopt's value. NULL: there is none. */
static const spd_program_option *find_row(const spd_program *program, int value, unsigned *index)
{
    const spd_program_option *row;

    for (*index = 0; (row = option_row(program, *index)); ++*index)
        if (value == (int)(OPTION_INDEX_BASE + *index) || (row->letter && row->letter == value))
            return row;
    return NULL;
}

/* The exit status of a program that only had to print something. */
static int answered(const spd_program *program)
{
    bool failed = ferror(stdout) != 0;

    errno = 0;
    failed |= fflush(stdout) != 0;
    if (!failed)
        return 0;
    spd_program_error(program, "standard output cannot be written: %s",
        errno ? strerror(errno) : "an earlier write failed");
    return SPD_PROGRAM_EXIT_FAILURE;
}

static int print_version(const spd_program *program)
{
    if (program->version)
        printf("%s %s\n", program->name, program->version);
    else
        printf("%s (WinSpd) %d.%d.%d\n", program->name, SPD_VERSION_MAJOR, SPD_VERSION_MINOR,
            SPD_VERSION_PATCH);
    return answered(program);
}

/* It prints its own text: on Windows getopt_long()'s begins with the program's whole path. */
static void explain_refusal(const spd_program *program, int value, const char *argument)
{
    const char letter[] = { '-', (char)optopt, '\0' };
    const char *what = optopt > 0 && optopt < OPTION_INDEX_BASE ? letter : argument;

    spd_program_error(program,
        value == ':' ? "option %s needs an argument" : "there is no option %s", what);
}

static bool add_disk(const spd_program_option *row, spd_program_options *options, const char *text)
{
    char title[OPTION_TITLE_MAX];

    if (options->argument_count == SPD_PROGRAM_DISKS_MAX) {
        spd_program_error(options->program, "%s may be given at most %d times",
            option_title(row, title), SPD_PROGRAM_DISKS_MAX);
        return false;
    }
    options->arguments[options->argument_count++] = text;
    return true;
}

static void set_defaults(spd_program_options *options, const spd_program *program, void *own)
{
    *options = (spd_program_options){
        .program = program, .own = own, .block_length = 512, .product_id = program->product_id,
        .revision = "1.0", .vendor_id = program->vendor_id, .stop_timeout = OPTION_STOP_TIMEOUT,
        .write_allowed = option_named(program, "write-allowed"),
        .cache = option_named(program, "cache"),
        .unmap = option_named(program, "unmap"),
    };
}

static int try_help(const spd_program *program)
{
    spd_program_error(program, "try '%s --help' for the options", program->name);
    return SPD_PROGRAM_EXIT_USAGE;
}

int options_parse(spd_program_options *options, const spd_program *program, void *own, int argc,
    char **argv)
{
    char letters[2 * OPTION_ROWS_MAX + 2];
    struct option names[OPTION_ROWS_MAX + 1];
    int value;

    if (!option_rows_check(program))
        return SPD_PROGRAM_EXIT_USAGE;
    set_defaults(options, program, own);
    build_getopt(program, letters, names);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        unsigned index;
        const spd_program_option *row = find_row(program, value, &index);

        if (!row) {
            explain_refusal(program, value, argv[optind - 1]);
            return try_help(program);
        }
        if (row->kind == OPTION_HELP) {
            option_help(program, stdout);
            return answered(program);
        }
        if (row->kind == OPTION_VERSION)
            return print_version(program);
        if (!option_parse(row, options, optarg))
            return SPD_PROGRAM_EXIT_USAGE;
        if (option_makes_disks(row, program) && !add_disk(row, options, optarg))
            return SPD_PROGRAM_EXIT_USAGE;
        options->given |= UINT64_C(1) << index;
    }
    if (optind < argc) {
        spd_program_error(program, "unexpected argument '%s'", argv[optind]);
        return try_help(program);
    }
    return options_check(options) ? -1 : SPD_PROGRAM_EXIT_USAGE;
}

spd_program_options options_disk(const spd_program_options *options, uint32_t index)
{
    spd_program_options disk = *options;

    if (index >= options->argument_count)
        return disk;
    disk.argument = options->arguments[index];
    /* The common value is each disk's. It was good when it was read first. */
    if (!strcmp(options->program->disk_option, "size"))
        option_parse(option_named(options->program, "size"), &disk, disk.argument);
    return disk;
}

const char *options_image(spd_program_options *options, unsigned index)
{
    const spd_program_option *row;

    for (unsigned i = 0; (row = option_row(options->program, i)); i++) {
        bool several = option_makes_disks(row, options->program);
        unsigned count = several ? options->argument_count : option_given(row, options);

        if (row->kind != SPD_PROGRAM_IMAGE)
            continue;
        if (index < count)
            return several ? options->arguments[index]
                           : *(const char **)option_value(row, options);
        index -= count;
    }
    return NULL;
}

void options_print(spd_program_options *options, FILE *out, const char *const *names,
    uint32_t name_count)
{
    const spd_program_option *row;

    fputs(options->program->name, out);
    for (unsigned i = 0; (row = option_row(options->program, i)); i++)
        option_print(row, options, out);
    for (uint32_t i = 0; i < options->filter_count; i++) {
        fputs(" --filter ", out);
        quote_print(out, options->filters[i]);
    }
    for (uint32_t i = 0; i < name_count; i++) {
        fputs(" -p ", out);
        quote_print(out, names[i]);
    }
}
