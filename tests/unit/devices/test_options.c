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

static const struct device_program image_program = {
    .name = "prog",
    .summary = "A test.",
    .product_id = "TestDisk",
    .groups = DEVICE_OPTIONS_DISK | DEVICE_OPTIONS_IMAGE,
};

static const struct device_program memory_program = {
    .name = "mem",
    .summary = "A test.",
    .product_id = "TestDisk",
    .groups = DEVICE_OPTIONS_DISK,
};

static struct device_options options;
static char said[TEXT_MAX]; /* what went to standard error */

/* Parses a command line (arguments separated by '|'); standard error goes to said[]. */
static int parse(const struct device_program *program, const char *line)
{
    static char copy[1024];
    static char name[] = "prog";
    char *argv[ARGS_MAX] = {name};
    int argc = 1, saved = dup(STDERR_FILENO);
    FILE *file = tmpfile();

    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = strtok(copy, "|"); p && argc < ARGS_MAX - 1; p = strtok(NULL, "|"))
        argv[argc++] = p;
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    int status = options_parse(&options, program, argc, argv);
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
    assert_int_equal(parse(&image_program, line), DEVICE_EXIT_USAGE);
    if (!strstr(said, message))
        fail_msg("'%s' says '%s' and not '%s'", line, said, message);
}

static void defaults_are_the_originals(void **state)
{
    (void)state;
    assert_int_equal(parse(&image_program, "-f|x.img"), -1);
    assert_string_equal(options.file, "x.img");
    assert_int_equal(options.block_count, 0);
    assert_int_equal(options.block_length, 512);
    assert_string_equal(options.product_id, "TestDisk");
    assert_string_equal(options.revision, "1.0");
    assert_true(options.write_allowed && options.cache && options.unmap && !options.unmap_asked);
    assert_false(options.mbr || options.stats);
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
    assert_true(options.unmap_asked);
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
        "--device-name=unix:/a|--threads=3|--stop-timeout=5|--stats|--mbr|"
        "--guid=01234567-89ab-cdef-0123-456789abcdef|--wwn=500A0b0c0d0e0f10"), -1);
    assert_int_equal(options.size, UINT64_C(4) << 30);
    assert_false(options.write_allowed || options.cache || options.unmap);
    assert_int_equal(options.debug, 0x16);
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.stop_timeout, 5);
    assert_true(options.stats && options.mbr);
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
    assert_refused("-f|x|--mbr|--no-mbr", "exclude each other");
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
    for (int i = 0; i < DEVICE_DOORS_MAX; i++)
        strcat(line, "|-p|unix:/a");
    assert_int_equal(parse(&image_program, line), -1);
    strcat(line, "|-p|unix:/a");
    assert_refused(line, "at most 16 times");
}

static void program_without_image_has_no_image_options(void **state)
{
    (void)state;
    assert_int_equal(parse(&memory_program, "--size|1M"), -1);
    assert_int_equal(parse(&memory_program, "-f|x"), DEVICE_EXIT_USAGE);
    assert_int_equal(parse(&memory_program, "--mbr"), DEVICE_EXIT_USAGE);
}

static void start_line_repeats_the_effective_options(void **state)
{
    static const char *const uris[] = {"iscsi://127.0.0.1:41234/iqn.2026-01.org.example:disk"};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    assert_int_equal(parse(&image_program, "-f|it's.img|-c|8|-i|My Disk|-U|0|-d|2|"
        "--guid|01234567-89AB-cdef-0123-456789abcdef|--wwn|5001020304050607"), -1);
    options_print(&options, out, uris, 1);
    fclose(out);
    assert_string_equal(text, "prog -f 'it'\\''s.img' -c 8 -l 512 -i 'My Disk' -r 1.0 "
        "--guid 01234567-89ab-cdef-0123-456789abcdef --wwn 5001020304050607 -W 1 -C 1 -U 0 -d 0x2 "
        "-p iscsi://127.0.0.1:41234/iqn.2026-01.org.example:disk");
    free(text);
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
        cmocka_unit_test(program_without_image_has_no_image_options),
        cmocka_unit_test(start_line_repeats_the_effective_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
