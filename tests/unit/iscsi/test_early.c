/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PDUs that have no place before full feature phase: RFC 7143 4.2.3 and 6.3. */

#include <string.h>

#include "fixture.h"

/* Every request that is no login, one that nobody knows, and what only a target sends. */
static const uint8_t opcodes[] = { ISCSI_NOP_OUT, ISCSI_SCSI_COMMAND, ISCSI_TASK_REQUEST,
    ISCSI_TEXT_REQUEST, ISCSI_DATA_OUT, ISCSI_LOGOUT_REQUEST, ISCSI_SNACK, 0x1c,
    ISCSI_LOGIN_RESPONSE, ISCSI_REJECT };

/* Before a login the connection is closed at once. */
static void anything_but_a_login_first_gets_no_answer(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < sizeof opcodes; i++) {
        client_connect(&client, &disk);
        client_header(&client, bhs, opcodes[i] | ISCSI_IMMEDIATE, ISCSI_FINAL);
        client_send(&client, bhs, "data", 4);
        assert_false(client_receive(&client));
        client_close(&client);
    }
}

/* Within a login it is refused with the reason, and then the connection closes. */
static void anything_but_a_login_within_one_gets_a_login_reject(void **state)
{
    uint8_t bhs[ISCSI_BHS], itt[4];

    (void)state;
    for (unsigned i = 0; i < sizeof opcodes; i++) {
        client_connect(&client, &disk);
        assert_int_equal(0, client_login_step(&client, 0x81, NAMES "AuthMethod=None\n"));
        memcpy(itt, client.bhs + BHS_ITT, 4);
        client_header(&client, bhs, opcodes[i] | ISCSI_IMMEDIATE, ISCSI_FINAL);
        client_send(&client, bhs, "data", 4);
        client_expect(&client, ISCSI_LOGIN_RESPONSE);
        assert_int_equal(LOGIN_INVALID_DURING_LOGIN, be16_get(client.bhs + LOGIN_STATUS));
        assert_int_equal(0, client.bhs[BHS_FLAGS] & LOGIN_TRANSIT);
        assert_memory_equal(itt, client.bhs + BHS_ITT, 4);
        client_expect_closed(&client);
        client_close(&client);
    }
}

/* Also while its keys come in pieces, and where its data is more than any PDU may have. */
static void a_login_reject_comes_whatever_follows_the_header(void **state)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, 0x44, [LOGIN_ISID] = 0x80 };

    (void)state;
    client_connect(&client, &disk);
    client_send(&client, bhs, "InitiatorNa", 11);
    client_expect(&client, ISCSI_LOGIN_RESPONSE);
    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be24_put(bhs + BHS_DATA_LENGTH, 0xffffff);
    client_send_bytes(&client, bhs, sizeof bhs);
    client_expect(&client, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(LOGIN_INVALID_DURING_LOGIN, be16_get(client.bhs + LOGIN_STATUS));
    client_expect_closed(&client);
}

/* A login request that cannot be one is answered as such, the first as well. */
static void a_login_request_of_the_wrong_form_is_refused(void **state)
{
    static const struct {
        uint8_t ahs;
        uint32_t length;
    } rows[] = { { 1, 0 }, { 0, ISCSI_LOGIN_RECEIVE_MAX + 1 } };

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        uint8_t bhs[ISCSI_BHS + 4] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, 0x87 };

        client_connect(&client, &disk);
        if (i % 2 != 0)
            assert_int_equal(0, client_login_step(&client, 0x81, NAMES "AuthMethod=None\n"));
        bhs[BHS_AHS_LENGTH] = rows[i / 2].ahs;
        be24_put(bhs + BHS_DATA_LENGTH, rows[i / 2].length);
        bhs[LOGIN_ISID + 5] = 7;
        be32_put(bhs + BHS_ITT, 0x77);
        client_send_bytes(&client, bhs, ISCSI_BHS + 4u * rows[i / 2].ahs);
        client_expect(&client, ISCSI_LOGIN_RESPONSE);
        assert_int_equal(LOGIN_INITIATOR_ERROR, be16_get(client.bhs + LOGIN_STATUS));
        if (i % 2 == 0) {
            assert_int_equal(0x77, be32_get(client.bhs + BHS_ITT));
            assert_int_equal(7, client.bhs[LOGIN_ISID + 5]);
        }
        client_expect_closed(&client);
        client_close(&client);
    }
}

/* A login that waits for the writes of a former session is a login still. */
static void a_login_that_waits_is_no_full_feature_phase(void **state)
{
    (void)state;
    begin("");
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    client_connect(&other, &disk);
    client_send_login(&other, 0x87, NAMES);
    assert_false(client_receive(&client));
    client_nop_out(&other, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, NULL, 0);
    client_expect(&other, ISCSI_LOGIN_RESPONSE);
    assert_int_equal(LOGIN_INVALID_DURING_LOGIN, be16_get(other.bhs + LOGIN_STATUS));
    client_expect_closed(&other);
    client_close(&other);
    disk_release(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(anything_but_a_login_first_gets_no_answer),
        WITH_DISK(anything_but_a_login_within_one_gets_a_login_reject),
        WITH_DISK(a_login_reject_comes_whatever_follows_the_header),
        WITH_DISK(a_login_request_of_the_wrong_form_is_refused),
        WITH_HELD(a_login_that_waits_is_no_full_feature_phase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
