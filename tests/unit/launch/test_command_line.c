/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Command lines of servers: what the template says, and that the C run time gives back the
 * arguments as they were. parse() is its rules, written from their description.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "launch/command_line.h"
#include "text16.h"

#include <cmocka.h>

#define EXE "C:\\bin\\d.exe"

static char16_t line[LAUNCH_COMMAND_LINE_MAX];

static size_t expand(const char *template, size_t count, const char *const *arguments)
{
    char16_t *wide_template = wide(template, strlen(template) + 1);
    char16_t *wides[9] = { NULL };
    size_t length;

    wide_template[strlen(template)] = 0;
    for (size_t i = 0; i < count; i++)
        wides[i] = wide(arguments[i], strlen(arguments[i]) + 1);
    length = launch_command_line(
        wide_template, u"" EXE, count, (const char16_t *const *)wides, line);
    for (size_t i = 0; i < count; i++)
        free(wides[i]);
    free(wide_template);
    return length;
}

static void expands(const char *template, const char *first, const char *second, const char *wanted)
{
    const char *const arguments[] = { first, second };
    size_t length = expand(template, first ? second ? 2 : 1 : 0, arguments);
    char *text = narrow(line, length);

    assert_string_equal(text, wanted);
    free(text);
}

/* The next argument of a command line, behind the first; whether there was one. */
static bool parse(const char **rest, char *argument)
{
    const char *in = *rest;
    bool quoted = false;

    while (*in == ' ')
        in++;
    if (!*in)
        return false;
    while (*in && (quoted || *in != ' ')) {
        size_t run = strspn(in, "\\");

        in += run;
        if (*in == '"') {
            memset(argument, '\\', run / 2);
            argument += run / 2;
            if (run % 2)
                *argument++ = *in;
            else if (quoted && in[1] == '"')
                *argument++ = *in++;
            else
                quoted = !quoted;
            in++;
        } else {
            memset(argument, '\\', run);
            argument += run;
            if (*in && (quoted || *in != ' '))
                *argument++ = *in++;
        }
    }
    *argument = 0;
    *rest = in;
    return true;
}

static void templates_are_expanded(void **state)
{
    (void)state;
    expands("%0", NULL, NULL, "\"" EXE "\"");
    expands("%0 -f %1", "C:\\a b.img", NULL, "\"" EXE "\" -f \"C:\\a b.img\"");
    expands("%0 %1 %2", "x", NULL, "\"" EXE "\" \"x\" \"\"");
    expands("%2 %1", "x", "y", "\"y\" \"x\"");
    expands("100%%", NULL, NULL, "100%");
    expands("%a%%1", "x", NULL, "a%1");
    expands("", NULL, NULL, "");
}

static void a_percent_sign_at_the_end_is_itself(void **state)
{
    (void)state;
    expands("%0 %", NULL, NULL, "\"" EXE "\" %");
    expands("%", "x", NULL, "%");
}

static void quotes_of_the_template_serve(void **state)
{
    (void)state;
    expands("-f \"%1\"", "a b\\", NULL, "-f \"a b\\\\\"");
    expands("\"x %1 y\" z", "a", NULL, "\"x a y\" z");
    expands("%1\"x y\"", "a", NULL, "\"ax y\"");
    expands("\"x y\"%1", "a", NULL, "\"x ya\"");
    expands("\\\"%1", "a", NULL, "\\\"\"a\"");
}

/* The text around the argument in the template, then in the program's argv. */
static const struct {
    const char *template, *before, *after;
} around[] = {
    { "%0 %1 next", "", "" },
    { "%0 --name=%1 next", "--name=", "" },
    { "%0 C:\\%1 next", "C:\\", "" },
    { "%0 %1.log next", "", ".log" },
    { "%0 %1\\ next", "", "\\" },
    { "%0 \"%1\" next", "", "" },
    { "%0 \"a b\"%1\"c d\" next", "a b", "c d" },
    { "%0 %1%2 next", "", "" },
    { "%0 %2%1%2 next", "", "" },
};

static void arguments_arrive_as_they_were(const char *argument)
{
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        const char *const arguments[] = { argument, "" };
        char wanted[256], found[256];
        char *text = narrow(line, expand(around[i].template, 2, arguments));
        const char *rest = text;

        strcpy(wanted, around[i].before);
        strcat(wanted, argument);
        strcat(wanted, around[i].after);
        assert_true(parse(&rest, found));
        assert_string_equal(found, EXE);
        assert_true(parse(&rest, found));
        if (strcmp(found, wanted))
            fail_msg("%s, %s: %s", around[i].template, argument, text);
        assert_true(parse(&rest, found));
        assert_string_equal(found, "next");
        assert_false(parse(&rest, found));
        free(text);
    }
}

static void every_short_argument_arrives_as_it_was(void **state)
{
    static const char letters[] = { '"', '\\', ' ', 'x', '%' };
    enum { LETTERS = sizeof letters, LONGEST = 6 };

    (void)state;
    for (unsigned length = 0, all = 1; length <= LONGEST; length++, all *= LETTERS) {
        for (unsigned number = 0; number < all; number++) {
            char argument[LONGEST + 1] = { 0 };

            for (unsigned i = 0, rest = number; i < length; i++, rest /= LETTERS)
                argument[i] = letters[rest % LETTERS];
            arguments_arrive_as_they_were(argument);
        }
    }
}

static void the_longest_line_fits_and_one_more_does_not(void **state)
{
    static char argument[LAUNCH_COMMAND_LINE_MAX];
    const char *const arguments[] = { argument };

    (void)state;
    memset(argument, 'x', sizeof argument - 4);
    assert_int_equal(expand("%1x", 1, arguments), LAUNCH_COMMAND_LINE_MAX - 1);
    assert_int_equal(expand("%1xx", 1, arguments), 0);
    memset(argument, '"', sizeof argument - 4);
    assert_int_equal(expand("%1", 1, arguments), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_expanded),
        cmocka_unit_test(a_percent_sign_at_the_end_is_itself),
        cmocka_unit_test(quotes_of_the_template_serve),
        cmocka_unit_test(every_short_argument_arrives_as_it_was),
        cmocka_unit_test(the_longest_line_fits_and_one_more_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
