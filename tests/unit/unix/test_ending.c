/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The operator reads of each client who came, and why it has gone. */

#include "fixture.h"

#include <stdio.h>
#include <string.h>
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
        spd_log_set(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_client_is_told_from_begin_to_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
