/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"
#include "confine.h"
#include "quote.h"
#include "sink.h"
#include "size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <spd/spd.h>

enum option_kind {
    OPTION_TEXT,   /* const char *; min..max characters of printable ASCII when max is not 0 */
    OPTION_NUMBER, /* uint64_t, min..max */
    OPTION_SIZE,   /* uint64_t, bytes */
    OPTION_SWITCH, /* bool, 0 or 1 */
    OPTION_FLAG,   /* bool, true when given */
    OPTION_MASK,   /* uint32_t, -1 for all */
    OPTION_DOOR,   /* one more door */
    OPTION_FILE,   /* one more disk */
    OPTION_GUID,
    OPTION_WWN,
    OPTION_HELP,
    OPTION_VERSION,
};

struct option_row {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
    uint64_t min, max;
    size_t offset;
    size_t asked; /* switch, number: of a bool that says whether it was given; 0: there is none */
    enum option_kind kind;
    uint32_t group;
    char letter; /* 0: has none */
    bool power_of_two;
};

#define AT(member) .offset = offsetof(struct device_options, member)
#define DISK .group = DEVICE_OPTIONS_DISK
#define IMAGE .group = DEVICE_OPTIONS_IMAGE

static const struct option_row option_rows[] = {
    {"file", "FILE", "the image: a file, made if missing, or a block device (required); several "
        "are LUN 0, 1, ... of one target", AT(file), .kind = OPTION_FILE, IMAGE, .letter = 'f'},
    {"block-count", "N", "number of blocks (1048576; an image that exists says it itself)",
        .min = 1, .max = INT64_MAX, AT(block_count), .kind = OPTION_NUMBER, DISK, .letter = 'c'},
    {"block-length", "N",
        "bytes in a block, a power of two from 512 to 65536 (512; a block device: its own)",
        .min = 512, .max = 65536, .power_of_two = true, AT(block_length),
        .asked = offsetof(struct device_options, block_length_asked), .kind = OPTION_NUMBER, DISK,
        .letter = 'l'},
    {"size", "SIZE", "capacity instead of --block-count: 512M, 4G, 2T", AT(size),
        .kind = OPTION_SIZE, DISK},
    {"product-id", "TEXT", "INQUIRY product identification, 1 to 16 characters", .min = 1,
        .max = 16, AT(product_id), .kind = OPTION_TEXT, DISK, .letter = 'i'},
    {"revision", "TEXT", "INQUIRY product revision level, 1 to 4 characters (1.0)", .min = 1,
        .max = 4, AT(revision), .kind = OPTION_TEXT, DISK, .letter = 'r'},
    {"guid", "GUID", "the disk's identity and serial number", AT(guid), .kind = OPTION_GUID, DISK},
    {"wwn", "HEX", "the disk's world wide name: 16 digits of NAA 2, 3 or 5, or 32 of NAA 6 (made "
        "of the GUID)", AT(wwn), .kind = OPTION_WWN, DISK},
    {"state", "FILE", "where the disk's identity is kept (FILE.spdstate, beside the image)",
        AT(state), .kind = OPTION_TEXT, IMAGE},
    {"adopt", NULL, "the state file's identity is that of this image, on this machine", AT(adopt),
        .kind = OPTION_FLAG, IMAGE},
    {"new-identity", NULL, "the image is a copy: give it an identity of its own",
        AT(new_identity), .kind = OPTION_FLAG, IMAGE},
    {"write-allowed", "0|1", "0: the disk is write-protected (1)", AT(write_allowed),
        .kind = OPTION_SWITCH, DISK, .letter = 'W'},
    {"cache", "0|1", "0: every write is durable before it completes (1)", AT(cache),
        .kind = OPTION_SWITCH, DISK, .letter = 'C'},
    {"unmap", "0|1", "1: thin provisioning, UNMAP gives space back (1)", AT(unmap),
        .asked = offsetof(struct device_options, unmap_asked), .kind = OPTION_SWITCH, DISK,
        .letter = 'U'},
    {"no-create", NULL, "refuse an image that is missing or empty, instead of making it",
        AT(no_create), .kind = OPTION_FLAG, IMAGE},
    {"format", "raw", "serve an image of another format as it is, with its tables", AT(format),
        .kind = OPTION_TEXT, IMAGE},
    {"mbr", NULL, "give a new image a partition table with one partition (on Windows: as if given)",
        AT(mbr), .kind = OPTION_FLAG, IMAGE},
    {"no-mbr", NULL, "leave a new image empty (elsewhere: as if given)", AT(no_mbr),
        .kind = OPTION_FLAG, IMAGE},
    {"debug", "MASK", "log requests: 2 reads, 4 writes, 8 flushes, 16 unmaps, -1 all (0)",
        AT(debug), .kind = OPTION_MASK, DISK, .letter = 'd'},
    {"debug-log", "FILE", "append the log to FILE (standard error)", AT(debug_log),
        .kind = OPTION_TEXT, DISK, .letter = 'D'},
    {"device-name", "URI",
        "where to serve the disk; may be repeated (the system's best, on Windows the driver)",
        .kind = OPTION_DOOR, DISK, .letter = 'p'},
    {"threads", "N", "threads that do I/O (8, or one for each usable CPU, and one more)",
        .max = DEVICE_THREADS_MAX, AT(threads), .kind = OPTION_NUMBER, DISK},
    {"stop-timeout", "SECONDS", "at the end wait no longer than this for operations (60)",
        .min = 1, .max = DEVICE_STOP_TIMEOUT_MAX, AT(stop_timeout), .kind = OPTION_NUMBER, DISK},
    {"slow-call", "MS", "log operations that take longer, in milliseconds; 0: none (5000)",
        .max = UINT32_MAX, AT(slow_call),
        .asked = offsetof(struct device_options, slow_call_asked), .kind = OPTION_NUMBER, DISK},
    {"grace", "SECONDS", "Windows: the driver keeps the disk for a restart after a crash (0)",
        .max = SPD_GRACE_MAX, AT(grace), .kind = OPTION_NUMBER, IMAGE},
    {"user", "USER", "become this user once doors are bound and the image is open", AT(user),
        .kind = OPTION_TEXT, DISK},
    {"group", "GROUP", "and this group (the user's)", AT(group), .kind = OPTION_TEXT, DISK},
    {"sandbox", NULL, "refuse system calls that serving does not need", AT(sandbox),
        .kind = OPTION_FLAG, DISK},
    {"stats", NULL, "print statistics at the end", AT(stats), .kind = OPTION_FLAG, DISK},
    {"help", NULL, "print this text", .kind = OPTION_HELP, DISK, .letter = 'h'},
    {"version", NULL, "print the version", .kind = OPTION_VERSION, DISK},
};

enum { OPTION_ROWS = sizeof option_rows / sizeof option_rows[0], OPTION_INDEX_BASE = 256 };

static bool row_applies(const struct option_row *row, const struct device_program *program)
{
    return row->group & program->groups;
}

static void *row_value(const struct option_row *row, struct device_options *options)
{
    return (char *)options + row->offset;
}

void device_error(const struct device_program *program, const char *format, ...)
{
    char message[1024 + SINK_TIME_MAX], line[sizeof message + 64];
    va_list args;
    size_t length;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    length = (size_t)snprintf(line, sizeof line, "%s: ", program->name);
    length += quote_line(message, line + length, sizeof line - length - 1);
    line[length++] = '\n';
    sink_write(&sink_error, line, length);
}

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

static void print_help(const struct device_program *program, FILE *out)
{
    fprintf(out, "usage: %s [OPTION]...%s\n%s\n\n", program->name,
        program->groups & DEVICE_OPTIONS_IMAGE ? " -f FILE" : "", program->summary);
    for (const struct option_row *row = option_rows; row < option_rows + OPTION_ROWS; row++) {
        char name[48];
        if (!row_applies(row, program))
            continue;
        snprintf(name, sizeof name, "--%s%s%s", row->name, row->argument ? " " : "",
            row->argument ? row->argument : "");
        fprintf(out, "  %c%c%s %-24s ", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
            row->letter ? "," : " ", name);
        print_wrapped(out, row->help);
    }
    fprintf(out, "\nA URI is, for example, iscsi://127.0.0.1:3260/iqn.2026-01.org.example:disk\n"
                 "(port 0 takes a free one), and on Windows also \\\\.\\pipe\\disk. See %s(1).\n",
        program->name);
}

static bool is_printable(const char *text, uint64_t min, uint64_t max)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return length >= min && length <= max;
}

/* The name of an option in messages: the form that most people type. */
static const char *row_title(const struct option_row *row, char title[40])
{
    if (row->letter)
        snprintf(title, 40, "-%c (--%s)", row->letter, row->name);
    else
        snprintf(title, 40, "--%s", row->name);
    return title;
}

static bool parse_text(const struct option_row *row, struct device_options *options,
    const char *text)
{
    char title[40];

    if (row->max && !is_printable(text, row->min, row->max)) {
        device_error(options->program,
            "%s '%s' must be %" PRIu64 " to %" PRIu64 " printable ASCII characters",
            row_title(row, title), text, row->min, row->max);
        return false;
    }
    if (!*text) {
        device_error(options->program, "%s must not be empty", row_title(row, title));
        return false;
    }
    *(const char **)row_value(row, options) = text;
    return true;
}

static void note_asked(const struct option_row *row, struct device_options *options)
{
    if (row->asked)
        *((bool *)options + row->asked) = true;
}

static bool parse_number(const struct option_row *row, struct device_options *options,
    const char *text)
{
    char title[40];
    uint64_t value;

    if (!size_parse_number(text, &value) || value < row->min || value > row->max ||
        (row->power_of_two && value & (value - 1))) {
        device_error(options->program, "%s '%s' must be a %s from %" PRIu64 " to %" PRIu64,
            row_title(row, title), text, row->power_of_two ? "power of two" : "number", row->min,
            row->max);
        return false;
    }
    *(uint64_t *)row_value(row, options) = value;
    note_asked(row, options);
    return true;
}

static bool parse_size(const struct option_row *row, struct device_options *options,
    const char *text)
{
    char title[40];
    uint64_t value;

    if (!size_parse(text, &value) || value == 0) {
        device_error(options->program,
            "%s '%s' must be a whole number of bytes above 0, perhaps with one of K M G T P E",
            row_title(row, title), text);
        return false;
    }
    *(uint64_t *)row_value(row, options) = value;
    return true;
}

static bool parse_switch(const struct option_row *row, struct device_options *options,
    const char *text)
{
    char title[40];

    if ((text[0] != '0' && text[0] != '1') || text[1]) {
        device_error(options->program, "%s '%s' must be 0 or 1", row_title(row, title), text);
        return false;
    }
    *(bool *)row_value(row, options) = text[0] == '1';
    note_asked(row, options);
    return true;
}

static bool parse_mask(const struct option_row *row, struct device_options *options,
    const char *text)
{
    char title[40];
    uint64_t value = UINT32_MAX;

    if (strcmp(text, "-1") != 0 && (!size_parse_number(text, &value) || value > UINT32_MAX)) {
        device_error(options->program, "%s '%s' must be -1 or a number of at most 32 bits",
            row_title(row, title), text);
        return false;
    }
    *(uint32_t *)row_value(row, options) = (uint32_t)value;
    return true;
}

static bool parse_guid(const struct option_row *row, struct device_options *options,
    const char *text)
{
    static const uint8_t none[16];
    uint8_t *guid = row_value(row, options);

    /* All zero means "make one up" to the library, so it cannot be asked for. */
    if (spd_guid_parse(text, guid) != 0 || memcmp(guid, none, sizeof none) == 0) {
        device_error(options->program, "--guid '%s' must have the form "
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in hexadecimal and not be all zero", text);
        return false;
    }
    spd_guid_format(guid, options->guid_text);
    return true;
}

/* The library checks the name; this checks that the text is bytes in hexadecimal. */
static bool parse_wwn(const struct option_row *row, struct device_options *options,
    const char *text)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t length = strlen(text);
    uint8_t *wwn = row_value(row, options);

    if ((length != 16 && length != 32) || strspn(text, digits) != length) {
        device_error(options->program, "--wwn '%s' must be 16 or 32 hexadecimal digits", text);
        return false;
    }
    memset(wwn, 0, sizeof options->wwn);
    for (size_t i = 0; i < length / 2; i++)
        wwn[i] = (uint8_t)strtoul((char[3]){text[2 * i], text[2 * i + 1]}, NULL, 16);
    memcpy(options->wwn_text, text, length + 1);
    return true;
}

static bool parse_door(struct device_options *options, const char *text)
{
    if (options->door_count == DEVICE_DOORS_MAX) {
        device_error(options->program, "-p (--device-name) may be given at most %d times",
            DEVICE_DOORS_MAX);
        return false;
    }
    options->doors[options->door_count++] = text;
    return true;
}

static bool parse_file(struct device_options *options, const char *text)
{
    if (options->file_count == DEVICE_DISKS_MAX) {
        device_error(options->program, "-f (--file) may be given at most %d times",
            DEVICE_DISKS_MAX);
        return false;
    }
    options->files[options->file_count++] = text;
    options->file = options->files[0];
    return true;
}

static bool parse_row(const struct option_row *row, struct device_options *options,
    const char *text)
{
    switch (row->kind) {
    case OPTION_TEXT:
        return parse_text(row, options, text);
    case OPTION_NUMBER:
        return parse_number(row, options, text);
    case OPTION_SIZE:
        return parse_size(row, options, text);
    case OPTION_SWITCH:
        return parse_switch(row, options, text);
    case OPTION_FLAG:
        *(bool *)row_value(row, options) = true;
        return true;
    case OPTION_MASK:
        return parse_mask(row, options, text);
    case OPTION_DOOR:
        return parse_door(options, text);
    case OPTION_FILE:
        return parse_file(options, text);
    case OPTION_GUID:
        return parse_guid(row, options, text);
    case OPTION_WWN:
        return parse_wwn(row, options, text);
    case OPTION_HELP:
    case OPTION_VERSION:
        break;
    }
    return true;
}

static bool options_check(const struct device_options *o)
{
    if (o->program->groups & DEVICE_OPTIONS_IMAGE && !o->file) {
        device_error(o->program, "-f FILE is missing: which image shall be the disk?");
        return false;
    }
    if (o->file_count > 1 && (*o->guid_text || *o->wwn_text || o->state)) {
        device_error(o->program, "%s is for one disk: it cannot be given with several -f (--file)",
            *o->guid_text ? "--guid" : *o->wwn_text ? "--wwn" : "--state");
        return false;
    }
    if (o->size && o->block_count) {
        device_error(o->program, "-c (--block-count) and --size exclude each other: give one");
        return false;
    }
    if (o->mbr && o->no_mbr) {
        device_error(o->program, "--mbr and --no-mbr exclude each other: give one");
        return false;
    }
    if (o->format && strcmp(o->format, "raw") != 0) {
        device_error(o->program, "--format '%s' must be raw: convert other images, for example "
            "with qemu-img convert -O raw", o->format);
        return false;
    }
    if ((o->guid_text[0] != '\0') + o->adopt + o->new_identity > 1) {
        device_error(o->program, "--guid, --adopt and --new-identity exclude each other: give one");
        return false;
    }
    if (o->size % o->block_length) {
        device_error(o->program,
            "--size %" PRIu64 " must be a multiple of the block length %" PRIu64, o->size,
            o->block_length);
        return false;
    }
    if (o->size > INT64_MAX || o->block_count > INT64_MAX / o->block_length) {
        device_error(o->program, "the capacity must be less than 2^63 bytes");
        return false;
    }
    return confine_check(o);
}

/* getopt's two tables from the table of options. */
static void build_getopt(const struct device_program *program, char *letters,
    struct option *names)
{
    *letters++ = ':'; /* tell a missing argument from an unknown option */
    for (int i = 0; i < OPTION_ROWS; i++) {
        const struct option_row *row = &option_rows[i];
        if (!row_applies(row, program))
            continue;
        if (row->letter) {
            *letters++ = row->letter;
            if (row->argument)
                *letters++ = ':';
        }
        *names++ = (struct option){row->name, row->argument ? required_argument : no_argument,
            NULL, OPTION_INDEX_BASE + i};
    }
    *letters = '\0';
    *names = (struct option){0};
}

static const struct option_row *find_row(int value)
{
    if (value >= OPTION_INDEX_BASE)
        return &option_rows[value - OPTION_INDEX_BASE];
    for (int i = 0; i < OPTION_ROWS; i++) {
        if (option_rows[i].letter == value)
            return &option_rows[i];
    }
    return NULL;
}

/* The exit status of a program that only had to print something. */
static int answered(const struct device_program *program)
{
    bool failed = ferror(stdout) != 0;

    errno = 0;
    failed |= fflush(stdout) != 0;
    if (!failed)
        return 0;
    device_error(program, "standard output cannot be written: %s",
        errno ? strerror(errno) : "an earlier write failed");
    return DEVICE_EXIT_FAILURE;
}

/* It prints its own text: on Windows getopt_long()'s begins with the program's whole path. */
static void explain_refusal(const struct device_program *program, int value, const char *argument)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    const char *what = optopt > 0 && optopt < OPTION_INDEX_BASE ? letter : argument;

    device_error(program, value == ':' ? "option %s needs an argument" : "there is no option %s",
        what);
}

int options_parse(struct device_options *options, const struct device_program *program, int argc,
    char **argv)
{
    char letters[2 * OPTION_ROWS + 2];
    struct option names[OPTION_ROWS + 1];
    int value;

    *options = (struct device_options){
        .program = program, .block_length = 512, .product_id = program->product_id,
        .revision = "1.0", .write_allowed = true, .cache = true, .unmap = true,
    };
    build_getopt(program, letters, names);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    while ((value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        const struct option_row *row = find_row(value);
        if (!row) {
            explain_refusal(program, value, argv[optind - 1]);
            goto usage;
        }
        if (row->kind == OPTION_HELP) {
            print_help(program, stdout);
            return answered(program);
        }
        if (row->kind == OPTION_VERSION) {
            printf("%s (WinSpd) %d.%d.%d\n", program->name, SPD_VERSION_MAJOR, SPD_VERSION_MINOR,
                SPD_VERSION_PATCH);
            return answered(program);
        }
        if (!parse_row(row, options, optarg))
            return DEVICE_EXIT_USAGE;
    }
    if (optind < argc) {
        device_error(program, "unexpected argument '%s'", argv[optind]);
        goto usage;
    }
    return options_check(options) ? -1 : DEVICE_EXIT_USAGE;

usage:
    device_error(program, "try '%s --help' for the options", program->name);
    return DEVICE_EXIT_USAGE;
}

static void print_row(const struct option_row *row, const struct device_options *options, FILE *out)
{
    const void *value = (const char *)options + row->offset;

    switch (row->kind) {
    case OPTION_TEXT:
    case OPTION_FILE:
        if (*(const char *const *)value) {
            if (row->letter)
                fprintf(out, " -%c ", row->letter);
            else
                fprintf(out, " --%s ", row->name);
            quote_print(out, *(const char *const *)value);
        }
        break;
    case OPTION_NUMBER:
        if (row->letter)
            fprintf(out, " -%c %" PRIu64, row->letter, *(const uint64_t *)value);
        else if (row->asked ? *((const bool *)options + row->asked) : *(const uint64_t *)value > 0)
            fprintf(out, " --%s %" PRIu64, row->name, *(const uint64_t *)value);
        break;
    case OPTION_SWITCH:
        fprintf(out, " -%c %d", row->letter, *(const bool *)value);
        break;
    case OPTION_MASK:
        if (*(const uint32_t *)value)
            fprintf(out, " -%c 0x%x", row->letter, *(const uint32_t *)value);
        break;
    case OPTION_GUID:
        fprintf(out, " --guid %s", options->guid_text);
        break;
    case OPTION_WWN:
        if (*options->wwn_text)
            fprintf(out, " --wwn %s", options->wwn_text);
        break;
    default:
        break;
    }
}

uint32_t options_disks(const struct device_options *options)
{
    return options->file_count ? options->file_count : 1;
}

struct device_options options_disk(const struct device_options *options, uint32_t index)
{
    struct device_options disk = *options;

    disk.file = options->file_count ? options->files[index] : NULL;
    return disk;
}

void options_print(const struct device_options *options, FILE *out, const char *const *uris,
    uint32_t uri_count)
{
    fputs(options->program->name, out);
    for (const struct option_row *row = option_rows; row < option_rows + OPTION_ROWS; row++) {
        bool printed = row->letter || row->kind == OPTION_GUID || row->kind == OPTION_WWN ||
            row->kind == OPTION_TEXT || row->kind == OPTION_FILE ||
            row->kind == OPTION_NUMBER;
        if (printed && row_applies(row, options->program))
            print_row(row, options, out);
    }
    for (uint32_t i = 0; i < uri_count; i++) {
        fputs(" -p ", out);
        quote_print(out, uris[i]);
    }
}
