/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Secrets files as editors and people make them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../work.h"
#include "client.h"
#include "doors/iscsi/chap.h"

#define GOOD "alice twelve-chars\n"

static int load(const char *text, size_t length, struct iscsi_chap_accounts *accounts)
{
    char path[WORK_PATH_MAX];
    int fd = mkstemp(work_template(path, "iscsi-secrets")), error;

    assert_true(fd >= 0);
    assert_int_equal(length, write(fd, text, length));
    close(fd);
    error = iscsi_chap_load(path, accounts);
    unlink(path);
    return error;
}

static void what_cannot_be_meant_otherwise_is_understood(void **state)
{
    static const char *const rows[][2] = { /* the file; the secret of its first account */
        { "alice twelve-chars", "twelve-chars" },
        { "\xef\xbb\xbf" GOOD, "twelve-chars" },
        { "\xef\xbb\xbf# ours\nalice twelve-chars\n", "twelve-chars" },
        { "alice twelve-chars\r\nbob thirteen-chars\r\n", "twelve-chars" },
        { "\n \t\n  # a comment\n \talice \t twelve-chars\n", "twelve-chars" },
        { "alice correct horse battery\n", "correct horse battery" },
        { "alice twelve\tchars\n", "twelve\tchars" },
        { "alice it's a \"secret\" of hers\n", "it's a \"secret\" of hers" },
        { "alice \"twelve-chars\n", "\"twelve-chars" },
        { "alice twelve-chars'\n", "twelve-chars'" },
        { "alice #twelve-chars\n", "#twelve-chars" },
        { "alice twelve#chars#\n", "twelve#chars#" },
        { "alice tw\xc3\xb6lf-zeichen\n", "tw\xc3\xb6lf-zeichen" },
        { "alice twelve-chars\n@alice iqn.2026-01.org.example:a , iqn.2026-01.org.example:b \t\n",
            "twelve-chars" },
    };
    struct iscsi_chap_accounts accounts;

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (load(rows[i][0], strlen(rows[i][0]), &accounts) != 0)
            fail_msg("row %u: %s", i, spd_error_detail());
        assert_string_equal("alice", accounts.list[0].name);
        assert_string_equal(rows[i][1], accounts.list[0].secret);
        iscsi_chap_free(&accounts);
    }
}

static void what_would_silently_become_part_of_a_secret_is_refused_by_its_line(void **state)
{
#define ROW(TEXT, LINE, WHY) { TEXT, sizeof(TEXT) - 1, "line " #LINE ": ", WHY }
    static const struct {
        const char *text;
        size_t length;
        const char *line, *why;
    } rows[] = {
        ROW("alice twelve-chars \n", 1, "blank"),
        ROW("\n" "alice twelve-chars\t\r\n", 2, "blank"),
        ROW("alice \"twelve-chars\"\n", 1, "quotes"),
        ROW(GOOD "bob 'thirteen chars'\n", 2, "quotes"),
        ROW("\"alice\" twelve-chars\n", 1, "quotes"),
        ROW("'my name' twelve-chars\n", 1, "quotes"),
        ROW(GOOD "@\"alice\" iqn.2026-01.org.example:a\n", 2, "quotes"),
        ROW(GOOD "@alice \"iqn.2026-01.org.example:a\"\n", 2, "not an iSCSI name"),
        ROW("alice twelve-chars # hers\n", 1, "comment"),
        ROW("alice twelve-chars\t#hers\n", 1, "comment"),
        ROW(GOOD "@alice iqn.2026-01.org.example:a # hers\n", 2, "comment"),
        ROW(GOOD "@alice iqn.2026-01.org.example:a iqn.2026-01.org.example:b\n", 2, "commas"),
        ROW(GOOD "\xef\xbb\xbf" "bob thirteen-chars\n", 2, "byte order mark"),
        ROW("\xff\xfe" "a\0l\0i\0c\0e\0 \0", 1, "ASCII or UTF-8"),
        ROW("\xfe\xff\0a\0l\0i\0c\0e\0 ", 1, "ASCII or UTF-8"),
        ROW("a\0l\0i\0c\0e\0 \0t\0w\0e\0l\0v\0e\0\n\0", 1, "ASCII or UTF-8"),
        ROW(GOOD "bob thirteen\0chars\n", 2, "ASCII or UTF-8"),
        ROW("alice twelve-chars\rbob thirteen-chars\r", 1, "CR"),
    };
    struct iscsi_chap_accounts accounts;

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(SPD_ERROR_SECRET, load(rows[i].text, rows[i].length, &accounts));
        if (!strstr(spd_error_detail(), rows[i].line) ||
            !strstr(spd_error_detail(), rows[i].why))
            fail_msg("row %u: %s", i, spd_error_detail());
        assert_int_equal(0, accounts.count);
    }
}

/* No part of it may count as a line of its own. */
static void a_line_that_is_too_long_is_refused(void **state)
{
    static char text[8192 + 64];
    struct iscsi_chap_accounts accounts;

    (void)state;
    for (size_t length = 4090; length < 4102; length++) {
        memset(text, '#', length);
        strcpy(text + length, "\r\nalice twelve-chars\n");
        if (length <= 4094) {
            assert_int_equal(0, load(text, strlen(text), &accounts));
            iscsi_chap_free(&accounts);
            continue;
        }
        assert_int_equal(SPD_ERROR_SECRET, load(text, strlen(text), &accounts));
        assert_non_null(strstr(spd_error_detail(), "line 1: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_meant_otherwise_is_understood),
        cmocka_unit_test(what_would_silently_become_part_of_a_secret_is_refused_by_its_line),
        cmocka_unit_test(a_line_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
