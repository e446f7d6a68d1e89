/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Several units of a process behind one address: of one target, and as targets of their own. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "units.h"

static uint8_t block[BLOCK];


static int open_one(void **state)
{
    return open_disk(state);
}

static void one_target_has_both(void **state)
{
    static const uint8_t inquiry[6] = { 0x12, [4] = 36 };
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    assert_int_equal(3, report_luns(&client));
    disk.memory[0] = 0x11;
    beside.memory[0] = 0x22;
    assert_int_equal(0, client_read(&client, 0, 1, block));
    assert_int_equal(0x11, block[0]);
    client.lun = 1;
    assert_int_equal(0, client_read(&client, 0, 1, block));
    assert_int_equal(0x22, block[0]);
    client.lun = 2;
    assert_int_equal(3, report_luns(&client)); /* SPC-4 6.33: also at a LUN that is not there */
    assert_int_equal(NOT_SUPPORTED, client_sense(&client));
    client_command(&client, bhs, ISCSI_FINAL | COMMAND_READ, 36, inquiry, sizeof inquiry);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(0x7f, client.data[0]); /* qualifier 3 */
}

static void each_has_its_own_uri(void **state)
{
    const char *first = spd_unit_door_uri(disk.unit, 0);
    const char *second = spd_unit_door_uri(beside.unit, 0);

    (void)state;
    assert_int_equal(strlen(first), strlen(second));
    assert_memory_equal(first, second, strlen(first) - 1);
    assert_string_equal("/0", first + strlen(first) - 2);
    assert_string_equal("/1", second + strlen(second) - 2);
}

static void a_discovery_finds_the_targets_of_all_units(void **state)
{
    static const char all[] = "SendTargets=All";
    uint8_t bhs[ISCSI_BHS];
    char text[2048] = "";

    (void)state;
    open_beside(OTHER_TARGET, false);
    client_login_discovery(&client, &disk);
    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, bhs, all, sizeof all);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    for (uint32_t i = 0; i < client.length; i++)
        text[i] = client.data[i] ? (char)client.data[i] : '\n';
    assert_non_null(strstr(text, "TargetName=" TARGET "\nTargetAddress=127.0.0.1:"));
    assert_non_null(strstr(text, "TargetName=" OTHER_TARGET "\nTargetAddress=127.0.0.1:"));
}

static void each_target_has_its_own_unit(void **state)
{
    (void)state;
    open_beside(OTHER_TARGET, false);
    disk.memory[0] = 0x11;
    beside.memory[0] = 0x22;
    begin("");
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87,
        "InitiatorName=" INITIATOR "\nTargetName=" OTHER_TARGET "\nSessionType=Normal\n"));
    client_settle(&other);
    assert_int_equal(1, report_luns(&other));
    assert_int_equal(0, client_read(&other, 0, 1, block));
    assert_int_equal(0x22, block[0]);
    /* Both are sessions of one initiator port, which has one with each target. */
    assert_int_equal(0, client_read(&client, 0, 1, block));
    assert_int_equal(0x11, block[0]);
}

/* More than the initiator takes in one data segment (RFC 7143 11.11). */
static void a_long_discovery_comes_in_pieces(void **state)
{
    static const char all[] = "SendTargets=All";
    struct disk more[8];
    char found[8192] = "", name[512], path[300];
    uint32_t length = 0, ttt = ISCSI_NO_TAG, pieces = 0;
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "iqn.2026-01.org.example:%0150u", i);
        disk_name_beside(name, &disk, path);
        disk_open_at(&more[i], name, false);
    }
    client_connect(&client, &disk);
    assert_int_equal(0, client_login_step(&client, 0x87, "InitiatorName=" INITIATOR
        "\nSessionType=Discovery\nMaxRecvDataSegmentLength=512\n"));
    do {
        client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
        be32_put(bhs + BHS_TTT, ttt);
        client_send(&client, bhs, all, pieces == 0 ? sizeof all : 0);
        client_expect(&client, ISCSI_TEXT_RESPONSE);
        assert_true(client.length <= 512 && length + client.length < sizeof found);
        memcpy(found + length, client.data, client.length);
        length += client.length;
        ttt = be32_get(client.bhs + BHS_TTT);
        pieces++;
    } while (!(client.bhs[BHS_FLAGS] & ISCSI_FINAL));
    assert_true(pieces > 2);
    assert_int_equal(ISCSI_NO_TAG, ttt);
    for (uint32_t i = 0; i < length; i++)
        found[i] = found[i] ? found[i] : '\n';
    for (unsigned i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "TargetName=iqn.2026-01.org.example:%0150u\n", i);
        assert_non_null(strstr(found, path));
        disk_close(&more[i]);
    }
}

static void sessions_learn_of_a_unit_that_comes(void **state)
{
    (void)state;
    begin("");
    open_beside(TARGET "/1", false);
    assert_int_equal(LUNS_CHANGED, client_sense(&client));
    assert_int_equal(0, client_sense(&client));
    assert_int_equal(POWER_ON, sense_at(&client, 1));
    assert_int_equal(3, report_luns(&client));
}

/* SPC-4 6.33: REPORT LUNS takes it back at all units. */
static void whoever_asks_need_not_be_told(void **state)
{
    (void)state;
    begin("");
    open_beside(TARGET "/1", false);
    assert_int_equal(3, report_luns(&client));
    assert_int_equal(0, client_sense(&client));
}

static void sessions_go_on_without_a_unit_that_goes(void **state)
{
    (void)state;
    close_beside();
    assert_int_equal(LUNS_CHANGED, client_sense(&client));
    assert_int_equal(1, report_luns(&client));
    assert_int_equal(NOT_SUPPORTED, sense_at(&client, 1));
    assert_int_equal(0, client_read(&client, 0, 1, block));
}

static void the_first_unit_may_go_first(void **state)
{
    char name[512];

    (void)state;
    disk_name_beside(name, &disk, TARGET "?resets=all");
    disk_close(&disk);
    assert_int_equal(LUNS_CHANGED, sense_at(&client, 1));
    assert_int_equal(2, report_luns(&client));
    /* Another one takes its place, at the same address. */
    disk_open_at(&disk, name, false);
    assert_int_equal(LUNS_CHANGED, sense_at(&client, 1));
    assert_int_equal(3, report_luns(&client));
    client_close(&client);
    client_login(&client, &beside, "");
    client_settle(&client);
}

static void sessions_of_a_target_without_units_are_logged_out(void **state)
{
    (void)state;
    open_beside(OTHER_TARGET, false);
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87,
        "InitiatorName=" INITIATOR "\nTargetName=" OTHER_TARGET "\nSessionType=Normal\n"));
    begin("");
    close_beside();
    client_expect(&other, ISCSI_ASYNC);
    client_expect_closed(&other);
    assert_int_equal(0, client_sense(&client));
    client_connect(&other, &disk);
    assert_int_equal(LOGIN_NOT_FOUND, client_login_step(&other, 0x87,
        "InitiatorName=" INITIATOR "\nTargetName=" OTHER_TARGET "\nSessionType=Normal\n"));
}

static void what_two_units_ask_for_must_agree(void **state)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        { TARGET "/1?resets=all", "resets" },
        { TARGET "/1?write-wait=3", "write-wait" },
        { TARGET "/1?announce=example.org", "announce" },
        { TARGET "/1?nop-interval=7", "nop-interval" },
        { OTHER_TARGET "?nop-timeout=7", "nop-timeout" },
        { OTHER_TARGET "?login-timeout=7", "login-timeout" },
    };
    const spd_ops ops = { .size = sizeof ops, .submit = spd_inbox_submit };
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit;
    char name[512];

    (void)state;
    params.block_count = BLOCKS;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        disk_name_beside(name, &disk, rows[i].path);
        assert_int_equal(SPD_ERROR_URI_PARAMETER,
            spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
        assert_memory_equal(rows[i].name, spd_error_detail(), strlen(rows[i].name));
    }
    disk_name_beside(name, &disk, OTHER_TARGET "?resets=all&write-wait=3");
    assert_int_equal(0, spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
    spd_unit_delete(unit);
}

static void a_lun_is_one_units(void **state)
{
    const spd_ops ops = { .size = sizeof ops, .submit = spd_inbox_submit };
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit;
    char name[512];

    (void)state;
    params.block_count = BLOCKS;
    disk_name_beside(name, &disk, TARGET);
    assert_int_equal(SPD_ERROR_ADDRESS_IN_USE,
        spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
    assert_memory_equal("LUN 0 of " TARGET, spd_error_detail(), strlen("LUN 0 of " TARGET));
    /* Nor has a unit two LUNs of one target. */
    disk_name_beside(name, &disk, TARGET "/1");
    assert_int_equal(0, spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
    disk_name_beside(name, &disk, TARGET "/2");
    assert_int_equal(SPD_ERROR_ADDRESS_IN_USE, spd_unit_add_door(unit, name));
    /* A unit that was never started has no initiator. */
    begin("");
    assert_int_equal(1, report_luns(&client));
    spd_unit_delete(unit);
    assert_int_equal(0, client_sense(&client));
}

static void an_address_of_somebody_else_is_taken(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const spd_ops ops = { .size = sizeof ops, .submit = spd_inbox_submit };
    spd_params params = SPD_PARAMS_INIT;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char name[128];
    spd_unit *unit;

    (void)state;
    params.block_count = BLOCKS;
    assert_int_equal(0, bind(fd, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(0, listen(fd, 1));
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &length));
    snprintf(name, sizeof name, "iscsi://127.0.0.1:%u/" TARGET, ntohs(address.sin_port));
    assert_int_equal(SPD_ERROR_ADDRESS_IN_USE,
        spd_unit_create(name, &params, &(spd_device){ &ops, NULL }, &unit));
    close(fd);
}

/* Units come and go on two threads while an initiator logs in and reads. */

enum { ROUNDS = 40 };

static _Atomic unsigned busy;

static void *come_and_go(void *context)
{
    const char *const *path = context;
    char name[512];
    struct disk own;

    disk_name_beside(name, &disk, *path);
    for (unsigned i = 0; i < ROUNDS; i++) {
        disk_open_at(&own, name, false);
        if (i % 2)
            spd_unit_shutdown(own.unit);
        disk_close(&own);
    }
    busy--;
    return NULL;
}

/* Whatever becomes of it, the answer is one that an initiator knows. */
static void use_target(const char *target)
{
    char text[512];

    client_connect(&other, &disk);
    snprintf(text, sizeof text, "InitiatorName=" INITIATOR "\nTargetName=%s\nSessionType=Normal\n",
        target);
    other.isid[5] = 9;
    client_send_login(&other, 0x87, text);
    if (client_receive(&other) && be16_get(other.bhs + LOGIN_STATUS) == LOGIN_SUCCESS) {
        other.lun = 1;
        for (unsigned i = 0; i < 4; i++)
            client_start_test(&other, 0);
        while (client_receive(&other) &&
            (other.bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_RESPONSE &&
            be32_get(other.bhs + BHS_ITT) != other.itt)
            ;
    }
    client_close(&other);
    other.fd = -1;
}

static void units_come_and_go_under_initiators(void **state)
{
    static const char *paths[] = { TARGET "/1", OTHER_TARGET "/1", OTHER_TARGET "/2" };
    enum { THREADS = sizeof paths / sizeof paths[0] };
    pthread_t threads[THREADS];

    (void)state;
    begin("");
    busy = THREADS;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, come_and_go, &paths[i]));
    while (busy > 0) {
        int sense = client_sense(&client);

        assert_true(sense == 0 || sense == LUNS_CHANGED);
        use_target(OTHER_TARGET);
        use_target(TARGET);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    client_sense(&client);
    assert_int_equal(1, report_luns(&client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_UNITS(open_units, one_target_has_both),
        WITH_UNITS(open_units, each_has_its_own_uri),
        WITH_UNITS(open_one, a_discovery_finds_the_targets_of_all_units),
        WITH_UNITS(open_one, each_target_has_its_own_unit),
        WITH_UNITS(open_one, a_long_discovery_comes_in_pieces),
        WITH_UNITS(open_one, sessions_learn_of_a_unit_that_comes),
        WITH_UNITS(open_one, whoever_asks_need_not_be_told),
        WITH_UNITS(open_units, sessions_go_on_without_a_unit_that_goes),
        WITH_UNITS(open_units, the_first_unit_may_go_first),
        WITH_UNITS(open_one, sessions_of_a_target_without_units_are_logged_out),
        WITH_UNITS(open_one, what_two_units_ask_for_must_agree),
        WITH_UNITS(open_one, a_lun_is_one_units),
        WITH_UNITS(open_one, an_address_of_somebody_else_is_taken),
        WITH_UNITS(open_one, units_come_and_go_under_initiators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
