/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator reads of each session who came by which door, and why it ended. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../log_lines.h"
#include "../work.h"
#include "fixture.h"

/* The end of a line, after the port. */
#define NAMED ", initiator " INITIATOR

static int open_logged(void **state)
{
    open_disk(state);
    log_lines_begin();
    return 0;
}

static int open_logged_watchful(void **state)
{
    open_watchful(state);
    log_lines_begin();
    return 0;
}

static int close_logged(void **state)
{
    spd_log_set(NULL, NULL);
    return close_disk(state);
}

/* From an address of its own: one has only so many lines. */
static void log_in_from(uint8_t host, const char *keys)
{
    client_connect_from(&client, &disk, host);
    assert_int_equal(0, client_login_step(&client, 0x87, keys));
}

/* "iscsi://127.0.0.1:33333/...: a session begins: 127.0.0.2 port 44444, ..." */
static void expect_begin(const char *what, uint8_t host)
{
    char begin[256];
    const char *line, *at;

    snprintf(begin, sizeof begin, "%s: a %s begins: 127.0.0.%u port ",
        spd_unit_door_uri(disk.unit, 0), what, host);
    line = log_lines_wait(" begins: ");
    assert_memory_equal(line, begin, strlen(begin));
    at = line + strlen(begin);
    assert_string_equal(at + strspn(at, "0123456789"), NAMED);
}

/* The end has the same door and peer, and this reason. */
static void expect_end(const char *what, const char *why)
{
    char begin[256], reason[160], who[SPD_LOG_LINE_MAX];
    const char *line;

    snprintf(who, sizeof who, "%s", strstr(log_lines_wait(" begins: "), " begins: ") + 8);
    snprintf(begin, sizeof begin, "%s: a %s ends after ", spd_unit_door_uri(disk.unit, 0), what);
    snprintf(reason, sizeof reason, " s, %s:", why);
    line = log_lines_wait(" ends after ");
    assert_memory_equal(line, begin, strlen(begin));
    if (!strstr(line, reason) || !strstr(line, who))
        fail_msg("'%s' lacks '%s' or '%s'", line, reason, who);
    assert_int_equal(1, log_lines_with(" ends after "));
}

static void send_logout(void)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(&client, bhs, ISCSI_LOGOUT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_LOGOUT_RESPONSE);
}

static void log_out(void)
{
    send_logout();
    client_expect_closed(&client);
}

static void close_connection(void)
{
    client_close(&client);
}

static void break_connection(void)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    assert_int_equal(0,
        setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    client_close(&client);
}

static void log_in_again(void)
{
    client_connect_from(&other, &disk, 100);
    assert_int_equal(0, client_login_step(&other, 0x87, NAMES));
}

static void log_in_twice(void)
{
    client_send_login(&client, 0x87, NAMES);
    client_expect_closed(&client);
}

static void reset_target(void)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(&client, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE,
        ISCSI_FINAL | TASK_COLD_RESET);
    client_send(&client, bhs, NULL, 0);
    client_expect_closed(&client);
}

static void stop_server(void)
{
    spd_unit_shutdown(disk.unit);
    client_expect_closed(&client);
}

static void each_session_is_told_from_begin_to_end(void **state)
{
    static const struct {
        void (*act)(void);
        const char *why;
        int level;
    } rows[] = {
        { log_out, "it logged out", SPD_LOG_INFO },
        { close_connection, "it closed the connection", SPD_LOG_INFO },
        { break_connection, "its connection failed (Connection reset by peer)",
            SPD_LOG_WARNING },
        { log_in_again, "its initiator logged in again", SPD_LOG_INFO },
        { log_in_twice, "it broke the protocol (a login request after its login)",
            SPD_LOG_WARNING },
        { reset_target, "an initiator reset the target", SPD_LOG_INFO },
        { stop_server, "the server stops", SPD_LOG_INFO },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (i > 0) {
            close_logged(state);
            open_logged(state);
        }
        log_in_from((uint8_t)(2 + i), NAMES);
        expect_begin("session", (uint8_t)(2 + i));
        rows[i].act();
        expect_end("session", rows[i].why);
        for (unsigned at = 0; at < log_lines.count; at++)
            if (strstr(log_lines.text[at], " ends after "))
                assert_int_equal(rows[i].level, log_lines.level[at]);
    }
}

static void a_peer_that_is_silent_is_told_with_the_reason(void **state)
{
    (void)state;
    log_in_from(20, NAMES);
    expect_end("session", "it let a time limit pass (no answer to a NOP-In)");
}

static void a_discovery_session_is_told_as_such(void **state)
{
    (void)state;
    log_in_from(21, "InitiatorName=" INITIATOR "\nSessionType=Discovery\n");
    expect_begin("discovery session", 21);
    log_out();
    expect_end("discovery session", "it logged out");
}

static void a_connection_that_was_no_session_is_told_where_it_broke_a_rule(void **state)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL };

    (void)state;
    client_connect(&client, &disk);
    client_close(&client);
    client_connect(&client, &disk);
    client_send_bytes(&client, bhs, sizeof bhs);
    client_expect_closed(&client);
    assert_non_null(strstr(log_lines_wait("connection dropped before a session, "),
        "it broke the protocol (its first PDU is no login request)"));
    assert_int_equal(1, log_lines_with("iscsi"));
}

static void sessions_that_come_and_go_all_the_time_do_not_fill_the_log(void **state)
{
    enum { SESSIONS = 100 };
    unsigned long long n, counted[2] = { 0, 0 };

    (void)state;
    for (unsigned i = 0; i < SESSIONS; i++) {
        log_in_from(22, NAMES);
        log_out();
        client_close(&client);
    }
    counted[0] = log_lines_with(" begins: 127.0.0.22 ");
    counted[1] = log_lines_with(" s, it logged out: 127.0.0.22 ");
    /* There is a line more for each ten seconds that it takes. */
    assert_in_range(counted[0], SPD_LOG_PEER_LINES, SESSIONS / 2);
    assert_in_range(counted[1], SPD_LOG_PEER_LINES, SESSIONS / 2);
    for (unsigned i = 0; i < log_lines.count; i++) {
        if (sscanf(log_lines.text[i], "sessions that began: %llu more of 127.0.0.22", &n) == 1)
            counted[0] += n;
        if (sscanf(log_lines.text[i], "sessions that ended: %llu more of 127.0.0.22", &n) == 1)
            counted[1] += n;
    }
    assert_int_equal(SESSIONS, counted[0]);
    assert_int_equal(SESSIONS, counted[1]);
}

static void connections_that_wait_for_a_descriptor_are_told(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), next = dup(fd);
    struct rlimit before, limit;
    char line[256];
    unsigned port;

    (void)state;
    client.fd = -1;
    assert_int_equal(1, sscanf(spd_unit_door_uri(disk.unit, 0), "iscsi://127.0.0.1:%u/", &port));
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    close(next);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    limit = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
    assert_int_equal(0, connect(fd, (struct sockaddr *)&address, sizeof address));
    snprintf(line, sizeof line, "%s: connections wait, since this process may open no more ",
        spd_unit_door_uri(disk.unit, 0));
    log_lines_wait(line);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
    close(fd);
    log_in_from(23, NAMES);
}

int main(void)
{
#define TEST(OPEN, NAME) cmocka_unit_test_setup_teardown(NAME, OPEN, close_logged)
    const struct CMUnitTest tests[] = {
        TEST(open_logged, each_session_is_told_from_begin_to_end),
        TEST(open_logged_watchful, a_peer_that_is_silent_is_told_with_the_reason),
        TEST(open_logged, a_discovery_session_is_told_as_such),
        TEST(open_logged, a_connection_that_was_no_session_is_told_where_it_broke_a_rule),
        TEST(open_logged, connections_that_wait_for_a_descriptor_are_told),
        TEST(open_logged, sessions_that_come_and_go_all_the_time_do_not_fill_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
