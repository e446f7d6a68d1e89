/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The names that each account may use, if the secrets file has more than one account. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../work.h"
#include "doors/iscsi/chap.h"
#include "fixture.h"

#define ALICE "alice", "a secret of alice"
#define BOB "bob", "a secret of bob"
#define CAROL "carol", "a secret of carol"
#define HERS "iqn.2026-01.org.example:hers"
#define FREE "iqn.2026-01.org.example:free"

static char path[WORK_PATH_MAX], mutual[WORK_PATH_MAX];
static struct client guest;

static void write_file(char name[WORK_PATH_MAX], const char *text)
{
    int fd = mkstemp(work_template(name, "iscsi-accounts"));

    assert_true(fd >= 0);
    assert_int_equal(strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

static int open_accounts(void **state)
{
    char query[WORK_PATH_MAX + 32];

    (void)state;
    write_file(path, "alice a secret of alice\nbob a secret of bob\ncarol a secret of carol\n"
                     "@carol iqn.2026-01.org.example:other, " HERS "\n");
    snprintf(query, sizeof query, "?chap=%s", path);
    open_with(query);
    return 0;
}

static int open_mutual(void **state)
{
    char query[2 * WORK_PATH_MAX + 64];

    (void)state;
    write_file(path, "alice a secret of alice\n");
    write_file(mutual, "target a secret of the target\n");
    snprintf(query, sizeof query, "?chap=%s&mutual=%s&demand-mutual=1", path, mutual);
    open_with(query);
    return 0;
}

static int close_accounts(void **state)
{
    unlink(path);
    unlink(mutual);
    return close_disk(state);
}

/* CHAP with these names, up to the end of the login; the status. */
static int login_to(struct client *c, const char *user, const char *secret, const char *initiator,
    const char *target, const char *more)
{
    char text[1024], response[2 * CHAP_HASH_MAX + 1];
    uint8_t challenge[CHAP_CHALLENGE], hash[CHAP_HASH_MAX];
    size_t length;
    int status;

    client_connect(c, &disk);
    snprintf(text, sizeof text, "InitiatorName=%s\n%s%s\nAuthMethod=CHAP\n", initiator,
        target ? "TargetName=" : "SessionType=Discovery", target ? target : "");
    if ((status = client_login_step(c, 0x00, text)) != 0)
        return status;
    assert_int_equal(0, client_login_step(c, 0x00, "CHAP_A=7\n"));
    iscsi_chap_binary(client_value(c, "CHAP_C"), challenge, CHAP_CHALLENGE);
    length = iscsi_chap_hash(7, (uint8_t)atoi(client_value(c, "CHAP_I")), secret, challenge,
        CHAP_CHALLENGE, hash);
    for (size_t i = 0; i < length; i++)
        snprintf(response + 2 * i, 3, "%02x", hash[i]);
    snprintf(text, sizeof text, "CHAP_N=%s\nCHAP_R=0x%s\n%s", user, response, more);
    status = client_login_step(c, 0x83, text);
    return status;
}

static int login(struct client *c, const char *user, const char *secret, const char *initiator)
{
    return login_to(c, user, secret, initiator, TARGET, "");
}

static void a_session_is_not_taken_over_by_another_account(void **state)
{
    uint8_t block[BLOCK];

    (void)state;
    assert_int_equal(0, login(&client, ALICE, FREE));
    client_settle(&client);
    assert_int_equal(LOGIN_FORBIDDEN, login(&guest, BOB, FREE));
    client_expect_closed(&guest);
    assert_int_equal(0, client_read(&client, 0, 1, block));
    /* Nor is its name, by another port. */
    guest.isid[5] = 9;
    assert_int_equal(LOGIN_FORBIDDEN, login(&guest, BOB, FREE));
    client_expect_closed(&guest);
}

static void its_own_account_takes_it_over(void **state)
{
    (void)state;
    assert_int_equal(0, login(&client, ALICE, FREE));
    assert_int_equal(0, login(&other, ALICE, FREE));
    client_expect_closed(&client);
    client_settle(&other);
    client_close(&other);
}

static void letters_of_either_case_make_one_name(void **state)
{
    (void)state;
    assert_int_equal(0, login(&client, ALICE, FREE));
    assert_int_equal(LOGIN_FORBIDDEN, login(&guest, BOB, "IQN.2026-01.ORG.example:FREE"));
    client_expect_closed(&guest);
}

static void a_name_without_a_session_is_free_again(void **state)
{
    (void)state;
    assert_int_equal(0, login(&client, ALICE, FREE));
    client_close(&client);
    /* The door notices the end of a connection when it looks. */
    while (login(&guest, BOB, FREE) != 0)
        client_expect_closed(&guest);
    client_settle(&guest);
    client_close(&guest);
}

/* PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY; key 0 takes the registration back. */
static void enroll(struct client *c, uint8_t key)
{
    const uint8_t cdb[10] = { 0x5f, 0x06, [8] = 24 };
    const uint8_t list[24] = { [15] = key };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL | COMMAND_WRITE, sizeof list, cdb, sizeof cdb);
    client_send(c, bhs, list, sizeof list);
    assert_int_equal(0, client_status(c, c->itt));
}

static void a_registration_keeps_the_name(void **state)
{
    (void)state;
    assert_int_equal(0, login(&client, ALICE, FREE));
    client_settle(&client);
    enroll(&client, 1);
    client_close(&client);
    assert_int_equal(LOGIN_FORBIDDEN, login(&guest, BOB, FREE));
    client_expect_closed(&guest);

    assert_int_equal(0, login(&client, ALICE, FREE));
    client_settle(&client);
    enroll(&client, 0);
    client_close(&client);
    while (login(&guest, BOB, FREE) != 0)
        client_expect_closed(&guest);
    client_close(&guest);
}

static void a_bound_account_is_nothing_else_and_nobody_else_is_it(void **state)
{
    (void)state;
    assert_int_equal(LOGIN_FORBIDDEN, login(&client, CAROL, FREE));
    client_expect_closed(&client);
    assert_int_equal(LOGIN_FORBIDDEN, login(&client, ALICE, HERS));
    client_expect_closed(&client);
    assert_int_equal(LOGIN_FORBIDDEN, login_to(&client, ALICE, HERS, NULL, ""));
    client_expect_closed(&client);
    assert_int_equal(0, login(&client, CAROL, HERS));
    client_settle(&client);
    client_close(&client);
    assert_int_equal(0, login(&client, CAROL, "iqn.2026-01.org.example:other"));
    client_close(&client);
}

/* A login that fails says the same whatever the target's name is, up to the last answer. */
static void only_who_authenticates_learns_whether_a_target_exists(void **state)
{
    static const char *const targets[] = { TARGET, "iqn.2026-01.org.example:none" };
    uint8_t answers[2][ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(LOGIN_AUTHENTICATION,
            login_to(&guest, "alice", "not her secret", FREE, targets[i], ""));
        memcpy(answers[i], guest.bhs, ISCSI_BHS);
        client_expect_closed(&guest);
    }
    assert_memory_equal(answers[0], answers[1], ISCSI_BHS);
    assert_int_equal(LOGIN_NOT_FOUND, login_to(&guest, ALICE, FREE, targets[1], ""));
    client_expect_closed(&guest);
}

static void wrong_guesses_wait_for_each_other(void **state)
{
    enum { GUESSES = 3 };
    struct timespec before, after;
    static struct client guesses[GUESSES];

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (unsigned i = 0; i < GUESSES; i++) {
        client_connect(&guesses[i], &disk);
        client_send_login(&guesses[i], 0x87, NAMES);
    }
    /* Nobody waits for them who knows a secret. */
    assert_int_equal(0, login(&client, ALICE, FREE));
    client_settle(&client);
    for (unsigned i = 0; i < GUESSES; i++) {
        client_expect(&guesses[i], ISCSI_LOGIN_RESPONSE);
        assert_int_equal(LOGIN_AUTHENTICATION, be16_get(guesses[i].bhs + LOGIN_STATUS));
        client_expect_closed(&guesses[i]);
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    /* Less than a second each only by the part of one that had passed when they began. */
    assert_true(after.tv_sec - before.tv_sec >= (GUESSES - 1) * ISCSI_REFUSAL_SECONDS);
}

static void mutual_authentication_can_be_demanded(void **state)
{
    (void)state;
    assert_int_equal(LOGIN_AUTHENTICATION, login(&client, ALICE, FREE));
    client_expect_closed(&client);
    assert_int_equal(0,
        login_to(&client, ALICE, FREE, TARGET, "CHAP_I=9\nCHAP_C=0x00112233\n"));
    assert_string_equal("target", client_value(&client, "CHAP_N"));
    client_settle(&client);
}

static void names_are_those_of_the_rfc(void **state)
{
    static const struct {
        int status;
        const char *name;
    } rows[] = {
        { 0, "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-inq" },
        { 0, "iqn.2008-11.org.linux-kvm" },
        { 0, "iqn.1991-05.com.microsoft:desktop-1" },
        { 0, "eui.02004567a425678d" },
        { 0, "naa.52004567ba64678d" },
        { 0, "naa.62004567ba64678d0123456789abcdef" },
        { 0, "iqn.2026-01.org.example:\xc3\xa4" },
        { LOGIN_INITIATOR_ERROR, "" },
        { LOGIN_INITIATOR_ERROR, "alice" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-13.org.example:a" },
        { LOGIN_INITIATOR_ERROR, "iqn.26-01.org.example:a" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01." },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01.org.example:a b" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01.org.example:a,i,0x800000000000" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01.org.example:\x1b[2J" },
        { LOGIN_INITIATOR_ERROR, "iqn.2026-01.org.example:\xff" },
        { LOGIN_INITIATOR_ERROR, "eui.02004567a425678" },
        { LOGIN_INITIATOR_ERROR, "naa.52004567ba64678d0" },
    };
    char text[512];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_connect(&client, &disk);
        snprintf(text, sizeof text, "InitiatorName=%s\nTargetName=" TARGET "\n", rows[i].name);
        if (client_login_step(&client, 0x87, text) != rows[i].status)
            fail_msg("'%s' has status %04x", rows[i].name, be16_get(client.bhs + LOGIN_STATUS));
        client_close(&client);
    }
}

#define WITH_ACCOUNTS(TEST) cmocka_unit_test_setup_teardown(TEST, open_accounts, close_accounts)

enum { FINDS_FIRST = 1, FINDS_BOBS = 2, FINDS_OPEN = 4 };

/* The targets that a discovery session finds. */
static int found(struct client *c)
{
    static const char all[] = "SendTargets=All";
    uint8_t bhs[ISCSI_BHS];
    int what = 0;

    client_header(c, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(c, bhs, all, sizeof all);
    client_expect(c, ISCSI_TEXT_RESPONSE);
    for (const char *at = (const char *)c->data; at < (const char *)c->data + c->length;
         at += strlen(at) + 1)
        what |= strcmp(at, "TargetName=" TARGET) == 0    ? FINDS_FIRST
            : strcmp(at, "TargetName=" TARGET ".bobs") == 0 ? FINDS_BOBS
            : strcmp(at, "TargetName=" TARGET ".open") == 0 ? FINDS_OPEN
                                                            : 0;
    client_close(c);
    return what;
}

/* Three targets of one address: one of all accounts, one of Bob's, one of everybody's. */
static void a_discovery_tells_each_user_of_its_targets(void **state)
{
    char bobs[WORK_PATH_MAX], query[WORK_PATH_MAX + 64], name[512];
    struct disk guarded, open;

    (void)state;
    write_file(bobs, "bob a secret of bob\nalice another secret of alice\n");
    snprintf(query, sizeof query, TARGET ".bobs?chap=%s", bobs);
    disk_name_beside(name, &disk, query);
    disk_open_at(&guarded, name, false);
    unlink(bobs);
    /* Without a target for everybody, nobody finds anything without a secret. */
    client_connect(&client, &disk);
    assert_int_equal(LOGIN_AUTHENTICATION,
        client_login_step(&client, 0x87, "InitiatorName=" FREE "\nSessionType=Discovery\n"));
    client_close(&client);
    disk_name_beside(name, &disk, TARGET ".open");
    disk_open_at(&open, name, false);
    client_login_discovery(&client, &disk);
    assert_int_equal(FINDS_OPEN, found(&client));
    assert_int_equal(0, login_to(&client, ALICE, FREE, NULL, ""));
    assert_int_equal(FINDS_FIRST | FINDS_OPEN, found(&client));
    assert_int_equal(0, login_to(&client, BOB, FREE, NULL, ""));
    assert_int_equal(FINDS_FIRST | FINDS_BOBS | FINDS_OPEN, found(&client));
    assert_int_equal(0, login_to(&client, "alice", "another secret of alice", FREE, NULL, ""));
    assert_int_equal(FINDS_BOBS | FINDS_OPEN, found(&client));
    disk_close(&open);
    disk_close(&guarded);
    client.fd = -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ACCOUNTS(a_session_is_not_taken_over_by_another_account),
        WITH_ACCOUNTS(its_own_account_takes_it_over),
        WITH_ACCOUNTS(letters_of_either_case_make_one_name),
        WITH_ACCOUNTS(a_name_without_a_session_is_free_again),
        WITH_ACCOUNTS(a_registration_keeps_the_name),
        WITH_ACCOUNTS(a_bound_account_is_nothing_else_and_nobody_else_is_it),
        WITH_ACCOUNTS(only_who_authenticates_learns_whether_a_target_exists),
        WITH_ACCOUNTS(wrong_guesses_wait_for_each_other),
        cmocka_unit_test_setup_teardown(
            mutual_authentication_can_be_demanded, open_mutual, close_accounts),
        WITH_ACCOUNTS(a_discovery_tells_each_user_of_its_targets),
        WITH_DISK(names_are_those_of_the_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
