/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/options.h"

enum { TEXT_MAX = 8192, ARGS_MAX = 48 };

struct own {
    const char *file, *note;
    uint64_t depth, room;
    bool keep, mbr;
};

#define AT(member) .offset = offsetof(struct own, member)

static const spd_program_option own_rows[] = {
    { "file", "FILE", "the image", AT(file), .kind = SPD_PROGRAM_IMAGE, .letter = 'f',
        .required = true },
    { "note", "TEXT", "a note", AT(note), .kind = SPD_PROGRAM_TEXT, .one_disk = true },
    { "depth", "N", "a power of two", .min = 1, .max = 64, .power_of_two = true, AT(depth),
        .kind = SPD_PROGRAM_NUMBER },
    { "room", "SIZE", "bytes", AT(room), .kind = SPD_PROGRAM_SIZE },
    { "keep", "0|1", "a switch", AT(keep), .kind = SPD_PROGRAM_SWITCH, .letter = 'k' },
    { "mbr", NULL, "a flag", AT(mbr), .kind = SPD_PROGRAM_FLAG },
};

static const spd_program image_program = {
    .name = "prog",
    .summary = "A test.",
    .product_id = "TestDisk",
    .options = own_rows,
    .option_count = sizeof own_rows / sizeof own_rows[0],
    .disk_option = "file",
};

static const spd_program memory_program = {
    .name = "mem",
    .summary = "A test.",
    .version = "4.5",
    .product_id = "TestDisk",
    .without = (const char *const[]){ "unmap", "write-allowed", "sandbox", NULL },
    .disk_option = "size",
};

static spd_program_options options;
static struct own own;
static char said[TEXT_MAX]; /* what went to standard error */

/* Parses a command line (arguments separated by '|'); standard error goes to said[]. */
static int parse(const spd_program *program, const char *line)
{
    static char copy[1024];
    static char name[] = "prog";
    char *argv[ARGS_MAX] = {name};
    int argc = 1, saved = dup(STDERR_FILENO), status;
    FILE *file = tmpfile();

    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = strtok(copy, "|"); p && argc < ARGS_MAX - 1; p = strtok(NULL, "|"))
        argv[argc++] = p;
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    own = (struct own){ .depth = 4 };
    status = options_parse(&options, program, &own, argc, argv);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    return status;
}

static void assert_refused(const char *line, const char *message)
{
    assert_int_equal(parse(&image_program, line), SPD_PROGRAM_EXIT_USAGE);
    if (!strstr(said, message))
        fail_msg("'%s' says '%s' and not '%s'", line, said, message);
}

static void defaults_are_the_originals(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "-f|x.img"), -1);
    assert_string_equal(own.file, "x.img");
    assert_int_equal(options.block_count, 0);
    assert_int_equal(options.block_length, 512);
    assert_string_equal(options.product_id, "TestDisk");
    assert_string_equal(options.revision, "1.0");
    assert_true(options.write_allowed && options.cache && options.unmap);
    assert_false(own.mbr || options.stats || spd_program_given(&options, "unmap"));
    assert_true(spd_program_given(&options, "file"));
    assert_int_equal(options.stop_timeout, 60);
    assert_int_equal(own.depth, 4);
    assert_int_equal(options.debug, 0);
    assert_int_equal(options.door_count, 0);
    assert_string_equal(said, "");
}

static void letters_are_the_originals(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "-f|x|-c|4096|-l|4096|-i|My Disk|-r|2.1|-W|0|-C|0|-U|0|"
                                           "-d|-1|-D|-|-p|unix:/a|-p|unix:/b"), -1);
    assert_int_equal(options.block_count, 4096);
    assert_int_equal(options.block_length, 4096);
    assert_string_equal(options.product_id, "My Disk");
    assert_string_equal(options.revision, "2.1");
    assert_true(spd_program_given(&options, "unmap"));
    assert_false(options.write_allowed || options.cache || options.unmap);
    assert_int_equal(options.debug, UINT32_MAX);
    assert_string_equal(options.debug_log, "-");
    assert_int_equal(options.door_count, 2);
    assert_string_equal(options.doors[0], "unix:/a");
    assert_string_equal(options.doors[1], "unix:/b");
}

static void long_names_do_the_same(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "--file=x|--size=4G|--block-length=512|--product-id=P|"
        "--revision=9|--write-allowed=0|--cache=0|--unmap=0|--debug=0x16|--debug-log=L|"
        "--device-name=unix:/a|--threads=3|--stop-timeout=5|--stats|--mbr|--keep=1|--note=n|"
        "--depth=8|--room=2k|"
        "--guid=01234567-89ab-cdef-0123-456789abcdef|--wwn=500A0b0c0d0e0f10"), -1);
    assert_int_equal(options.size, UINT64_C(4) << 30);
    assert_false(options.write_allowed || options.cache || options.unmap);
    assert_int_equal(options.debug, 0x16);
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.stop_timeout, 5);
    assert_true(options.stats && own.mbr && own.keep);
    assert_string_equal(own.note, "n");
    assert_int_equal(own.depth, 8);
    assert_int_equal(own.room, 2048);
    assert_int_equal(options.guid[0], 0x01);
    assert_int_equal(options.guid[15], 0xef);
    assert_memory_equal(options.wwn, "\x50\x0a\x0b\x0c\x0d\x0e\x0f\x10\0\0\0\0\0\0\0\0", 16);
}

static void bad_values_are_refused_with_what_is_allowed(void **state)
{
    (void)state;
    assert_refused("-f|x|-c|0", "-c (--block-count) '0' must be a number from 1");
    assert_refused("-f|x|-c|many", "'many'");
    assert_refused("-f|x|-l|256", "power of two from 512 to 65536");
    assert_refused("-f|x|-l|513", "power of two from 512 to 65536");
    assert_refused("-f|x|-i|12345678901234567", "1 to 16 printable");
    assert_refused("-f|x|-i|a\tb", "1 to 16 printable");
    assert_refused("-f|x|-r|12345", "1 to 4 printable");
    assert_refused("-f|x|-W|2", "must be 0 or 1");
    assert_refused("-f|x|-C|yes", "must be 0 or 1");
    assert_refused("-f|x|-U|01", "must be 0 or 1");
    assert_refused("-f|x|-d|-2", "must be -1 or a number");
    assert_refused("-f|x|-d|0x100000000", "must be -1 or a number");
    assert_refused("-f|x|--size|0", "above 0");
    assert_refused("-f|x|--size|4GB", "K M G T P E");
    assert_refused("-f|x|--threads|1025", "0 to 1024");
    assert_refused("-f|x|--stop-timeout|0", "1 to 86400");
    assert_refused("-f|x|--depth|3", "--depth '3' must be a power of two from 1 to 64");
    assert_refused("-f|x|--room|0", "--room '0' must be a whole number of bytes above 0");
    assert_refused("-f|x|-k|2", "-k (--keep) '2' must be 0 or 1");
    assert_refused("-f|x|--vendor-id|a long one", "1 to 8 printable");
    assert_refused("-f|x|--rotation-rate|0", "1 to 65534");
    assert_refused("-f|x|--guid|1", "must have the form");
    assert_refused("-f|x|--wwn|50", "'50' must be 16 or 32 hexadecimal digits");
    assert_refused("-f|x|--wwn|5000000000000000000", "16 or 32 hexadecimal digits");
    assert_refused("-f|x|--wwn|500000000000000g", "16 or 32 hexadecimal digits");
    assert_refused("-f|x|--wwn|0x50000000000000", "16 or 32 hexadecimal digits");
    assert_refused("-f|x|--guid|00000000-0000-0000-0000-000000000000", "not be all zero");
}

static void options_that_contradict_are_refused(void **state)
{
    (void)state;
    assert_refused("-f|x|-c|8|--size|4096", "exclude each other");
    assert_refused("-f|x|--size|1000", "multiple of the block length 512");
    assert_refused("-f|x|-c|18014398509481984", "less than 2^63");
    assert_refused("-f|x|--size|8E", "less than 2^63");
}

static void missing_file_unknown_option_and_stray_argument_are_refused(void **state)
{
    (void)state;
    assert_refused("-c|8", "-f FILE is missing");
    assert_refused("-f|x|--nonsense", "nonsense");
    assert_refused("-f|x|-?", "--help");
    assert_refused("-f|x|stray", "unexpected argument 'stray'");
    assert_refused("-f", "--help");
}

static void too_many_doors_are_refused(void **state)
{
    char line[512] = "-f|x";

    (void)state;
    for (int i = 0; i < SPD_PROGRAM_DOORS_MAX; i++)
        strcat(line, "|-p|unix:/a");
    assert_int_equal(parse(&image_program, line), -1);
    strcat(line, "|-p|unix:/a");
    assert_refused(line, "at most 16 times");
}

static void program_lacks_the_options_that_it_is_without(void **state)
{
    (void)state;
    assert_int_equal(parse(&memory_program, "--size|1M"), -1);
    assert_false(options.unmap || options.write_allowed);
    assert_true(options.cache);
    assert_int_equal(parse(&memory_program, "-f|x"), SPD_PROGRAM_EXIT_USAGE);
    assert_int_equal(parse(&memory_program, "--mbr"), SPD_PROGRAM_EXIT_USAGE);
    assert_int_equal(parse(&memory_program, "-U|1"), SPD_PROGRAM_EXIT_USAGE);
    assert_int_equal(parse(&memory_program, "--sandbox"), SPD_PROGRAM_EXIT_USAGE);
}

static void disk_option_makes_a_disk_each_time(void **state)
{
    (void)state;
    assert_int_equal(parse(&memory_program, ""), -1);
    assert_int_equal(spd_program_disks(&options), 1);
    assert_int_equal(parse(&memory_program, "--size|1M|--size|2M"), -1);
    assert_int_equal(spd_program_disks(&options), 2);
    assert_int_equal(options_disk(&options, 0).size, 1 << 20);
    assert_int_equal(options_disk(&options, 1).size, 2 << 20);
    assert_int_equal(parse(&memory_program, "--size|1000|--size|2M"), SPD_PROGRAM_EXIT_USAGE);
    assert_int_equal(parse(&image_program, "-f|x|-f|y"), -1);
    assert_string_equal(options_disk(&options, 0).argument, "x");
    assert_string_equal(options_disk(&options, 1).argument, "y");
    assert_string_equal(options_image(&options, 0), "x");
    assert_string_equal(options_image(&options, 1), "y");
    assert_null(options_image(&options, 2));
    assert_refused("-f|x|-f|y|--note|n", "--note is for one disk");
    assert_refused("-f|x|-f|y|--wwn|500A0b0c0d0e0f10", "given with several -f (--file)");
}

static void too_many_disks_are_refused(void **state)
{
    char line[512] = "-k|1";

    (void)state;
    for (int i = 0; i < SPD_PROGRAM_DISKS_MAX; i++)
        strcat(line, "|-f|x");
    assert_int_equal(parse(&image_program, line), -1);
    strcat(line, "|-f|x");
    assert_refused(line, "-f (--file) may be given at most 16 times");
}

static void assert_faulty(const spd_program_option *rows, size_t count, const char *disk_option,
    const char *message)
{
    spd_program faulty = image_program;

    faulty.options = rows;
    faulty.option_count = count;
    faulty.disk_option = disk_option;
    assert_int_equal(parse(&faulty, ""), SPD_PROGRAM_EXIT_USAGE);
    if (!strstr(said, message))
        fail_msg("'%s' and not '%s'", said, message);
}

static void faulty_tables_are_named(void **state)
{
    static const spd_program_option letter[] = { { "own", "N", "own", .letter = 'c' } };
    static const spd_program_option name[] = { { "size", "N", "own" } };
    static const spd_program_option fine[] = { { "own", "N", "own" } };
    static const spd_program_option many[SPD_PROGRAM_OPTIONS_MAX + 1];

    (void)state;
    assert_faulty(letter, 1, NULL, "second option --block-count, or -c");
    assert_faulty(name, 1, NULL, "second option --size");
    assert_faulty(fine, 1, "other", "no option --other to make disks");
    assert_faulty(many, SPD_PROGRAM_OPTIONS_MAX + 1, NULL, "at most 32");
}

static const char *start_line(void)
{
    static const char *const names[] = {"iscsi://127.0.0.1:41234/iqn.2026-01.org.example:disk"};
    static char line[TEXT_MAX];
    FILE *out = fmemopen(line, sizeof line, "w");

    options_print(&options, out, names, 1);
    fclose(out);
    return line;
}

static void start_line_repeats_the_effective_options(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "-f|it's.img|-c|8|-i|My Disk|-U|0|-d|2|"
        "--guid|01234567-89AB-cdef-0123-456789abcdef|--wwn|5001020304050607"), -1);
    assert_string_equal(start_line(), "prog -f 'it'\\''s.img' -k 0 -c 8 -l 512 -i 'My Disk' -r 1.0 "
        "--guid 01234567-89ab-cdef-0123-456789abcdef --wwn 5001020304050607 -W 1 -C 1 -U 0 -d 0x2 "
        "-p iscsi://127.0.0.1:41234/iqn.2026-01.org.example:disk");
}

static void start_line_has_the_own_options_that_were_given(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "-f|a|--note|a b|--depth|8|--room|2K|-k|1|--mbr|"
        "--guid|01234567-89AB-cdef-0123-456789abcdef|--slow-call|0|--vendor-id|ACME|"
        "--rotation-rate|7200"), -1);
    assert_string_equal(start_line(), "prog -f a --note 'a b' --depth 8 --room 2048 -k 1 --mbr "
        "-c 0 -l 512 -i TestDisk -r 1.0 --vendor-id ACME --rotation-rate 7200 "
        "--guid 01234567-89ab-cdef-0123-456789abcdef -W 1 -C 1 -U 1 "
        "--slow-call 0 -p iscsi://127.0.0.1:41234/iqn.2026-01.org.example:disk");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_originals),
        cmocka_unit_test(letters_are_the_originals),
        cmocka_unit_test(long_names_do_the_same),
        cmocka_unit_test(bad_values_are_refused_with_what_is_allowed),
        cmocka_unit_test(options_that_contradict_are_refused),
        cmocka_unit_test(missing_file_unknown_option_and_stray_argument_are_refused),
        cmocka_unit_test(too_many_doors_are_refused),
        cmocka_unit_test(program_lacks_the_options_that_it_is_without),
        cmocka_unit_test(disk_option_makes_a_disk_each_time),
        cmocka_unit_test(too_many_disks_are_refused),
        cmocka_unit_test(faulty_tables_are_named),
        cmocka_unit_test(start_line_repeats_the_effective_options),
        cmocka_unit_test(start_line_has_the_own_options_that_were_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
