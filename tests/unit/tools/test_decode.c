/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * scsitool's decoders against golden files: a line with the decoder's name, the answer's bytes in
 * hexadecimal (# begins a comment), then what is shown as lines and as a table, each behind a line
 * of three dashes. With GOLDEN_WRITE=1 in the environment the files are rewritten instead: review
 * the difference.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "scsitool/decode.h"

#include <cmocka.h>

enum { TESTS_MAX = 64, BYTES_MAX = 1024 };

static const struct {
    const char *name;
    decoder *decode;
} decoders[] = {
    { "inquiry", decode_inquiry },
    { "vpd", decode_vpd },
    { "mode-sense", decode_mode_sense_6 },
    { "capacity", decode_read_capacity_10 },
    { "capacity16", decode_read_capacity_16 },
    { "luns", decode_report_luns },
    { "opcodes", decode_supported_opcodes },
    { "task-management", decode_task_management },
    { "lba-status", decode_lba_status },
    { "sense", decode_sense },
};

static char *read_file(const char *path)
{
    enum { FILE_MAX = 65536 };
    FILE *file = fopen(path, "r");
    char *text = calloc(1, FILE_MAX);

    assert_non_null(file);
    assert_non_null(text);
    assert_in_range(fread(text, 1, FILE_MAX, file), 1, FILE_MAX - 1);
    fclose(file);
    return text;
}

static decoder *find_decoder(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        if (strlen(decoders[i].name) == length && strncmp(decoders[i].name, name, length) == 0)
            return decoders[i].decode;
    }
    fail_msg("no decoder is called %.*s", (int)length, name);
    return NULL;
}

/* The bytes up to the line of dashes. */
static size_t parse_bytes(const char *text, const char *end, uint8_t bytes[BYTES_MAX])
{
    size_t count = 0;

    while (text < end) {
        char *next;

        if (*text == '#') {
            text = strchr(text, '\n');
        } else if (*text == ' ' || *text == '\n') {
            text++;
        } else {
            assert_true(count < BYTES_MAX);
            bytes[count++] = (uint8_t)strtoul(text, &next, 16);
            assert_int_equal(next - text, 2);
            text = next;
        }
    }
    return count;
}

/* On the heap and of the exact size, so that a sanitizer sees a byte read too many. */
static void decode_exactly(FILE *file, decoder *decode, const uint8_t *bytes, size_t count,
    bool table)
{
    uint8_t *exact = malloc(count);
    struct printer printer;

    assert_true(exact || count == 0);
    if (count > 0)
        memcpy(exact, bytes, count);
    printer_begin(&printer, file, table);
    decode(&printer, exact, count);
    printer_end(&printer);
    free(exact);
}

static void golden(void **state)
{
    const char *path = *state;
    char *text = read_file(path), *shown = NULL;
    const char *line = strchr(text, '\n'), *dashes = strstr(text, "---\n");
    uint8_t bytes[BYTES_MAX];
    size_t count, size;
    decoder *decode;
    FILE *file;

    assert_non_null(line);
    if (!dashes)
        dashes = text + strlen(text);
    decode = find_decoder(text, (size_t)(line - text));
    count = parse_bytes(line, dashes, bytes);
    file = open_memstream(&shown, &size);
    assert_non_null(file);
    fprintf(file, "%.*s", (int)(dashes - text), text);
    for (int table = 0; table < 2; table++) {
        fputs("---\n", file);
        decode_exactly(file, decode, bytes, count, table);
    }
    fclose(file);
    if (getenv("GOLDEN_WRITE")) {
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(shown, file);
        fclose(file);
    } else {
        assert_string_equal(shown, text);
    }
    free(shown);
    free(text);
}

/* Any bytes of any length: nothing to compare, but a sanitizer looks on, and it must end. */
static void decoders_survive_anything(void **state)
{
    uint32_t random = 1;
    FILE *file = fopen("/dev/null", "w");

    (void)state;
    assert_non_null(file);
    for (int round = 0; round < 2000; round++) {
        for (size_t d = 0; d < sizeof decoders / sizeof decoders[0]; d++) {
            uint8_t bytes[96];
            size_t count;

            for (size_t i = 0; i < sizeof bytes; i++) {
                random = random * 1103515245u + 12345u;
                /* Small numbers often, so that lengths lead somewhere. */
                bytes[i] = (uint8_t)(random >> 16) & (random >> 28 & 1 ? 0xff : 0x0f);
            }
            random = random * 1103515245u + 12345u;
            count = (random >> 16) % (sizeof bytes + 1);
            if (round % 2)
                bytes[0] = 0x70 + round % 4;
            decode_exactly(file, decoders[d].decode, bytes, count, round % 3 == 0);
        }
    }
    fclose(file);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(void)
{
    struct CMUnitTest tests[TESTS_MAX] = { cmocka_unit_test(decoders_survive_anything) };
    size_t count = 1;
    DIR *folder = opendir(GOLDEN);
    struct dirent *entry;
    int failed;

    while (folder && (entry = readdir(folder)) && count < TESTS_MAX) {
        char *path = NULL;

        if (!strstr(entry->d_name, ".txt"))
            continue;
        if (asprintf(&path, "%s/%s", GOLDEN, entry->d_name) < 0)
            abort();
        tests[count++] = (struct CMUnitTest){
            .name = strrchr(path, '/') + 1, .test_func = golden, .initial_state = path,
        };
    }
    if (!folder || count == 1) {
        fprintf(stderr, "no golden files in %s\n", GOLDEN);
        return 1;
    }
    closedir(folder);
    qsort(tests, count, sizeof tests[0], compare);
    failed = _cmocka_run_group_tests("tools-decode", tests, count, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        free(tests[i].initial_state);
    return failed;
}
