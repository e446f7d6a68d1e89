/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Tasks, task management and reservations are of one logical unit, and so is the end of a unit. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

enum { TASK_SET_FULL = 0x28 };

static uint8_t block[BLOCK];

static int ask(struct client *c, uint8_t lun, uint8_t function)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | function);
    bhs[BHS_LUN + 1] = lun;
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_TASK_RESPONSE);
    return c->bhs[BHS_RESPONSE];
}

static uint32_t start_write_at(struct client *c, uint8_t lun, uint32_t *ttt)
{
    uint32_t tag;

    c->lun = lun;
    tag = client_start_write(c, 1, ttt);
    c->lun = 0;
    return tag;
}

static uint32_t start_read_at(struct client *c, uint8_t lun)
{
    uint32_t tag;

    c->lun = lun;
    tag = client_start_read(c);
    c->lun = 0;
    return tag;
}

static void *delete_beside(void *context)
{
    (void)context;
    spd_unit_delete(beside.unit);
    return NULL;
}

static void commands_of_a_unit_that_goes_are_answered(void **state)
{
    uint32_t read, write, ttt, own;
    pthread_t thread;

    (void)state;
    own = start_read_at(&client, 0);
    read = start_read_at(&client, 1);
    disk_wait_held(&disk, 2);
    write = start_write_at(&client, 1, &ttt);
    assert_int_equal(0, pthread_create(&thread, NULL, delete_beside, NULL));
    /* At once where the device has nothing of it. */
    assert_int_equal(2, client_status(&client, write));
    assert_int_equal(NOT_SUPPORTED, be16_get(client.data + 14));
    client_data_out(&client, write, ttt, 0, 0, block, BLOCK, true); /* was on its way */
    disk_wait_aborted(&beside, 1);
    client_ping(&client); /* and the read has no answer yet */
    assert_int_equal(NOT_SUPPORTED, sense_at(&client, 1));
    disk_release(&beside);
    assert_int_equal(2, client_status(&client, read));
    assert_int_equal(NOT_SUPPORTED, be16_get(client.data + 14));
    pthread_join(thread, NULL);
    free(beside.memory);
    memset(&beside, 0, sizeof beside);
    /* The other unit's is as it was. */
    disk_release(&disk);
    client_expect(&client, ISCSI_DATA_IN);
    assert_int_equal(own, be32_get(client.bhs + BHS_ITT));
    assert_int_equal(0, client.bhs[BHS_STATUS]);
}

static void a_function_for_a_unit_that_goes_is_answered(void **state)
{
    uint8_t bhs[ISCSI_BHS];
    pthread_t thread;

    (void)state;
    client.lun = 1;
    client_give_write(&client);
    disk_wait_held(&disk, 1);
    client_header(&client, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE,
        ISCSI_FINAL | TASK_LUN_RESET);
    client_send(&client, bhs, NULL, 0);
    client.lun = 0;
    client_ping(&client); /* and it has no response yet */
    assert_int_equal(0, pthread_create(&thread, NULL, delete_beside, NULL));
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_NO_LUN, client.bhs[BHS_RESPONSE]);
    disk_release(&beside);
    pthread_join(thread, NULL);
    free(beside.memory);
    memset(&beside, 0, sizeof beside);
    client_ping(&client); /* and the write has no answer: it was aborted before */
}

static void a_lun_reset_is_for_one_unit(void **state)
{
    uint32_t here, there, ttt, other_ttt;

    (void)state;
    here = start_write_at(&client, 0, &ttt);
    there = start_write_at(&client, 1, &other_ttt);
    assert_int_equal(TASK_COMPLETE, ask(&client, 1, TASK_LUN_RESET));
    client_data_out(&client, there, other_ttt, 0, 0, block, BLOCK, true);
    client_data_out(&client, here, ttt, 0, 0, block, BLOCK, true);
    assert_int_equal(0, client_status(&client, here)); /* and none of the other */
    assert_int_equal(LUN_RESET_OCCURRED, sense_at(&client, 1));
    assert_int_equal(0, sense_at(&client, 0));
}

static void task_sets_are_of_one_unit(void **state)
{
    static const uint8_t functions[] = { TASK_ABORT_SET, TASK_CLEAR_SET };
    uint32_t here, ttt;

    (void)state;
    for (unsigned i = 0; i < sizeof functions; i++) {
        here = start_write_at(&client, 0, &ttt);
        assert_int_equal(TASK_COMPLETE, ask(&client, 1, functions[i]));
        client_data_out(&client, here, ttt, 0, 0, block, BLOCK, true);
        assert_int_equal(0, client_status(&client, here));
    }
}

static void a_task_is_found_at_its_own_unit_alone(void **state)
{
    uint32_t here, ttt;
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    here = start_write_at(&client, 0, &ttt);
    client_header(&client, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL | TASK_ABORT);
    bhs[BHS_LUN + 1] = 1;
    be32_put(bhs + TASK_REFERENCED_TAG, here);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_NO_TASK, client.bhs[BHS_RESPONSE]);
    client_data_out(&client, here, ttt, 0, 0, block, BLOCK, true);
    assert_int_equal(0, client_status(&client, here));
}

static void a_target_reset_is_for_all_units(void **state)
{
    uint32_t ttt, tags[2];

    (void)state;
    tags[0] = start_write_at(&client, 0, &ttt);
    client_data_out(&client, tags[0] + 1, ttt + 1, 0, 0, block, BLOCK, true); /* of no command */
    tags[1] = start_write_at(&client, 1, &ttt);
    assert_int_equal(TASK_COMPLETE, ask(&client, 0, TASK_WARM_RESET));
    client_data_out(&client, tags[1], ttt, 0, 0, block, BLOCK, true);
    assert_int_equal(TARGET_RESET_OCCURRED, sense_at(&client, 0)); /* and no answer before */
    assert_int_equal(TARGET_RESET_OCCURRED, sense_at(&client, 1));
}

static void a_target_reset_waits_for_what_all_units_write(void **state)
{
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    client_give_write(&client);
    client.lun = 1;
    client_give_write(&client);
    client.lun = 0;
    disk_wait_held(&disk, 2);
    client_header(&client, bhs, ISCSI_TASK_REQUEST | ISCSI_IMMEDIATE,
        ISCSI_FINAL | TASK_WARM_RESET);
    client_send(&client, bhs, NULL, 0);
    disk_wait_aborted(&disk, 2);
    client_ping(&client);
    disk_release(&disk);
    client_ping(&client); /* and no response yet: the other unit still writes */
    disk_release(&beside);
    client_expect(&client, ISCSI_TASK_RESPONSE);
    assert_int_equal(TASK_COMPLETE, client.bhs[BHS_RESPONSE]);
}

static int reserve(struct client *c, uint8_t lun, uint8_t opcode)
{
    const uint8_t cdb[6] = { opcode };
    uint8_t bhs[ISCSI_BHS];

    client_command(c, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    bhs[BHS_LUN + 1] = lun;
    client_send(c, bhs, NULL, 0);
    return client_status(c, c->itt);
}

static void a_reservation_is_of_one_unit(void **state)
{
    enum { RESERVE = 0x16, RELEASE = 0x17, CONFLICT = 0x18 };

    (void)state;
    client_login_port(&other, &disk, 9, "");
    client_settle(&other);
    assert_int_equal(POWER_ON, sense_at(&other, 1));
    assert_int_equal(0, reserve(&client, 1, RESERVE));
    assert_int_equal(0, client_read(&other, 0, 1, block));
    other.lun = 1;
    assert_int_equal(CONFLICT, reserve(&other, 1, RESERVE));
    /* It ends with the session, at each unit. */
    client_close(&client);
    client_login(&client, &disk, "");
    assert_int_equal(0, reserve(&other, 1, RESERVE));
}

/* The device of LUN 1 gives nothing back. Its unit takes so many commands of an initiator, and the
 * window has places for both units. */
static void a_slow_unit_does_not_shut_the_other_out(void **state)
{
    (void)state;
    disk_close(&disk);
    close_beside();
    open_with("");
    open_beside(TARGET "/1", true);
    begin_two();
    for (unsigned i = 0; i < QUEUE_DEPTH; i++)
        start_read_at(&client, 1);
    disk_wait_held(&beside, QUEUE_DEPTH);
    for (unsigned i = 0; i < 3 * QUEUE_DEPTH; i++) {
        assert_int_equal(TASK_SET_FULL, client_status(&client, start_read_at(&client, 1)));
        assert_int_equal(0, client_read(&client, 0, 1, block));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_UNITS(open_held_units, commands_of_a_unit_that_goes_are_answered),
        WITH_UNITS(open_held_units, a_function_for_a_unit_that_goes_is_answered),
        WITH_UNITS(open_units, a_lun_reset_is_for_one_unit),
        WITH_UNITS(open_units, task_sets_are_of_one_unit),
        WITH_UNITS(open_units, a_task_is_found_at_its_own_unit_alone),
        WITH_UNITS(open_units, a_target_reset_is_for_all_units),
        WITH_UNITS(open_held_units, a_target_reset_waits_for_what_all_units_write),
        WITH_UNITS(open_units, a_reservation_is_of_one_unit),
        WITH_UNITS(open_units, a_slow_unit_does_not_shut_the_other_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
