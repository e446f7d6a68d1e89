/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator's lines about refused peers: their names, the reasons, and a bounded number. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../work.h"
#include "fixture.h"
#include "lib/log.h"

enum { LINES_MAX = 200 };

static os_mutex lock = OS_MUTEX_INIT;
static char lines[LINES_MAX][SPD_LOG_LINE_MAX];
static unsigned line_count;

static void catch(void *context, int level, const char *text)
{
    (void)context;
    if (level > SPD_LOG_WARNING)
        return;
    os_mutex_lock(&lock);
    if (line_count < LINES_MAX)
        strcpy(lines[line_count++], text);
    os_mutex_unlock(&lock);
}

/* All lines so far have been caught when this returns. */
static void catch_from_here(void)
{
    spd_log_set(catch, NULL);
    line_count = 0;
}

static void expect_line(const char *text)
{
    spd_log_set(catch, NULL);
    if (line_count != 1 || !strstr(lines[0], text))
        fail_msg("%u lines, '%s' and not '%s'", line_count, lines[0], text);
    line_count = 0;
}

static void a_refused_login_is_told_with_the_reason(void **state)
{
    static const struct {
        uint8_t flags;
        const char *text, *line;
    } rows[] = {
        { 0x87, NAMES "SessionType=Other\n",
            "login refused (0209h): SessionType is neither Normal nor Discovery; "
            "initiator '" INITIATOR "', target '" TARGET "'" },
        { 0x87, "InitiatorName=" INITIATOR "\nTargetName=iqn.2026-01.org.example:other\n",
            "login refused (0203h): there is no such target here; "
            "initiator '" INITIATOR "', target 'iqn.2026-01.org.example:other'" },
        { 0x87, "InitiatorName=" INITIATOR "\n",
            "(0207h): InitiatorName or TargetName is missing; initiator '" INITIATOR
            "', target ''" },
        { 0x81, NAMES "AuthMethod=CHAP\n", "(0201h): it offers AuthMethod=CHAP; None is needed" },
        { 0x87, NAMES "MaxRecvDataSegmentLength=1\n",
            "(0200h): MaxRecvDataSegmentLength=1 came twice, or has no such value" },
        { 0x87, "InitiatorName=" INITIATOR "\nrawdisk: \x1b[2J\n",
            "its text is no list of key=value" },
        { 0x87, "InitiatorName=\x1b[2J\x9b\r\n",
            "(0200h): InitiatorName is no iSCSI name: it has other characters than letters, "
            "digits, '.', '-' and ':'; initiator '\\x1b[2J\\x9b\\x0d'" },
        { 0x8b, NAMES, "(0200h): bad stage, or too many requests" },
    };

    (void)state;
    catch_from_here();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char who[64];

        client_connect_from(&client, &disk, (uint8_t)(2 + i));
        snprintf(who, sizeof who, "iscsi: 127.0.0.%u port ", 2 + i);
        assert_int_not_equal(0, client_login_step(&client, rows[i].flags, rows[i].text));
        spd_log_set(catch, NULL);
        assert_memory_equal(lines[0], who, strlen(who));
        expect_line(rows[i].line);
    }
}

static char chap_path[WORK_PATH_MAX];

static int open_chap_disk(void **state)
{
    static const char account[] = "alice a secret of alice\n";
    char query[WORK_PATH_MAX + 8];
    int fd = mkstemp(work_template(chap_path, "iscsi-chap"));

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(sizeof account - 1, write(fd, account, sizeof account - 1));
    close(fd);
    snprintf(query, sizeof query, "?chap=%s", chap_path);
    open_with(query);
    return 0;
}

static int close_chap_disk(void **state)
{
    unlink(chap_path);
    return close_disk(state);
}

static void a_bad_response_is_told_with_the_user(void **state)
{
    static const struct {
        const char *algorithms, *response, *line;
    } rows[] = {
        { "1", NULL, "(0201h): none of its CHAP_A is SHA-256 (7), SHA1 (6) or MD5 (5); initiator '"
            INITIATOR "', target '" TARGET "'" },
        { "7", "CHAP_N=bob\nCHAP_R=0x00\n", "(0201h): the secrets file does not have its user; "
            "initiator '" INITIATOR "', target '" TARGET "', user 'bob'" },
        { "7", "CHAP_N=alice\nCHAP_R=0x00\n", "(0201h): its secret is not the user's; "
            "initiator '" INITIATOR "', target '" TARGET "', user 'alice'" },
        { "7", "CHAP_N=al\x07ice\n", "CHAP_C is missing; initiator '" INITIATOR "', target '" TARGET
            "', user 'al\\x07ice'" },
    };

    (void)state;
    catch_from_here();
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        int status;

        client_connect_from(&client, &disk, (uint8_t)(20 + i));
        assert_int_equal(0, client_login_step(&client, 0x81, NAMES "AuthMethod=CHAP,None\n"));
        snprintf(text, sizeof text, "CHAP_A=%s\n", rows[i].algorithms);
        status = client_login_step(&client, 0x00, text);
        if (status == 0)
            status = client_login_step(&client, 0x81, rows[i].response);
        assert_int_equal(LOGIN_AUTHENTICATION, status);
        expect_line(rows[i].line);
    }
}

static void one_that_does_not_stop_has_a_few_lines_and_a_count(void **state)
{
    enum { LOGINS = 300 };
    unsigned long long told = 0, counted = 0, n;

    (void)state;
    catch_from_here();
    for (int i = 0; i < LOGINS; i++) {
        client_connect_from(&client, &disk, 77);
        assert_int_equal(LOGIN_NOT_FOUND, client_login_step(&client, 0x87,
            "InitiatorName=" INITIATOR "\nTargetName=iqn.2026-01.org.example:other\n"));
        client_expect_closed(&client);
    }
    spd_log_set(catch, NULL);
    for (unsigned i = 0; i < line_count; i++) {
        told += strstr(lines[i], "login refused (0203h)") != NULL;
        if (sscanf(lines[i], "iscsi: refused logins: %llu more of 127.0.0.77", &n) == 1)
            counted += n;
    }
    /* Another line for each ten seconds that it takes. */
    assert_in_range(told, SPD_LOG_PEER_LINES, LOGINS / 2);
    assert_int_equal(told + counted, LOGINS);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_disk, close_disk)
    const struct CMUnitTest tests[] = {
        TEST(a_refused_login_is_told_with_the_reason),
        cmocka_unit_test_setup_teardown(
            a_bad_response_is_told_with_the_user, open_chap_disk, close_chap_disk),
        TEST(one_that_does_not_stop_has_a_few_lines_and_a_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
