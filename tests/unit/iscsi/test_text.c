/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The parts of the door that need no connection: keys, CHAP, digests. */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stdlib.h>
#include <stdio.h>

#include "../work.h"
#include "client.h"
#include "doors/iscsi/chap.h"
#include "doors/iscsi/digest.h"
#include "doors/iscsi/keys.h"

/* RFC 7143 (RFC 3720 B.4): examples of CRC32C; the digest as its bytes are sent. */
static void digests_are_those_of_the_examples(void **state)
{
    static const struct {
        uint8_t first;
        int8_t step;
        uint8_t digest[4];
    } rows[] = {
        { 0x00, 0, { 0xaa, 0x36, 0x91, 0x8a } },
        { 0xff, 0, { 0x43, 0xab, 0xa8, 0x62 } },
        { 0x00, 1, { 0x4e, 0x79, 0xdd, 0x46 } },
        { 0x1f, -1, { 0x5c, 0xdb, 0x3f, 0x11 } },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[32], digest[4];

        for (int n = 0; n < 32; n++)
            bytes[n] = (uint8_t)(rows[i].first + n * rows[i].step);
        digest_put(digest, digest_add(DIGEST_SEED, bytes, 32));
        assert_memory_equal(rows[i].digest, digest, 4);
        assert_int_equal(digest_add(DIGEST_SEED, bytes, 32), digest_get(digest));
        assert_int_equal(digest_add(digest_add(DIGEST_SEED, bytes, 13), bytes + 13, 19),
            digest_get(digest));
    }
}

static const struct offer {
    const char *key;
    const char *value;
    const char *answer; /* NULL: none is due; "!": a protocol error */
    bool discovery;
} offers[] = {
    { "HeaderDigest", "CRC32C,None", "CRC32C" },
    { "HeaderDigest", "None,CRC32C", "None" },
    { "HeaderDigest", "X-other,CRC32C", "CRC32C" },
    { "HeaderDigest", "crc32c", "Reject" },
    { "DataDigest", "CRC32C", "CRC32C" },
    { "DataDigest", "", "Reject" },
    { "MaxConnections", "8", "1" },
    { "MaxConnections", "0", "Reject" },
    { "MaxConnections", "8", "Irrelevant", true },
    { "InitialR2T", "Yes", "Yes" },
    { "InitialR2T", "No", "No" },
    { "InitialR2T", "Perhaps", "Reject" },
    { "ImmediateData", "Yes", "Yes" },
    { "ImmediateData", "No", "No" },
    { "ImmediateData", "yes", "Reject" },
    { "ImmediateData", "Yes", "Irrelevant", true },
    { "MaxRecvDataSegmentLength", "65536", NULL },
    { "MaxRecvDataSegmentLength", "0x10000", NULL },
    { "MaxRecvDataSegmentLength", "511", "!" },
    { "MaxRecvDataSegmentLength", "16777216", "!" },
    { "MaxRecvDataSegmentLength", "many", "!" },
    { "MaxBurstLength", "1048576", "1048576" },
    { "MaxBurstLength", "16777215", "16776192" },
    { "MaxBurstLength", "511", "Reject" },
    { "FirstBurstLength", "512", "512" },
    { "FirstBurstLength", "16777215", "262144" },
    { "FirstBurstLength", "16777216", "Reject" },
    { "DefaultTime2Wait", "0", "0" },
    { "DefaultTime2Wait", "3600", "3600" },
    { "DefaultTime2Wait", "3601", "Reject" },
    { "DefaultTime2Retain", "20", "0" },
    { "MaxOutstandingR2T", "16", "1" },
    { "DataPDUInOrder", "No", "Yes" },
    { "DataSequenceInOrder", "No", "Yes" },
    { "DataSequenceInOrder", "No", "Irrelevant", true },
    { "ErrorRecoveryLevel", "2", "0" },
    { "ErrorRecoveryLevel", "3", "Reject" },
    { "TaskReporting", "FastAbort,RFC3720", "RFC3720" },
    { "TaskReporting", "FastAbort", "Reject" },
    { "iSCSIProtocolLevel", "2", "1" },
    { "IFMarker", "Yes", "No" },
    { "OFMarker", "No", "No" },
    { "IFMarkInt", "1~2048", "Reject" },
    { "OFMarkInt", "1~2048", "Reject" },
    { "InitiatorAlias", "some words", NULL },
    { "TargetAlias", "mine", "!" },
    { "TargetAddress", "127.0.0.1", "!" },
    { "TargetPortalGroupTag", "1", "!" },
    { "RDMAExtensions", "Yes", "NotUnderstood" },
    { "X-com.example.key", "1", "NotUnderstood" },
};

static void every_key_gets_its_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        const struct offer *offer = &offers[i];
        struct iscsi_params params;
        char bytes[512] = "", expected[300];
        struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };
        bool good;

        iscsi_params_init(&params);
        params.discovery = offer->discovery;
        good = iscsi_key_offer(&params, PHASE_LOGIN, offer->key, offer->value, &answer);
        if (good != (!offer->answer || strcmp(offer->answer, "!") != 0))
            fail_msg("%s=%s: %d", offer->key, offer->value, good);
        if (!good)
            continue;
        if (!offer->answer) {
            assert_int_equal(0, answer.length);
            continue;
        }
        snprintf(expected, sizeof expected, "%s=%s", offer->key, offer->answer);
        assert_string_equal(expected, bytes);
        assert_int_equal(strlen(expected) + 1, answer.length);
    }
}

static void a_rejected_offer_leaves_the_default(void **state)
{
    struct iscsi_params params;
    char bytes[512];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_params_init(&params);
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "MaxBurstLength", "1", &answer));
    assert_int_equal(262144, params.max_burst);
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "InitialR2T", "?", &answer));
    assert_int_equal(1, params.initial_r2t);
}

static void a_key_is_settled_once(void **state)
{
    struct iscsi_params params;
    char bytes[512];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_params_init(&params);
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "InitialR2T", "No", &answer));
    assert_false(iscsi_key_offer(&params, PHASE_LOGIN, "InitialR2T", "No", &answer));
}

static void first_burst_is_irrelevant_without_unsolicited_data(void **state)
{
    struct iscsi_params params;
    char bytes[512];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_params_init(&params);
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "ImmediateData", "No", &answer));
    answer.length = 0;
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "FirstBurstLength", "4096", &answer));
    assert_string_equal("FirstBurstLength=Irrelevant", bytes);
}

static void first_burst_never_exceeds_max_burst(void **state)
{
    struct iscsi_params params;
    char bytes[512];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_params_init(&params);
    assert_true(iscsi_key_offer(&params, PHASE_LOGIN, "MaxBurstLength", "4096", &answer));
    iscsi_params_finish(&params);
    assert_int_equal(4096, params.first_burst);
}

static void after_login_only_declarations_change(void **state)
{
    struct iscsi_params params;
    char bytes[512];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_params_init(&params);
    assert_true(iscsi_key_offer(
        &params, PHASE_FULL_FEATURE, "MaxRecvDataSegmentLength", "1024", &answer));
    assert_int_equal(1024, params.max_send);
    assert_int_equal(0, answer.length);
    assert_true(iscsi_key_offer(&params, PHASE_FULL_FEATURE, "HeaderDigest", "CRC32C", &answer));
    assert_string_equal("HeaderDigest=Reject", bytes);
    assert_int_equal(0, params.header_digest);
}

static void text_that_is_malformed_is_found_out(void **state)
{
    static const struct {
        const char *text;
        uint32_t length;
        unsigned pairs;
        bool bad;
    } rows[] = {
        { "A=1\0B=2", 8, 2, false },
        { "A=1\0\0\0", 6, 1, false },
        { "A=", 3, 1, false },
        { "A=1\0\0B=2", 9, 1, true },
        { "A=1", 3, 0, true },
        { "=1", 3, 0, true },
        { "A", 2, 0, true },
        { "A B=1", 6, 0, true },
        { "0123456789012345678901234567890123456789012345678901234567890123=1", 67, 0, true },
        { "", 0, 0, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128], *key, *value;
        uint32_t position = 0;
        unsigned pairs = 0;
        bool bad;

        memcpy(text, rows[i].text, rows[i].length);
        while (iscsi_text_next(text, rows[i].length, &position, &key, &value, &bad))
            pairs++;
        if (pairs != rows[i].pairs || bad != rows[i].bad)
            fail_msg("row %u: %u pairs, bad %d", i, pairs, bad);
    }
}

static void answers_that_do_not_fit_are_noticed(void **state)
{
    char bytes[8];
    struct iscsi_text answer = { .bytes = bytes, .size = sizeof bytes };

    (void)state;
    iscsi_text_put(&answer, "Key", "abc");
    assert_false(answer.overflow);
    assert_int_equal(8, answer.length);
    iscsi_text_put(&answer, "K", "");
    assert_true(answer.overflow);
    assert_int_equal(8, answer.length);
}

static void binary_values_are_hex_or_base64(void **state)
{
    uint8_t bytes[4];

    (void)state;
    assert_int_equal(2, iscsi_chap_binary("0xAb12", bytes, 4));
    assert_memory_equal("\xab\x12", bytes, 2);
    assert_int_equal(2, iscsi_chap_binary("0x112", bytes, 4));
    assert_memory_equal("\x01\x12", bytes, 2);
    assert_int_equal(3, iscsi_chap_binary("0bAQID", bytes, 4));
    assert_memory_equal("\x01\x02\x03", bytes, 3);
    assert_int_equal(1, iscsi_chap_binary("0bAQ==", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("0x0102030405", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("0bAQIDBAU=", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("0xzz", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("0x1\x11", bytes, 4)); /* with a bit more it is a 1 */
    assert_int_equal(0, iscsi_chap_binary("0bA*", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("abc", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("", bytes, 4));
    assert_int_equal(0, iscsi_chap_binary("0x", bytes, 4));
}

/* MD5 over 01 "secret-secret" 00 01 02 03, and so on, as other tools compute them. */
static void chap_hashes_identifier_secret_and_challenge(void **state)
{
    static const uint8_t challenge[4] = { 0, 1, 2, 3 };
    static const uint8_t md5[16] = {
        0xd8, 0x3b, 0x4c, 0xf8, 0xf9, 0xad, 0x72, 0x15,
        0xb5, 0x00, 0xf3, 0x1d, 0x90, 0x88, 0x38, 0x47,
    };
    static const uint8_t sha256[32] = {
        0x23, 0xd2, 0x56, 0xf9, 0x4d, 0xc8, 0x36, 0x4b,
        0x3f, 0x77, 0x30, 0xc1, 0x45, 0x85, 0x61, 0x34,
        0x77, 0xd7, 0x83, 0x74, 0xd4, 0x35, 0xd3, 0xb9,
        0x62, 0x48, 0xb9, 0x72, 0xdd, 0x33, 0x25, 0x83,
    };
    uint8_t hash[CHAP_HASH_MAX];

    (void)state;
    assert_int_equal(16, iscsi_chap_hash(5, 1, "secret-secret", challenge, 4, hash));
    assert_memory_equal(md5, hash, 16);
    assert_int_equal(32, iscsi_chap_hash(7, 1, "secret-secret", challenge, 4, hash));
    assert_memory_equal(sha256, hash, 32);
    assert_int_equal(20, iscsi_chap_hash(6, 1, "secret-secret", challenge, 4, hash));
    assert_int_equal(0, iscsi_chap_hash(8, 1, "secret-secret", challenge, 4, hash));
}

static int load_text(const char *text, mode_t mode, struct iscsi_chap_accounts *accounts)
{
    char path[WORK_PATH_MAX];
    int fd = mkstemp(work_template(path, "iscsi-secrets")), error;

    assert_true(fd >= 0);
    assert_int_equal(strlen(text), write(fd, text, strlen(text)));
    assert_int_equal(0, fchmod(fd, mode));
    close(fd);
    error = iscsi_chap_load(path, accounts);
    unlink(path);
    return error;
}

static void secrets_come_from_a_private_file(void **state)
{
    struct iscsi_chap_accounts accounts;

    (void)state;
    assert_int_equal(0, load_text("# ours\n\nalice  twelve-chars\nbob thirteen chars\n", 0600,
        &accounts));
    assert_int_equal(2, accounts.count);
    assert_string_equal("alice", accounts.list[0].name);
    assert_string_equal("twelve-chars", accounts.list[0].secret);
    assert_string_equal("thirteen chars", accounts.list[1].secret);
    iscsi_chap_free(&accounts);
}

static void accounts_are_bound_to_initiators(void **state)
{
    struct iscsi_chap_accounts accounts;

    (void)state;
    /* The account may come behind what binds it; a secret may have an @, and blanks within. */
    assert_int_equal(0, load_text("@alice iqn.2026-01.org.example:a,IQN.2026-01.org.example:B\n"
        "alice @twelve chars\nbob thirteen chars\n@alice eui.02004567a425678d\n", 0600,
        &accounts));
    assert_int_equal(2, accounts.count);
    assert_string_equal("@twelve chars", accounts.list[0].secret);
    assert_int_equal(3, accounts.binding_count);
    assert_true(iscsi_chap_may_use(&accounts, "alice", "iqn.2026-01.org.example:b"));
    assert_true(iscsi_chap_may_use(&accounts, "alice", "eui.02004567a425678d"));
    assert_false(iscsi_chap_may_use(&accounts, "alice", "iqn.2026-01.org.example:c"));
    assert_false(iscsi_chap_may_use(&accounts, "bob", "iqn.2026-01.org.example:a"));
    assert_true(iscsi_chap_may_use(&accounts, "bob", "iqn.2026-01.org.example:c"));
    iscsi_chap_free(&accounts);
}

static void bad_secret_files_are_refused(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
    } rows[] = {
        { "alice twelve-chars\n", 0640 },
        { "alice twelve-chars\n", 0604 },
        { "alice eleven-char\n", 0600 },
        { "alice\n", 0600 },
        { "alice twelve-chars\nalice twelve-chars2\n", 0600 },
        { "", 0600 },
        { "# nobody\n", 0600 },
        { "alice twelve-chars\n@bob iqn.2026-01.org.example:b\n", 0600 },
        { "alice twelve-chars\n@alice\n", 0600 },
        { "alice twelve-chars\n@alice bob\n", 0600 },
        { "alice twelve-chars\n@alice iqn.2026-01.org.example:b,\n", 0600 },
        { "@alice iqn.2026-01.org.example:b\n", 0600 },
    };
    struct iscsi_chap_accounts accounts;

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(SPD_ERROR_SECRET, load_text(rows[i].text, rows[i].mode, &accounts));
        assert_int_equal(0, accounts.count);
    }
    assert_int_equal(SPD_ERROR_SECRET, iscsi_chap_load("/dev/null", &accounts));
    assert_int_equal(SPD_ERROR_SECRET, iscsi_chap_load("/nonexistent/secrets", &accounts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_examples),
        cmocka_unit_test(every_key_gets_its_answer),
        cmocka_unit_test(a_rejected_offer_leaves_the_default),
        cmocka_unit_test(a_key_is_settled_once),
        cmocka_unit_test(first_burst_is_irrelevant_without_unsolicited_data),
        cmocka_unit_test(first_burst_never_exceeds_max_burst),
        cmocka_unit_test(after_login_only_declarations_change),
        cmocka_unit_test(text_that_is_malformed_is_found_out),
        cmocka_unit_test(answers_that_do_not_fit_are_noticed),
        cmocka_unit_test(binary_values_are_hex_or_base64),
        cmocka_unit_test(chap_hashes_identifier_secret_and_challenge),
        cmocka_unit_test(secrets_come_from_a_private_file),
        cmocka_unit_test(accounts_are_bound_to_initiators),
        cmocka_unit_test(bad_secret_files_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
