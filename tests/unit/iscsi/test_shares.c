/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The shares of a peer at the door; beyond them it takes places from itself alone. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixture.h"

/* Few descriptors, so that the door's totals are small: peer.c. */
enum {
    DESCRIPTORS = 512,
    LOGINS = DESCRIPTORS / 2,
    LOGINS_OF_ONE = LOGINS / 4,
    SESSIONS = DESCRIPTORS / 4,
    SESSIONS_OF_ONE = SESSIONS / 2,
    DISCOVERIES = DESCRIPTORS / 16,
    DISCOVERIES_OF_ONE = DISCOVERIES / 4,
    HOSTS = 8,
};

/* By host and number; only their descriptors, since a client is large. */
static int held[HOSTS + 1][LOGINS + 1];

static void set_descriptors(rlim_t count)
{
    struct rlimit limit;

    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = count == 0 ? limit.rlim_max : count;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
}

static int open_small(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= HOSTS; i++)
        for (unsigned j = 0; j <= LOGINS; j++)
            held[i][j] = -1;
    set_descriptors(DESCRIPTORS);
    open_with("");
    set_descriptors(0);
    return 0;
}

static int close_small(void **state)
{
    for (unsigned i = 0; i <= HOSTS; i++)
        for (unsigned j = 0; j <= LOGINS; j++)
            if (held[i][j] >= 0)
                close(held[i][j]);
    return close_disk(state);
}

#define WITH_SMALL(TEST) cmocka_unit_test_setup_teardown(TEST, open_small, close_small)

static void keep(struct client *c, uint8_t host, unsigned number)
{
    held[host][number] = c->fd;
    c->fd = -1;
}

static void say_nothing(uint8_t host, unsigned number)
{
    client_connect_from(&other, &disk, host);
    keep(&other, host, number);
}

static bool is_closed(int fd)
{
    other.fd = fd;
    return !client_receive(&other);
}

/* Login status, as the initiator with this number, from a host. */
static int log_in(struct client *c, uint8_t host, unsigned initiator, unsigned port)
{
    char text[256];

    client_connect_from(c, &disk, host);
    c->isid[4] = (uint8_t)(port >> 8);
    c->isid[5] = (uint8_t)port;
    snprintf(text, sizeof text, "InitiatorName=%s%u\nTargetName=%s\n", INITIATOR, initiator,
        TARGET);
    return client_login_step(c, 0x87, text);
}

static int discover(struct client *c, uint8_t host)
{
    client_connect_from(c, &disk, host);
    return client_login_step(c, 0x87, "InitiatorName=" INITIATOR "\nSessionType=Discovery\n");
}

static void ask_for_targets(struct client *c)
{
    static const char text[] = "SendTargets=All";
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TEXT_REQUEST, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(c, bhs, text, sizeof text);
    client_expect(c, ISCSI_TEXT_RESPONSE);
}

static void one_that_says_nothing_a_thousand_times_takes_it_from_itself(void **state)
{
    enum { MORE = LOGINS - LOGINS_OF_ONE };

    (void)state;
    say_nothing(2, 0);
    for (unsigned i = 0; i < LOGINS_OF_ONE + MORE; i++)
        say_nothing(1, i);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 3, 0, 0));
    for (unsigned i = 0; i < MORE; i++)
        assert_true(is_closed(held[1][i]));
    /* All that came after those, and the other host's, are still there. */
    other.fd = held[1][MORE];
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&other, 0x87, NAMES));
    other.fd = held[2][0];
    other.isid[5] = 1;
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&other, 0x87, NAMES));
    other.fd = -1;
}

static void the_host_of_a_flood_can_log_in_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOGINS; i++)
        say_nothing(1, i);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 1, 0, 0));
}

static void one_that_has_begun_to_log_in_outlives_the_silent(void **state)
{
    (void)state;
    client_connect(&client, &disk);
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&client, 0x04, NAMES));
    for (unsigned i = 0; i < LOGINS; i++)
        say_nothing(1, i);
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&client, 0x87, ""));
}

/* A request that does not come to its end is silence. */
static void one_that_trickles_is_as_good_as_silent(void **state)
{
    static const uint8_t part[ISCSI_BHS - 1] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE };

    (void)state;
    client_connect(&client, &disk);
    client_send_bytes(&client, part, sizeof part);
    for (unsigned i = 0; i < LOGINS_OF_ONE; i++)
        say_nothing(1, i);
    assert_true(is_closed(client.fd));
    client.fd = other.fd;
    other.fd = -1;
}

static void when_all_places_are_taken_the_greediest_gives_one(void **state)
{
    enum { LESS = LOGINS_OF_ONE - 1 };

    (void)state;
    for (unsigned i = 0; i < LOGINS_OF_ONE; i++)
        say_nothing(1, i);
    for (uint8_t host = 2; host <= 4; host++)
        for (unsigned i = 0; i < LESS; i++)
            say_nothing(host, i);
    for (unsigned i = 0; i < 3; i++)
        say_nothing(5, i);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 6, 0, 0));
    assert_true(is_closed(held[1][0]));
    other.fd = held[2][0];
    assert_int_equal(LOGIN_SUCCESS, client_login_step(&other, 0x87, NAMES));
    other.fd = -1;
}

static void without_descriptors_a_silent_one_makes_room(void **state)
{
    int lowest;

    (void)state;
    say_nothing(1, 0);
    assert_int_equal(LOGIN_SUCCESS, log_in(&other, 2, 0, 0)); /* the silent one is accepted */
    keep(&other, 2, 0);
    lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    /* The one that remains is for the client, none for the other end. */
    set_descriptors((rlim_t)lowest + 1);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 3, 0, 1));
    set_descriptors(0);
    assert_true(is_closed(held[1][0]));
}

static void sessions_of_one_name_are_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ISCSI_NAME_SESSIONS_MAX; i++) {
        assert_int_equal(LOGIN_SUCCESS, log_in(&other, (uint8_t)(1 + i % 2), 0, i));
        keep(&other, 1, i);
    }
    assert_int_equal(LOGIN_OUT_OF_RESOURCES,
        log_in(&other, 1, 0, ISCSI_NAME_SESSIONS_MAX));
    client_close(&other);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 1, 1, 0));
    /* Its own session again is no new one. */
    assert_int_equal(LOGIN_SUCCESS, log_in(&other, 1, 0, 0));
    client_close(&other);
    /* A connection that goes makes room for another. */
    for (int status = -1; status != LOGIN_SUCCESS; client_close(&other)) {
        status = log_in(&other, 1, 0, ISCSI_NAME_SESSIONS_MAX);
        assert_true(status == LOGIN_SUCCESS || status == LOGIN_OUT_OF_RESOURCES);
    }
}

/* Sessions from number `from` on, to `to`, each of an initiator of its own; used ones. */
static void use_sessions(uint8_t host, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        assert_int_equal(LOGIN_SUCCESS, log_in(&other, host, i, host));
        client_settle(&other);
        keep(&other, host, i);
    }
}

static void sessions_of_one_host_are_limited(void **state)
{
    (void)state;
    use_sessions(1, 0, SESSIONS_OF_ONE);
    assert_int_equal(LOGIN_OUT_OF_RESOURCES, log_in(&other, 1, SESSIONS_OF_ONE, 1));
    client_close(&other);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 2, SESSIONS_OF_ONE, 2));
}

static void a_session_that_was_never_used_makes_room_for_another_host(void **state)
{
    (void)state;
    assert_int_equal(LOGIN_SUCCESS, log_in(&other, 1, 1000, 0));
    keep(&other, 1, SESSIONS);
    use_sessions(1, 1, SESSIONS_OF_ONE);
    use_sessions(2, 0, SESSIONS_OF_ONE - 1);
    use_sessions(3, 0, 1);
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 4, 0, 4));
    assert_true(is_closed(held[1][SESSIONS]));
    /* Now all that the greediest has are used. */
    assert_int_equal(LOGIN_OUT_OF_RESOURCES, log_in(&other, 5, 0, 5));
    client_close(&other);
}

static void discovery_takes_no_session_away(void **state)
{
    (void)state;
    for (uint8_t host = 1; host <= 4; host++)
        for (unsigned i = 0; i < DISCOVERIES_OF_ONE; i++) {
            assert_int_equal(LOGIN_SUCCESS, discover(&other, host));
            keep(&other, host, i);
        }
    /* All other connections of its host have been silent for longer. */
    other.fd = held[1][0];
    other.itt = other.cmd_sn = 100;
    ask_for_targets(&other);
    other.fd = -1;
    assert_int_equal(LOGIN_SUCCESS, log_in(&client, 1, 0, 0));
    assert_int_equal(LOGIN_SUCCESS, discover(&other, 1));
    ask_for_targets(&other);
    keep(&other, 1, DISCOVERIES_OF_ONE);
    assert_true(is_closed(held[1][1]));
    /* All places are taken, by hosts with equal shares: one of them gives one. */
    assert_int_equal(LOGIN_SUCCESS, discover(&other, 5));
    ask_for_targets(&other);
}

static void a_discovery_session_that_asks_nothing_ends(void **state)
{
    (void)state;
    client_login_discovery(&client, &disk);
    while (client_receive(&client)) {
        /* A sign of life is no request. */
        memcpy(client.data, client.bhs, ISCSI_BHS);
        client_header(&client, client.bhs, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
        be32_put(client.bhs + BHS_ITT, ISCSI_NO_TAG);
        memcpy(client.bhs + BHS_TTT, client.data + BHS_TTT, 4);
        client_send(&client, client.bhs, NULL, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SMALL(one_that_says_nothing_a_thousand_times_takes_it_from_itself),
        WITH_SMALL(the_host_of_a_flood_can_log_in_itself),
        WITH_SMALL(one_that_has_begun_to_log_in_outlives_the_silent),
        WITH_SMALL(one_that_trickles_is_as_good_as_silent),
        WITH_SMALL(when_all_places_are_taken_the_greediest_gives_one),
        WITH_SMALL(without_descriptors_a_silent_one_makes_room),
        WITH_SMALL(sessions_of_one_name_are_limited),
        WITH_SMALL(sessions_of_one_host_are_limited),
        WITH_SMALL(a_session_that_was_never_used_makes_room_for_another_host),
        WITH_SMALL(discovery_takes_no_session_away),
        WITH_WATCHFUL(a_discovery_session_that_asks_nothing_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
