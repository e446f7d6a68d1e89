/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"

#include <stddef.h>
#include <string.h>

#define AT(member) .offset = offsetof(spd_program_options, member)

static const spd_program_option common_rows[] = {
    { "block-count", "N", "number of blocks (1048576)",
        .min = 1, .max = INT64_MAX, AT(block_count), .kind = SPD_PROGRAM_NUMBER, .letter = 'c' },
    { "block-length", "N",
        "bytes in a block, a power of two from 512 to 65536 (512)",
        .min = 512, .max = 65536, .power_of_two = true, AT(block_length),
        .kind = SPD_PROGRAM_NUMBER, .letter = 'l' },
    { "size", "SIZE", "capacity instead of --block-count: 512M, 4G, 2T", AT(size),
        .kind = SPD_PROGRAM_SIZE, .omitted = true },
    { "product-id", "TEXT", "INQUIRY product identification, 1 to 16 characters", .min = 1,
        .max = 16, AT(product_id), .kind = SPD_PROGRAM_TEXT, .letter = 'i' },
    { "revision", "TEXT", "INQUIRY product revision level, 1 to 4 characters (1.0)", .min = 1,
        .max = 4, AT(revision), .kind = SPD_PROGRAM_TEXT, .letter = 'r' },
    { "vendor-id", "TEXT", "INQUIRY vendor identification, 1 to 8 characters (WinSpd)", .min = 1,
        .max = 8, AT(vendor_id), .kind = SPD_PROGRAM_TEXT },
    { "rotation-rate", "N",
        "rotations of the medium a minute, 1025 to 65534; 1: it does not rotate (1)", .min = 1,
        .max = 65534, AT(rotation_rate), .kind = SPD_PROGRAM_NUMBER },
    { "guid", "GUID", "the disk's identity and serial number", AT(guid), .kind = OPTION_GUID,
        .one_disk = true },
    { "wwn", "HEX", "the disk's world wide name: 16 digits of NAA 2, 3 or 5, or 32 of NAA 6 (made "
        "of the GUID)", AT(wwn), .kind = OPTION_WWN, .one_disk = true },
    { "write-allowed", "0|1", "0: the disk is write-protected (1)", AT(write_allowed),
        .kind = SPD_PROGRAM_SWITCH, .letter = 'W' },
    { "cache", "0|1", "0: every write is durable before it completes (1)", AT(cache),
        .kind = SPD_PROGRAM_SWITCH, .letter = 'C' },
    { "unmap", "0|1", "1: thin provisioning, UNMAP gives space back (1)", AT(unmap),
        .kind = SPD_PROGRAM_SWITCH, .letter = 'U' },
    { "debug", "MASK", "log requests: 2 reads, 4 writes, 8 flushes, 16 unmaps, -1 all (0)",
        AT(debug), .kind = OPTION_MASK, .letter = 'd' },
    { "debug-log", "FILE", "append the log to FILE (standard error)", AT(debug_log),
        .kind = SPD_PROGRAM_TEXT, .letter = 'D' },
    { "device-name", "URI",
        "where to serve the disk; may be repeated (the system's best, on Windows the driver)",
        .kind = OPTION_DOOR, .letter = 'p', .omitted = true },
    { "filter", "FILTER",
        "put a filter on the disk, see below; may be repeated, the first is on top",
        .kind = OPTION_FILTER, .omitted = true },
    { "threads", "N", "threads that do I/O (8, or one for each usable CPU, and one more)",
        .max = OPTION_THREADS_MAX, AT(threads), .kind = SPD_PROGRAM_NUMBER },
    { "stop-timeout", "SECONDS", "at the end wait no longer than this for operations (60)",
        .min = 1, .max = OPTION_STOP_TIMEOUT_MAX, AT(stop_timeout), .kind = SPD_PROGRAM_NUMBER },
    { "slow-call", "MS", "log operations that take longer, in milliseconds; 0: none (5000)",
        .max = UINT32_MAX, AT(slow_call), .kind = SPD_PROGRAM_NUMBER },
    { "user", "USER", "become this user once doors are bound and files are open", AT(user),
        .kind = SPD_PROGRAM_TEXT },
    { "group", "GROUP", "and this group (the user's)", AT(group), .kind = SPD_PROGRAM_TEXT },
    { "exec", "COMMAND", "run COMMAND with the disk's name in SPD_DEVICE; the disk goes at its end",
        AT(exec), .kind = SPD_PROGRAM_TEXT, .omitted = true },
    { "control", "FILE",
        "the socket where spdctl asks this program; off: none (in /run/spd, or the user's)",
        AT(control), .kind = SPD_PROGRAM_TEXT, .omitted = true },
    { "sandbox", NULL, "refuse system calls that serving does not need", AT(sandbox),
        .kind = SPD_PROGRAM_FLAG, .omitted = true },
    { "stats", NULL, "print statistics at the end", AT(stats), .kind = SPD_PROGRAM_FLAG,
        .omitted = true },
    { "help", NULL, "print this text", .kind = OPTION_HELP, .letter = 'h', .omitted = true },
    { "version", NULL, "print the version", .kind = OPTION_VERSION, .omitted = true },
};

enum { COMMON_ROWS = sizeof common_rows / sizeof common_rows[0] };
_Static_assert(COMMON_ROWS + SPD_PROGRAM_OPTIONS_MAX <= OPTION_ROWS_MAX, "a bit for each row");

static bool lacks(const spd_program *program, const char *name)
{
    for (const char *const *without = program->without; without && *without; without++)
        if (!strcmp(*without, name))
            return true;
    return false;
}

static bool is_common(const spd_program_option *row)
{
    uintptr_t at = (uintptr_t)row;

    return at >= (uintptr_t)common_rows && at < (uintptr_t)(common_rows + COMMON_ROWS);
}

const spd_program_option *option_row(const spd_program *program, unsigned index)
{
    if (index < program->option_count)
        return &program->options[index];
    index -= (unsigned)program->option_count;
    for (const spd_program_option *row = common_rows; row < common_rows + COMMON_ROWS; row++)
        if (!lacks(program, row->name) && index-- == 0)
            return row;
    return NULL;
}

const spd_program_option *option_named(const spd_program *program, const char *name)
{
    const spd_program_option *row;

    for (unsigned i = 0; (row = option_row(program, i)); i++)
        if (!strcmp(row->name, name))
            return row;
    return NULL;
}

void *option_value(const spd_program_option *row, spd_program_options *options)
{
    void *values = is_common(row) ? options : options->own;

    return (char *)values + row->offset;
}

bool option_given(const spd_program_option *row, const spd_program_options *options)
{
    const spd_program_option *other;

    for (unsigned i = 0; (other = option_row(options->program, i)); i++)
        if (other == row)
            return options->given >> i & 1;
    return false;
}

bool option_makes_disks(const spd_program_option *row, const spd_program *program)
{
    return program->disk_option && !strcmp(row->name, program->disk_option);
}

const char *option_word(const spd_program_option *row, char word[OPTION_TITLE_MAX])
{
    if (row->letter)
        snprintf(word, OPTION_TITLE_MAX, "-%c", row->letter);
    else
        snprintf(word, OPTION_TITLE_MAX, "--%s", row->name);
    return word;
}

const char *option_title(const spd_program_option *row, char title[OPTION_TITLE_MAX])
{
    if (row->letter)
        snprintf(title, OPTION_TITLE_MAX, "-%c (--%s)", row->letter, row->name);
    else
        snprintf(title, OPTION_TITLE_MAX, "--%s", row->name);
    return title;
}

static bool clash(const spd_program_option *one, const spd_program_option *other)
{
    return !strcmp(one->name, other->name) || (one->letter && one->letter == other->letter);
}

bool option_rows_check(const spd_program *program)
{
    const spd_program_option *row;

    if (program->option_count > SPD_PROGRAM_OPTIONS_MAX) {
        spd_program_error(program, "its table has %zu options of its own: at most %d are possible",
            program->option_count, SPD_PROGRAM_OPTIONS_MAX);
        return false;
    }
    for (unsigned i = 0; (row = option_row(program, i)); i++)
        for (unsigned j = 0; j < i; j++)
            if (clash(row, option_row(program, j))) {
                spd_program_error(program, "its table has a second option --%s, or -%c: rename it, "
                    "or list the common one in `without`", row->name,
                    row->letter ? row->letter : '?');
                return false;
            }
    if (program->disk_option && !option_named(program, program->disk_option)) {
        spd_program_error(program, "there is no option --%s to make disks", program->disk_option);
        return false;
    }
    return true;
}
