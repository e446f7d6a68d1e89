/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Task management by one door reaches the tasks of another door of the same unit. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../work.h"
#include "transact/message.h"
#include "fixture.h"

#define SECOND "iscsi://127.0.0.1:0/iqn.2026-01.org.example:second"
#define SECOND_NAMES \
    "InitiatorName=" INITIATOR "\nTargetName=iqn.2026-01.org.example:second\n" \
    "SessionType=Normal\nImmediateData=No\n"

static uint8_t data[BLOCK];

/* client comes by the first door, other by the second. */
static void open_two(bool hold)
{
    client.fd = other.fd = -1;
    disk_open_doors(&disk, "?resets=all", SECOND, hold);
    memset(data, 0x77, sizeof data);
    client_login(&client, &disk, "ImmediateData=No\n");
    disk.door = 1;
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87, SECOND_NAMES));
    client_settle(&client);
    client_settle(&other);
}

static int open_both(void **state)
{
    (void)state;
    open_two(false);
    return 0;
}

static int open_both_held(void **state)
{
    (void)state;
    open_two(true);
    return 0;
}

static void request(struct client *c, uint8_t function)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    client_send(c, bhs, NULL, 0);
}

static int ask(struct client *c, uint8_t function)
{
    request(c, function);
    client_expect(c, ISCSI_TASK_RESPONSE);
    return c->bhs[BHS_RESPONSE];
}

static void a_write_that_waits_for_its_data_is_aborted(void **state)
{
    static const struct {
        uint8_t function;
        uint16_t sense;
    } rows[] = { { TASK_CLEAR_SET, 0x2f00 }, { TASK_LUN_RESET, 0x2903 },
        { TASK_WARM_RESET, 0x2902 }, { TASK_COLD_RESET, 0x2902 } };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t ttt, tag = client_start_write(&other, 1, &ttt);

        assert_int_equal(TASK_COMPLETE, ask(&client, rows[i].function));
        client_data_out(&other, tag, ttt, 0, 0, data, BLOCK, true); /* was on its way */
        client_ping(&other); /* and no answer to the write before this */
        assert_int_equal(0, disk.memory[0]);
        assert_int_equal(rows[i].sense, client_sense(&other));
        assert_int_equal(0, client_sense(&other));
        if (rows[i].function == TASK_LUN_RESET || rows[i].function == TASK_WARM_RESET)
            client_sense(&client);
    }
}

static void a_write_that_the_device_has_is_waited_for(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    request(&client, TASK_LUN_RESET);
    disk_wait_aborted(&disk, 1);
    client_ping(&client); /* and no response yet */
    client_ping(&other);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
    client_ping(&other); /* and no status before this */
    assert_int_equal(0x2903, client_sense(&other));
}

static void a_read_that_the_device_has_is_left_behind(void **state)
{
    (void)state;
    client_start_read(&other);
    disk_wait_held(&disk, 1);
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_LUN_RESET));
    assert_int_equal(1, disk_aborted());
}

static void a_write_whose_session_has_ended_is_waited_for(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    client_close(&other);
    disk_wait_aborted(&disk, 1);
    request(&client, TASK_LUN_RESET);
    client_ping(&client);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
}

static void two_at_once_do_not_wait_for_each_other(void **state)
{
    (void)state;
    client_give_write(&client);
    client_give_write(&other);
    disk_wait_held(&disk, 2);
    request(&client, TASK_LUN_RESET);
    request(&other, TASK_CLEAR_SET);
    disk_wait_aborted(&disk, 2);
    client_ping(&client);
    client_ping(&other);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    client_expect(&other, ISCSI_TASK_RESPONSE);
}

static void what_began_after_it_goes_on(void **state)
{
    uint32_t tag;

    (void)state;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    request(&client, TASK_LUN_RESET);
    disk_wait_aborted(&disk, 1);
    client_ping(&client);
    assert_int_equal(0x2903, client_sense(&other));
    tag = client_give_write(&other);
    disk_wait_held(&disk, 2);
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(0, client_status(&other, tag));
    assert_int_equal(1, disk_aborted());
}

static void the_unit_may_stop_meanwhile(void **state)
{
    (void)state;
    client_give_write(&other);
    disk_wait_held(&disk, 1);
    request(&client, TASK_LUN_RESET);
    disk_wait_aborted(&disk, 1);
    spd_unit_shutdown(disk.unit);
    client_expect(&client, ISCSI_ASYNC);
    disk_release(&disk);
    assert_int_equal(0, spd_unit_wait(disk.unit));
    assert_false(client_receive(&client)); /* nobody was told that it is complete */
}

static int reserve_out(struct client *c, uint8_t action, uint8_t key, uint8_t action_key)
{
    const uint8_t cdb[10] = { 0x5f, action, 0x05, [8] = 24 };
    const uint8_t list[24] = { [7] = key, [15] = action_key };
    uint8_t bhs[ISCSI_BHS];
    uint32_t tag;

    client_command(c, bhs, ISCSI_FINAL | COMMAND_WRITE, sizeof list, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    tag = c->itt;
    client_expect(c, ISCSI_R2T);
    client_data_out(c, tag, be32_get(c->bhs + BHS_TTT), 0, 0, list, sizeof list, true);
    return client_status(c, tag);
}

static void preempt_and_abort_reaches_it_too(void **state)
{
    enum { REGISTER = 0, PREEMPT_AND_ABORT = 5, OURS = 1, THEIRS = 2 };
    uint32_t ttt, tag;

    (void)state;
    assert_int_equal(0, reserve_out(&client, REGISTER, 0, OURS));
    assert_int_equal(0, reserve_out(&other, REGISTER, 0, THEIRS));
    tag = client_start_write(&other, 1, &ttt);
    assert_int_equal(0, reserve_out(&client, PREEMPT_AND_ABORT, OURS, THEIRS));
    client_data_out(&other, tag, ttt, 0, 0, data, BLOCK, true);
    assert_int_equal(2, client_status(&other, tag));
    assert_int_equal(0x2f00, be16_get(other.data + 14));
    assert_int_equal(0, disk.memory[0]);
}

/* The unix: door. */

static char folder[WORK_PATH_MAX], path[96];
static int folder_fd, wire = -1;

static void send_header(uint64_t hint, uint8_t kind, uint64_t lba)
{
    const struct transact_request message = {
        .hint = hint, .kind = kind, .lba = lba, .blocks = 1 };
    uint8_t bytes[TRANSACT_HEADER_LENGTH];

    transact_encode_request(&message, bytes);
    assert_int_equal(sizeof bytes, send(wire, bytes, sizeof bytes, MSG_NOSIGNAL));
}

static uint8_t answer(uint64_t hint)
{
    uint8_t bytes[TRANSACT_HEADER_LENGTH];
    struct transact_response response;

    assert_int_equal(sizeof bytes, recv(wire, bytes, sizeof bytes, MSG_WAITALL));
    transact_decode_response(bytes, &response);
    assert_int_equal(hint, response.hint);
    return response.status.scsi_status;
}

static int open_unix(bool hold)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint8_t greeting[TRANSACT_PARAMS_LENGTH];
    char near[WORK_SHORT_MAX], uri[112];

    client.fd = other.fd = -1;
    assert_non_null(mkdtemp(work_template(folder, "spd-doors")));
    folder_fd = work_shorten(near, folder);
    snprintf(path, sizeof path, "%s/socket", near);
    snprintf(uri, sizeof uri, "unix:%s", path);
    disk_open_doors(&disk, "?resets=all", uri, hold);
    memset(data, 0x77, sizeof data);
    client_login(&client, &disk, "");
    client_settle(&client);
    strcpy(address.sun_path, path);
    wire = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(0, connect(wire, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(sizeof greeting, recv(wire, greeting, sizeof greeting, MSG_WAITALL));
    /* The door watches it once it has answered; no disk has this kind of request. */
    send_header(1, 99, 0);
    assert_int_equal(2, answer(1));
    return 0;
}

static int open_with_unix(void **state)
{
    (void)state;
    return open_unix(false);
}

static int open_with_unix_held(void **state)
{
    (void)state;
    return open_unix(true);
}

static int close_with_unix(void **state)
{
    if (wire >= 0)
        close(wire);
    wire = -1;
    close_disk(state);
    rmdir(folder);
    close(folder_fd);
    return 0;
}

/* Its header has arrived when a later client has been greeted: both come to one loop, in order. */
static void let_it_arrive(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint8_t greeting[TRANSACT_PARAMS_LENGTH];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(0, connect(fd, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(sizeof greeting, recv(fd, greeting, sizeof greeting, MSG_WAITALL));
    close(fd);
}

static void a_message_whose_data_is_to_come_is_aborted(void **state)
{
    (void)state;
    send_header(1, TRANSACT_WRITE, 0);
    let_it_arrive();
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_LUN_RESET));
    assert_int_equal(BLOCK, send(wire, data, BLOCK, MSG_NOSIGNAL));
    assert_int_equal(0x40, answer(1)); /* TASK ABORTED */
    assert_int_equal(0, disk.memory[0]);
    send_header(2, TRANSACT_WRITE, 0);
    assert_int_equal(BLOCK, send(wire, data, BLOCK, MSG_NOSIGNAL));
    assert_int_equal(0, answer(2));
    assert_int_equal(0x77, disk.memory[0]);
}

static void a_message_that_the_device_writes_for_is_waited_for(void **state)
{
    (void)state;
    send_header(1, TRANSACT_WRITE, 0);
    assert_int_equal(BLOCK, send(wire, data, BLOCK, MSG_NOSIGNAL));
    disk_wait_held(&disk, 1);
    request(&client, TASK_CLEAR_SET);
    disk_wait_aborted(&disk, 1);
    client_ping(&client); /* and no response yet */
    disk_release(&disk);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(0x40, answer(1));
}

static void a_message_that_the_device_reads_for_is_left_behind(void **state)
{
    (void)state;
    send_header(1, TRANSACT_READ, 0);
    disk_wait_held(&disk, 1);
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_LUN_RESET));
    disk_release(&disk);
    assert_int_equal(0x40, answer(1));
}

static void a_reservation_by_iscsi_is_a_conflict_for_a_client(void **state)
{
    enum { REGISTER = 0, RESERVE = 1, RELEASE = 2, KEY = 1, CONFLICT = 0x18 };
    uint8_t back[BLOCK];

    (void)state;
    assert_int_equal(0, reserve_out(&client, REGISTER, 0, KEY));
    assert_int_equal(0, reserve_out(&client, RESERVE, KEY, 0)); /* write exclusive */
    send_header(1, TRANSACT_WRITE, 0);
    assert_int_equal(BLOCK, send(wire, data, BLOCK, MSG_NOSIGNAL));
    assert_int_equal(CONFLICT, answer(1));
    assert_int_equal(0, disk.memory[0]);
    send_header(2, TRANSACT_FLUSH, 0);
    assert_int_equal(CONFLICT, answer(2));
    send_header(3, TRANSACT_READ, 0);
    assert_int_equal(0, answer(3));
    assert_int_equal(BLOCK, recv(wire, back, BLOCK, MSG_WAITALL));
    assert_int_equal(0, reserve_out(&client, RELEASE, KEY, 0));
    send_header(4, TRANSACT_WRITE, 0);
    assert_int_equal(BLOCK, send(wire, data, BLOCK, MSG_NOSIGNAL));
    assert_int_equal(0, answer(4));
    assert_int_equal(0x77, disk.memory[0]);
}

static void a_client_counts_as_another_initiator(void **state)
{
    (void)state;
    client_close(&client);
    disk_close(&disk);
    disk_open_doors(&disk, "", SECOND, false);
    client_login(&client, &disk, "");
    client_settle(&client);
    assert_int_equal(TASK_COMPLETE, ask(&client, TASK_WARM_RESET));
    disk.door = 1;
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87, SECOND_NAMES));
    assert_int_equal(TASK_NOT_AUTHORIZED, ask(&client, TASK_WARM_RESET));
}

/* RELATIVE TARGET PORT IDENTIFIER (SPC-4 7.8.6.7) of VPD page 83h. */
static uint32_t relative_port(struct client *c)
{
    static const uint8_t cdb[] = { 0x12, 0x01, 0x83, 0x04, 0x00, 0x00 };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL | COMMAND_READ, 1024, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_DATA_IN);
    for (const uint8_t *at = c->data + 4; at < c->data + c->length; at += 4 + at[3])
        if ((at[1] & 0x3f) == 0x14)
            return be32_get(at + 4);
    return 0;
}

/* RFC 7143 4.4.1: so they are by name, whatever their targets are called. */
static void each_door_is_a_port_of_its_own(void **state)
{
    static const char all[] = "SendTargets=All";
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    assert_int_equal(1, relative_port(&client));
    assert_int_equal(2, relative_port(&other));
    client_close(&other);
    client_connect(&other, &disk);
    assert_int_equal(0, client_login_step(&other, 0x87, SECOND_NAMES));
    assert_string_equal("2", client_value(&other, "TargetPortalGroupTag"));
    client_close(&other);
    client_login_discovery(&other, &disk);
    client_header(&other, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&other, bhs, all, sizeof all);
    client_expect(&other, ISCSI_TEXT_RESPONSE);
    assert_non_null(strstr(client_value(&other, "TargetAddress"), ",2"));
}

#define WITH_UNIX(OPEN, TEST) cmocka_unit_test_setup_teardown(TEST, OPEN, close_with_unix)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(open_both, a_write_that_waits_for_its_data_is_aborted),
        WITH(open_both_held, a_write_that_the_device_has_is_waited_for),
        WITH(open_both_held, a_read_that_the_device_has_is_left_behind),
        WITH(open_both_held, a_write_whose_session_has_ended_is_waited_for),
        WITH(open_both_held, two_at_once_do_not_wait_for_each_other),
        WITH(open_both_held, what_began_after_it_goes_on),
        WITH(open_both_held, the_unit_may_stop_meanwhile),
        WITH(open_both, preempt_and_abort_reaches_it_too),
        WITH(open_both, a_client_counts_as_another_initiator),
        WITH(open_both, each_door_is_a_port_of_its_own),
        WITH_UNIX(open_with_unix, a_message_whose_data_is_to_come_is_aborted),
        WITH_UNIX(open_with_unix, a_reservation_by_iscsi_is_a_conflict_for_a_client),
        WITH_UNIX(open_with_unix_held, a_message_that_the_device_writes_for_is_waited_for),
        WITH_UNIX(open_with_unix_held, a_message_that_the_device_reads_for_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
