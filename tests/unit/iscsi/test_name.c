/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* iSCSI names: what is one, and which of them are the same. */

#include <stdio.h>
#include <string.h>

#include "doors/iscsi/name.h"
#include "fixture.h"

#define OWN "iqn.2026-01.org.example:"

static void every_name_has_one_form(void **state)
{
    static const char *const rows[][2] = {
        { "iqn.2026-01.org.example", "iqn.2026-01.org.example" },
        { "IQN.2026-01.ORG.Example:Disk-1.A", "iqn.2026-01.org.example:disk-1.a" },
        { "EUI.02004567A425678D", "eui.02004567a425678d" },
        { "Naa.52004567BA64678D", "naa.52004567ba64678d" },
        { "naa.62004567ba64678d0123456789ABCDEF", "naa.62004567ba64678d0123456789abcdef" },
        { OWN "\xc3\xa4\xe6\xbc\xa2\xf0\x90\x8c\xb0", OWN "\xc3\xa4\xe6\xbc\xa2\xf0\x90\x8c\xb0" },
    };
    char name[64];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(name, sizeof name, "%s", rows[i][0]);
        assert_null(iscsi_name_fault(name));
        assert_string_equal(rows[i][1], name);
        assert_true(iscsi_name_is(rows[i][0], rows[i][1]));
        assert_null(iscsi_name_fault(name)); /* and keeps it */
        assert_string_equal(rows[i][1], name);
    }
    assert_false(iscsi_name_is(OWN "a", OWN "b"));
    assert_false(iscsi_name_is("", OWN "b"));
    assert_false(iscsi_name_is(OWN "b\xff", OWN "b"));
}

/* A character of each table of RFC 3454 that RFC 3722 names, and bytes that are no UTF-8. */
static void what_no_preparation_puts_out_is_no_name(void **state)
{
    static const char *const rows[] = {
        "\xc2\xa0",         /* C.1.2: a blank */
        "\xe3\x80\x80",     /* an ideographic one */
        "\xc2\x85",         /* C.2.2: a control */
        "\xe2\x80\x8d",     /* a joiner */
        "\xdb\x9d",         /* U+06DD */
        "\xee\x80\x80",     /* C.3: private use */
        "\xf4\x8f\xbf\xbd", /* of the last plane */
        "\xef\xb7\x90",     /* C.4: no character */
        "\xf0\x9f\xbf\xbe", /* U+1FFFE */
        "\xed\xa0\x80",     /* C.5: a surrogate */
        "\xef\xbf\xbd",     /* C.6: the replacement character */
        "\xe2\xbf\xb0",     /* C.7: a description */
        "\xcd\x80",         /* C.8: U+0340 */
        "\xe2\x80\xae",     /* an override of direction */
        "\xf3\xa0\x80\x81", /* C.9: a language tag */
        "\xc2\xad",         /* B.1: a soft hyphen */
        "\xef\xb8\x8f",     /* a variation selector */
        "\xe3\x80\x82",     /* RFC 3722 6.2: the ideographic full stop */
        "\xc0\xaf",         /* too long for its character */
        "\xe4\xb8",         /* cut short */
        "\x80",
        "\xff",
        "\xf4\x90\x80\x80", /* past U+10FFFF */
        " ", "/", "_", "%", "?", "#", "'", "\"", "\n", "\x7f", ",", "\\", "@", "[", "`", "{", "~",
    };
    char name[64];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(name, sizeof name, OWN "a%sb", rows[i]);
        if (!iscsi_name_fault(name))
            fail_msg("row %u passes", i);
    }
}

/* The bytes of its UTF-8 count, not the characters (RFC 7143 4.2.7.2). */
static void a_name_has_at_most_223_bytes(void **state)
{
    char name[512] = OWN;
    size_t length = strlen(name);

    (void)state;
    memset(name + length, 'a', ISCSI_NAME_MAX - length);
    assert_null(iscsi_name_fault(name));
    assert_true(iscsi_name_is(name, name));
    strcpy(name + ISCSI_NAME_MAX - 2, "\xc3\xa4");
    assert_null(iscsi_name_fault(name));
    strcpy(name + ISCSI_NAME_MAX - 1, "\xc3\xa4");
    assert_non_null(strstr(iscsi_name_fault(name), "223"));
    memset(name + length, 'a', sizeof name - 1 - length);
    assert_false(iscsi_name_is(name, name));
}

/* An initiator whose administrator has typed capitals is the same. */
static void a_session_goes_by_the_normal_form(void **state)
{
    static const char capitals[] = "InitiatorName=IQN.2026-01.ORG.EXAMPLE:INITIATOR\n"
                                   "TargetName=IQN.2026-01.Org.Example:Test\n";

    (void)state;
    begin("");
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87, capitals));
    client_expect_closed(&client);
    client_settle(&other);
    client_close(&other);
}

static void other_bytes_are_another_initiator(void **state)
{
    (void)state;
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x87,
        "InitiatorName=" OWN "\xc3\xa4\nTargetName=" TARGET "\n"));
    client_settle(&client);
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87,
        "InitiatorName=" OWN "\xc3\x84\nTargetName=" TARGET "\n"));
    client_settle(&other);
    client_ping(&client);
    client_close(&other);
}

/* PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY, then READ FULL STATUS. */
static void full_status_has_the_normal_form(void **state)
{
    static const char port[] = OWN "initiator,i,0x800000000000";
    const uint8_t out[10] = { 0x5f, 0x06, [8] = 24 }, list[24] = { [15] = 1 };
    const uint8_t in[10] = { 0x5e, 3, [7] = 2 };
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x87,
        "InitiatorName=Iqn.2026-01.org.example:INITIATOR\nTargetName=" TARGET "\n"));
    client_settle(&client);
    client_command(&client, bhs, ISCSI_FINAL | COMMAND_WRITE, sizeof list, out, sizeof out);
    client_send(&client, bhs, list, sizeof list);
    assert_int_equal(0, client_status(&client, client.itt));
    client_command(&client, bhs, ISCSI_FINAL | COMMAND_READ, 512, in, sizeof in);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_DATA_IN);
    assert_string_equal(port, (const char *)client.data + 8 + 24 + 4);
}

static void discovery_knows_the_target_by_any_spelling(void **state)
{
    static const struct {
        const char *asked;
        bool known;
    } rows[] = {
        { "SendTargets=IQN.2026-01.org.EXAMPLE:test", true },
        { "SendTargets=" TARGET "2", false },
        { "SendTargets=test", false },
    };
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    client_login_discovery(&client, &disk);
    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        client_send(&client, bhs, rows[i].asked, (uint32_t)strlen(rows[i].asked) + 1);
        client_expect(&client, ISCSI_TEXT_RESPONSE);
        if (rows[i].known)
            assert_string_equal(TARGET, client_value(&client, "TargetName"));
        else
            assert_int_equal(0, client.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_has_one_form),
        cmocka_unit_test(what_no_preparation_puts_out_is_no_name),
        cmocka_unit_test(a_name_has_at_most_223_bytes),
        WITH_DISK(a_session_goes_by_the_normal_form),
        WITH_DISK(other_bytes_are_another_initiator),
        WITH_DISK(full_status_has_the_normal_form),
        WITH_DISK(discovery_knows_the_target_by_any_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
