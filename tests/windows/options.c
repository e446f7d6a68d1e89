/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at;
    const char *about;
} flags[] = {
    { "--list", offsetof(struct options, list), "names the tests that would run" },
    { "--tap", offsetof(struct options, tap), "results in TAP" },
    { "--no-abort", offsetof(struct options, no_abort),
        "each test is a process of its own: the others run although one fails" },
    { "--repeat-forever", offsetof(struct options, forever), "until one fails" },
    { "--facts", offsetof(struct options, facts), "says what system this is, and runs nothing" },
};

enum { FLAGS = sizeof flags / sizeof flags[0] };

static void usage(const char *wrong)
{
    fprintf(stderr, "winspd-tests: %s is no option. Allowed are\n\n", wrong);
    for (int i = 0; i < FLAGS; i++)
        fprintf(stderr, "  %-18s%s\n", flags[i].name, flags[i].about);
    fprintf(stderr, "  --from NAME       not the tests before that one\n"
        "  NAME, PREFIX*     those tests; also the original's names, and SUITE:NAME, SUITE:*\n"
        "  +NAME, -NAME      also one that runs when it is named only; not that one\n");
}

static bool set_flag(struct options *options, const char *word)
{
    for (int i = 0; i < FLAGS; i++)
        if (!strcmp(word, flags[i].name))
            return *(bool *)((char *)options + flags[i].at) = true;
    return false;
}

/* The names are gathered at the begin of argv. */
bool options_read(struct options *options, int argc, char **argv)
{
    memset(options, 0, sizeof *options);
    options->names = argv;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2)) {
            options->names[options->name_count++] = argv[i];
        } else if (!strcmp(argv[i], "--from") && i + 1 < argc) {
            options->from = argv[++i];
        } else if (!set_flag(options, argv[i])) {
            usage(argv[i]);
            return false;
        }
    }
    return true;
}

static bool matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);

    if (!name)
        return false;
    if (length && pattern[length - 1] == '*')
        return !strncmp(pattern, name, length - 1);
    return !strcmp(pattern, name);
}

static bool names(const char *pattern, const struct suite *suite, const struct test *test)
{
    size_t length = strlen(suite->name);

    if (!strncmp(pattern, suite->name, length) && pattern[length] == ':' &&
        matches(pattern + length + 1, test->name))
        return true;
    return matches(pattern, test->name) || matches(pattern, test->original);
}

bool options_choose(
    const struct options *options, const struct suite *suite, const struct test *test)
{
    bool chosen = false, any = false;

    for (int i = 0; i < options->name_count; i++) {
        const char *word = options->names[i];
        bool out = *word == '-', optional = *word == '+', fits;

        fits = names(word + (out || optional), suite, test);
        if (out && fits)
            return false;
        any = any || !out;
        chosen = chosen || (!out && fits && (optional || !(test->needs & ONLY_BY_NAME)));
    }
    return chosen || (!any && !(test->needs & ONLY_BY_NAME));
}
