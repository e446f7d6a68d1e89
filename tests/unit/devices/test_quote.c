/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Names with any bytes, in lines that people read and shells take. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/quote.h"

static const char *const rows[][2] = { /* as it is, and as a word */
    {"disk.img", "disk.img"},
    {"/srv/disk-1_a.img", "/srv/disk-1_a.img"},
    {"", "''"},
    {"a b", "'a b'"},
    {"it's", "'it'\\''s'"},
    {"$(rm -r x)", "'$(rm -r x)'"},
    {"a\"b\\c`d&e;f", "'a\"b\\c`d&e;f'"},
    {"~", "'~'"},
    {"*?#!", "'*?#!'"},
    {"\xc3\xa4\xe6\xbc\xa2", "'\xc3\xa4\xe6\xbc\xa2'"},
    {"a\nserving b", "$'a\\012serving b'"},
    {"\x1b[2J", "$'\\033[2J'"},
    {"\x7f", "$'\\177'"},
    {"it's\n\\", "$'it\\'s\\012\\\\'"},
    {"\xff" "7", "$'\\3777'"},
    {"\xc3\xa4\x01", "$'\\303\\244\\001'"},
    {"\xc2\x9b", "$'\\302\\233'"},         /* a control of C1 */
    {"a\xe2\x80\xae" "b", "$'a\\342\\200\\256b'"}, /* it turns the direction */
    {"\xc0\xaf", "$'\\300\\257'"},
    {"\xed\xa0\x80", "$'\\355\\240\\200'"},
    {"\xf4\x90\x80\x80", "$'\\364\\220\\200\\200'"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static char *word_of(const char *text)
{
    char *word = NULL;
    size_t length;
    FILE *out = open_memstream(&word, &length);

    quote_print(out, text);
    fclose(out);
    return word;
}

static void a_word_is_one_line_that_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        char *word = word_of(rows[i][0]);

        assert_string_equal(word, rows[i][1]);
        free(word);
    }
}

/* bash makes the name again of the word. */
static void assert_taken_back(const char *text)
{
    char *word = word_of(text), back[1024];
    FILE *shell;
    size_t length;

    assert_int_equal(setenv("WORD", word, 1), 0);
    shell = popen("bash -c 'eval \"printf %s $WORD\"'", "r");
    assert_non_null(shell);
    length = fread(back, 1, sizeof back - 1, shell);
    back[length] = '\0';
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(back, text);
    free(word);
}

static void a_shell_takes_the_word_for_the_name(void **state)
{
    char all[256];

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        assert_taken_back(rows[i][0]);
    for (int byte = 1; byte < 256; byte++)
        all[byte - 1] = (char)byte;
    all[255] = '\0';
    assert_taken_back(all);
}

static void a_message_is_one_line(void **state)
{
    char line[16];

    (void)state;
    assert_int_equal(quote_line("a\n\x1b\xff\xc3\xa4", line, sizeof line), 15);
    assert_string_equal(line, "a\\x0a\\x1b\\xff\xc3\xa4");
    /* Cut between characters. */
    assert_int_equal(quote_line("0123456789abcd\xc3\xa4", line, sizeof line), 14);
    assert_int_equal(quote_line("0123456789abcd\xc3\xa4", line, 4), 3);
    assert_int_equal(quote_line("\n", line, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_one_line_that_can_be_read),
        cmocka_unit_test(a_shell_takes_the_word_for_the_name),
        cmocka_unit_test(a_message_is_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
