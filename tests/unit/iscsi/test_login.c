/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Logins: good ones, bad ones, CHAP, discovery, and where a door may listen. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../skip.h"
#include "../work.h"
#include "fixture.h"
#include "doors/iscsi/chap.h"

static void a_login_in_one_step_is_answered(void **state)
{
    (void)state;
    client_login(&client, &disk, "HeaderDigest=None,CRC32C\nMaxRecvDataSegmentLength=8192\n");
    assert_string_equal("1", client_value(&client, "TargetPortalGroupTag"));
    assert_string_equal("None", client_value(&client, "HeaderDigest"));
    assert_string_equal("262144", client_value(&client, "MaxRecvDataSegmentLength"));
    client_settle(&client);
}

static void a_login_in_all_stages_is_answered(void **state)
{
    (void)state;
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x81, NAMES "AuthMethod=CHAP,None\n"));
    assert_int_equal(0x81, client.bhs[BHS_FLAGS]);
    assert_string_equal("None", client_value(&client, "AuthMethod"));
    assert_int_equal(0, client_login_step(&client, 0x04, "InitialR2T=No\n"));
    assert_int_equal(0x04, client.bhs[BHS_FLAGS]);
    assert_string_equal("No", client_value(&client, "InitialR2T"));
    assert_int_equal(0, client_login_step(&client, 0x87, ""));
    assert_int_equal(0x87, client.bhs[BHS_FLAGS]);
    client_settle(&client);
}

static void keys_may_come_in_pieces(void **state)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, 0x44 };
    static const char first[] = "InitiatorName=" INITIATOR "\0TargetNa";

    (void)state;
    client_connect(&client, &disk);
    bhs[LOGIN_ISID] = 0x80;
    be32_put(bhs + BHS_ITT, 0x77);
    be32_put(bhs + BHS_CMD_SN, client.cmd_sn);
    client_send(&client, bhs, first, sizeof first - 1);
    client_expect(&client, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(0, client.length);
    assert_int_equal(0x04, client.bhs[BHS_FLAGS]);
    assert_int_equal(0, client_login_step(&client, 0x87, "me=" TARGET "\n"));
    assert_int_equal(0x87, client.bhs[BHS_FLAGS]);
}

/* A request; the status that refuses it. */
static const struct refusal {
    const char *what;
    uint8_t flags;
    uint16_t tsih;
    const char *text;
    int status;
} refusals[] = {
    { "no initiator name", 0x87, 0, "TargetName=" TARGET "\n", LOGIN_MISSING_PARAMETER },
    { "no target name", 0x87, 0, "InitiatorName=" INITIATOR "\n", LOGIN_MISSING_PARAMETER },
    { "another target", 0x87, 0, "InitiatorName=" INITIATOR "\nTargetName=" TARGET "2\n",
        LOGIN_NOT_FOUND },
    { "a strange session", 0x87, 0, NAMES "SessionType=Other\n", LOGIN_SESSION_TYPE },
    { "only CHAP", 0x81, 0, NAMES "AuthMethod=CHAP\n", LOGIN_AUTHENTICATION },
    { "an unknown session", 0x87, 99, NAMES, LOGIN_NO_SESSION },
    { "a key twice", 0x87, 0, NAMES "InitialR2T=No\nInitialR2T=No\n", LOGIN_INITIATOR_ERROR },
    { "a name twice", 0x87, 0, NAMES NAMES, LOGIN_INITIATOR_ERROR },
    { "a bad declaration", 0x87, 0, NAMES "MaxRecvDataSegmentLength=1\n", LOGIN_INITIATOR_ERROR },
    { "a target's key", 0x87, 0, NAMES "TargetPortalGroupTag=1\n", LOGIN_INITIATOR_ERROR },
    { "no equals sign", 0x87, 0, NAMES "Nonsense\n", LOGIN_INITIATOR_ERROR },
    { "stage 2", 0x8b, 0, NAMES, LOGIN_INITIATOR_ERROR },
    { "to the same stage", 0x85, 0, NAMES, LOGIN_INITIATOR_ERROR },
    { "to stage 2", 0x86, 0, NAMES, LOGIN_INITIATOR_ERROR },
    { "back", 0x84, 0, NAMES, LOGIN_INITIATOR_ERROR },
    { "CHAP keys from nowhere", 0x81, 0, NAMES "CHAP_A=5\n", LOGIN_INITIATOR_ERROR },
};

static void bad_logins_are_refused_with_the_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *row = &refusals[i];
        int status;

        client_connect(&client, &disk);
        client.tsih = row->tsih;
        status = client_login_step(&client, row->flags, row->text);
        if (status != row->status)
            fail_msg("%s: status %04x", row->what, status);
        client_expect_closed(&client);
    }
}

static void an_unknown_version_is_refused(void **state)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, 0x87, 2, 1 };

    (void)state;
    client_connect(&client, &disk);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(LOGIN_VERSION, be16_get(client.bhs + LOGIN_STATUS));
}

static void a_login_that_never_ends_is_dropped(void **state)
{
    int status = 0;

    (void)state;
    client_connect(&client, &disk);
    for (int i = 0; i <= ISCSI_LOGIN_ROUNDS_MAX && status == 0; i++)
        status = client_login_step(&client, 0x04, i == 0 ? NAMES : "");
    assert_int_equal(LOGIN_INITIATOR_ERROR, status);
}

static void a_silent_login_is_dropped(void **state)
{
    (void)state;
    disk_close(&disk);
    disk_open(&disk, NULL, "?login-timeout=1");
    client_connect(&client, &disk);
    client_expect_closed(&client);
}

static void discovery_tells_the_target_and_its_address(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    const char *uri = spd_unit_door_uri(disk.unit, 0);
    static const char all[] = "SendTargets=All", one[] = "SendTargets=" TARGET,
                      another[] = "SendTargets=" TARGET "2", own[] = "SendTargets=";

    (void)state;
    client_login_discovery(&client, &disk);
    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, bhs, all, sizeof all);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    assert_string_equal(TARGET, client_value(&client, "TargetName"));
    assert_memory_equal(uri + 8, client_value(&client, "TargetAddress"),
        strlen(client_value(&client, "TargetAddress")) - 2);
    assert_non_null(strstr(client_value(&client, "TargetAddress"), ",1"));

    client_send(&client, bhs, one, sizeof one);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    assert_string_equal(TARGET, client_value(&client, "TargetName"));
    client_send(&client, bhs, another, sizeof another);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    assert_int_equal(0, client.length);
    client_send(&client, bhs, own, sizeof own);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    assert_string_equal("Reject", client_value(&client, "SendTargets"));
}

static void a_discovery_session_has_no_disk(void **state)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };

    (void)state;
    client_login_discovery(&client, &disk);
    client_command(&client, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_REJECT);
    assert_int_equal(REJECT_PROTOCOL, client.bhs[BHS_RESPONSE]);
    client_expect_closed(&client);
}

static void an_address_by_ipv6_is_served(void **state)
{
    (void)state;
    if (!client_has_ipv6())
        SKIP_BECAUSE("this system has no IPv6 loopback");
    disk_close(&disk);
    disk_open(&disk, "[::1]:0", "");
    begin("");
}

/* CHAP. */
#define SECRET "a secret of alice"
#define OURS "a secret of the target"

static char chap_path[WORK_PATH_MAX], mutual_path[WORK_PATH_MAX];

static void write_file(char path[WORK_PATH_MAX], const char *text)
{
    int fd = mkstemp(work_template(path, "iscsi-chap"));

    assert_true(fd >= 0);
    assert_int_equal(strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

static int open_chap_disk(void **state)
{
    char query[2 * WORK_PATH_MAX + 32];

    (void)state;
    write_file(chap_path, "alice " SECRET "\n");
    write_file(mutual_path, "target " OURS "\n");
    snprintf(query, sizeof query, "?chap=%s&mutual=%s", chap_path, mutual_path);
    open_with(query);
    return 0;
}

static int refuse_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device;
    (void)buffer;
    (void)lba;
    (void)blocks;
    (void)flags;
    (void)status;
    return SPD_ERROR_SYSTEM;
}

static int close_chap_disk(void **state)
{
    unlink(chap_path);
    unlink(mutual_path);
    return close_disk(state);
}

/* The sanitizers see to it that nothing is freed twice or kept. */
static void a_door_that_cannot_open_fails_cleanly(void **state)
{
    int lowest = dup(0), error = 0;
    struct rlimit before, limit;
    spd_unit *unit;

    (void)state;
    close(lowest);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    limit = before;
    for (unsigned few = 0; few == 0 || error != 0; few++) {
        spd_params params = SPD_PARAMS_INIT;
        const spd_ops ops = { .size = sizeof ops, .read = refuse_read };
        char uri[WORK_PATH_MAX + 64];

        snprintf(uri, sizeof uri, "iscsi://127.0.0.1:0/" TARGET "?chap=%s", chap_path);
        params.block_count = BLOCKS;
        params.flags = SPD_WRITE_PROTECTED;
        limit.rlim_cur = (rlim_t)lowest + few;
        assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
        error = spd_unit_create(uri, &params, &(spd_device){ &ops, NULL }, &unit);
        assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
        assert_true(few > 0 ? few < 100 : error != 0);
    }
    spd_unit_delete(unit);
}

static void hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

/* The login up to our answer to the challenge; returns the status of the last step. */
static int chap_login(const char *algorithms, const char *name, const char *secret,
    const char *more, uint8_t challenge[CHAP_CHALLENGE])
{
    char text[1024], response[2 * CHAP_HASH_MAX + 1];
    uint8_t hash[CHAP_HASH_MAX];
    uint8_t algorithm, identifier;

    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x81, NAMES "AuthMethod=CHAP,None\n"));
    assert_int_equal(0x00, client.bhs[BHS_FLAGS]); /* not before CHAP is done */
    assert_string_equal("CHAP", client_value(&client, "AuthMethod"));
    snprintf(text, sizeof text, "CHAP_A=%s\n", algorithms);
    if (client_login_step(&client, 0x00, text) != 0)
        return be16_get(client.bhs + LOGIN_STATUS);
    algorithm = (uint8_t)atoi(client_value(&client, "CHAP_A"));
    identifier = (uint8_t)atoi(client_value(&client, "CHAP_I"));
    assert_int_equal(CHAP_CHALLENGE,
        iscsi_chap_binary(client_value(&client, "CHAP_C"), challenge, CHAP_CHALLENGE));
    hex(hash, iscsi_chap_hash(algorithm, identifier, secret, challenge, CHAP_CHALLENGE, hash),
        response);
    snprintf(text, sizeof text, "CHAP_N=%s\nCHAP_R=0x%s\n%s", name, response, more);
    return client_login_step(&client, 0x81, text);
}

static void chap_accepts_each_algorithm(void **state)
{
    static const char *const rows[][2] = { { "5", "5" }, { "7", "7" }, { "5,7", "7" },
        { "99,5", "5" }, { "6", "6" } };
    uint8_t challenge[CHAP_CHALLENGE];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(0, chap_login(rows[i][0], "alice", SECRET, "", challenge));
        assert_int_equal(0x81, client.bhs[BHS_FLAGS]);
        assert_null(client_value(&client, "CHAP_R"));
        assert_int_equal(0, client_login_step(&client, 0x87, ""));
        client_settle(&client);
        client_close(&client);
    }
}

static void chap_refuses_who_does_not_know_the_secret(void **state)
{
    static const char *const rows[][4] = {
        { "7", "alice", SECRET "!", "" },
        { "7", "mallory", SECRET, "" },
        { "99", "alice", SECRET, "" },
        { "5", "target", OURS, "" },
        /* A half of the keys that ask the target to authenticate. */
        { "7", "alice", SECRET, "CHAP_I=1\n" },
        { "7", "alice", SECRET, "CHAP_I=256\nCHAP_C=0x00112233\n" },
        { "7", "alice", SECRET, "CHAP_I=1\nCHAP_C=nothing\n" },
    };
    uint8_t challenge[CHAP_CHALLENGE];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(LOGIN_AUTHENTICATION,
            chap_login(rows[i][0], rows[i][1], rows[i][2], rows[i][3], challenge));
        client_expect_closed(&client);
    }
}

static void chap_cannot_be_gone_round(void **state)
{
    static const struct {
        uint8_t flags;
        const char *text;
    } rows[] = {
        { 0x87, NAMES },
        { 0x83, NAMES },
        { 0x81, NAMES "AuthMethod=None\n" },
        { 0x81, NAMES },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_connect(&client, &disk);
        assert_int_equal(
            LOGIN_AUTHENTICATION, client_login_step(&client, rows[i].flags, rows[i].text));
        client_expect_closed(&client);
    }
    client_connect(&client, &disk);
    assert_int_equal(LOGIN_AUTHENTICATION,
        client_login_step(&client, 0x87, "InitiatorName=" INITIATOR "\nSessionType=Discovery\n"));
    client_expect_closed(&client);
    /* To go on in the middle of it. */
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x00, NAMES "AuthMethod=CHAP\n"));
    assert_int_equal(0, client_login_step(&client, 0x83, "CHAP_A=7\n"));
    assert_int_equal(0x00, client.bhs[BHS_FLAGS]);
    assert_int_equal(LOGIN_INITIATOR_ERROR, client_login_step(&client, 0x87, ""));
}

static void the_target_proves_itself_when_it_is_asked(void **state)
{
    static const uint8_t theirs[4] = { 0, 0x11, 0x22, 0x33 };
    uint8_t challenge[CHAP_CHALLENGE], expected[CHAP_HASH_MAX], given[CHAP_HASH_MAX];
    size_t length = iscsi_chap_hash(7, 9, OURS, theirs, 4, expected);

    (void)state;
    assert_int_equal(
        0, chap_login("7", "alice", SECRET, "CHAP_I=9\nCHAP_C=0x00112233\n", challenge));
    assert_string_equal("target", client_value(&client, "CHAP_N"));
    assert_int_equal(
        length, iscsi_chap_binary(client_value(&client, "CHAP_R"), given, sizeof given));
    assert_memory_equal(expected, given, length);
}

static void a_reflected_challenge_is_not_answered(void **state)
{
    char text[1024], response[2 * CHAP_HASH_MAX + 1], copy[2 * CHAP_CHALLENGE + 1];
    uint8_t challenge[CHAP_CHALLENGE], hash[CHAP_HASH_MAX], identifier;

    (void)state;
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x00, NAMES "AuthMethod=CHAP\n"));
    assert_int_equal(0, client_login_step(&client, 0x00, "CHAP_A=7\n"));
    identifier = (uint8_t)atoi(client_value(&client, "CHAP_I"));
    iscsi_chap_binary(client_value(&client, "CHAP_C"), challenge, CHAP_CHALLENGE);
    hex(challenge, CHAP_CHALLENGE, copy);
    hex(hash, iscsi_chap_hash(7, identifier, SECRET, challenge, CHAP_CHALLENGE, hash), response);
    snprintf(text, sizeof text, "CHAP_N=alice\nCHAP_R=0x%s\nCHAP_I=%u\nCHAP_C=0x%s\n", response,
        identifier, copy);
    assert_int_equal(LOGIN_AUTHENTICATION, client_login_step(&client, 0x81, text));
    assert_null(client_value(&client, "CHAP_R"));
}

static void never_called(spd_device *device, spd_request *request)
{
    (void)device;
    (void)request;
}

static void bad_addresses_and_names_are_refused(void **state)
{
    static const struct {
        const char *uri;
        int error;
    } rows[] = {
        { "iscsi://0.0.0.0:0/" TARGET, SPD_ERROR_ANONYMOUS },
        { "iscsi://[::]:0/" TARGET, SPD_ERROR_ANONYMOUS },
        { "iscsi://192.0.2.77:0/" TARGET "?allow-anonymous=1", SPD_ERROR_ADDRESS },
        { "iscsi://127.0.0.1:0/" TARGET "?allow-anonymous=2", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?chapp=x", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?mutual=x", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?chap=/nonexistent", SPD_ERROR_SECRET },
        { "iscsi://127.0.0.1:0/" TARGET "?nop-interval=0", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?write-wait=0", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?threads=0", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?threads=65", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?threads=x", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?threads=", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "?resets=some", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/" TARGET "/256", SPD_ERROR_URI },
        { "iscsi://127.0.0.1:0/" TARGET "?lun=256", SPD_ERROR_URI_PARAMETER },
        { "iscsi://127.0.0.1:0/disk", SPD_ERROR_URI },
        { "iscsi://127.0.0.1:0/", SPD_ERROR_URI },
        { "iscsi://127.0.0.1:0/iqn.2026-01.org.EXAMPLE:test", SPD_ERROR_URI },
    };
    spd_params params = SPD_PARAMS_INIT;
    const spd_ops ops = { .size = sizeof(spd_ops), .submit = never_called };
    spd_unit *unit = NULL;

    (void)state;
    params.block_count = BLOCKS;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int error = spd_unit_create(rows[i].uri, &params, &(spd_device){ &ops, NULL }, &unit);

        if (error != rows[i].error)
            fail_msg("%s: %d %s", rows[i].uri, error, spd_error_detail());
        assert_string_not_equal("", spd_error_detail());
    }
}

static void an_address_in_use_is_refused(void **state)
{
    spd_params params = SPD_PARAMS_INIT;
    const spd_ops ops = { .size = sizeof(spd_ops), .submit = never_called };
    spd_unit *unit = NULL;

    (void)state;
    params.block_count = BLOCKS;
    assert_int_equal(SPD_ERROR_ADDRESS_IN_USE, spd_unit_create(spd_unit_door_uri(disk.unit, 0),
                                                   &params, &(spd_device){ &ops, NULL }, &unit));
}

static void any_address_is_served_when_guests_are_welcome(void **state)
{
    (void)state;
    disk_close(&disk);
    disk_open(&disk, "0.0.0.0:0", "?allow-anonymous=1");
}

#define WITH_CHAP(TEST) cmocka_unit_test_setup_teardown(TEST, open_chap_disk, close_chap_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(a_login_in_one_step_is_answered),
        WITH_DISK(a_login_in_all_stages_is_answered),
        WITH_DISK(keys_may_come_in_pieces),
        WITH_DISK(bad_logins_are_refused_with_the_reason),
        WITH_DISK(an_unknown_version_is_refused),
        WITH_DISK(a_login_that_never_ends_is_dropped),
        WITH_DISK(a_silent_login_is_dropped),
        WITH_DISK(discovery_tells_the_target_and_its_address),
        WITH_DISK(a_discovery_session_has_no_disk),
        WITH_DISK(an_address_by_ipv6_is_served),
        WITH_CHAP(chap_accepts_each_algorithm),
        WITH_CHAP(chap_refuses_who_does_not_know_the_secret),
        WITH_CHAP(chap_cannot_be_gone_round),
        WITH_CHAP(the_target_proves_itself_when_it_is_asked),
        WITH_CHAP(a_reflected_challenge_is_not_answered),
        WITH_CHAP(a_door_that_cannot_open_fails_cleanly),
        cmocka_unit_test(bad_addresses_and_names_are_refused),
        WITH_DISK(an_address_in_use_is_refused),
        WITH_DISK(any_address_is_served_when_guests_are_welcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
