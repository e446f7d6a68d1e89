/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator reads of each client who came, and why it has gone. */

#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../log_lines.h"
#include "doors/unix/door.h"

static void close_client(void)
{
    close(client);
    client = -1;
}

static void send_no_message(void)
{
    uint8_t zeros[TRANSACT_HEADER_LENGTH] = { 0 };

    client_send_bytes(client, zeros, sizeof zeros);
    assert_closed(client);
    client = -1;
}

static void take_all_places(void)
{
    int others[UNIX_CLIENTS_MAX];

    for (unsigned i = 0; i < UNIX_CLIENTS_MAX; i++)
        others[i] = client_greeted(NULL);
    assert_closed(client);
    client = -1;
    for (unsigned i = 0; i < UNIX_CLIENTS_MAX; i++)
        close(others[i]);
}

static void stop_server(void)
{
    spd_unit_shutdown(fixture.unit);
}

static void each_client_is_told_from_begin_to_end(void **state)
{
    static const struct {
        void (*act)(void);
        const char *why;
    } rows[] = {
        { close_client, "it closed the connection" },
        { send_no_message, "it broke the protocol (a message of kind 0 with hint 0 and 0 bytes of "
            "data)" },
        { stop_server, "the server stops" },
        /* The last: a user has only so many lines. */
        { take_all_places, "it had to make room for others (it has asked nothing, and another one "
            "comes)" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char begins[256], ends[256], reason[128];
        const char *line;

        if (i)
            end();
        begin(ALL);
        log_lines_begin();
        close_client();
        log_lines_wait(" ends after ");
        log_lines_begin();
        client = client_greeted(NULL);
        snprintf(begins, sizeof begins, "%s: a session begins: process %d of user %u",
            spd_unit_door_uri(fixture.unit, 0), (int)getpid(), (unsigned)getuid());
        assert_string_equal(log_lines_wait(" begins: "), begins);
        rows[i].act();
        snprintf(ends, sizeof ends, "%s: a session ends after ",
            spd_unit_door_uri(fixture.unit, 0));
        snprintf(reason, sizeof reason, " s, %s: process %d of user %u", rows[i].why,
            (int)getpid(), (unsigned)getuid());
        line = log_lines_wait(" ends after ");
        assert_memory_equal(line, ends, strlen(ends));
        assert_non_null(strstr(line, reason));
        spd_log_set(NULL, NULL);
    }
}

/* "unix:...: a client is refused, WHY: process 4711 of user 1000" */
static void expect_refusal(const char *why)
{
    char expected[256];

    snprintf(expected, sizeof expected, "%s: a client is refused, %s: process %d of user %u",
        spd_unit_door_uri(fixture.unit, 0), why, (int)getpid(), (unsigned)getuid());
    assert_string_equal(log_lines_wait("a client is refused"), expected);
    spd_log_set(NULL, NULL);
}

static void a_client_that_finds_no_place_is_told(void **state)
{
    int others[UNIX_CLIENTS_MAX];
    uint8_t data[BLOCK];

    (void)state;
    fixture_start(ALL);
    for (unsigned i = 0; i < UNIX_CLIENTS_MAX; i++) {
        others[i] = client_greeted(NULL);
        assert_good(client_do(others[i], TRANSACT_READ, 0, 1, data));
    }
    log_lines_begin();
    assert_closed(client_connect(fixture.path));
    expect_refusal("all places have clients at work");
    for (unsigned i = 0; i < UNIX_CLIENTS_MAX; i++)
        close(others[i]);
}

static void a_client_for_whom_there_is_no_descriptor_is_told(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct rlimit before, limit;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), next;

    (void)state;
    fixture_start(ALL);
    log_lines_begin();
    memcpy(address.sun_path, fixture.path, strlen(fixture.path));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    next = dup(fd);
    assert_true(next > fd);
    close(next);
    limit = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    expect_refusal("this process has no descriptor for it");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_closed(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_client_is_told_from_begin_to_end),
        TEST(a_client_that_finds_no_place_is_told),
        TEST(a_client_for_whom_there_is_no_descriptor_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
