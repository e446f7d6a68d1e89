/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Resets, aborts, flush and shutdown functions, and servers that do not answer. */

#include "client.h"

enum { /* SRB functions and statuses of the DDK's srb.h */
    FUNCTION_IO_CONTROL = 0x02,
    FUNCTION_SHUTDOWN = 0x07,
    FUNCTION_FLUSH = 0x08,
    FUNCTION_ABORT = 0x10,
    FUNCTION_RESET_BUS = 0x12,
    FUNCTION_RESET_DEVICE = 0x13,
    FUNCTION_RESET_LOGICAL_UNIT = 0x20,
    STATUS_GOOD = 0x01,
    STATUS_ABORT_FAILED = 0x03,
    STATUS_INVALID = 0x06,
    STATUS_NO_UNIT = 0x08,
};

static UINT32 btl;
static UCHAR data_of_waiting[BLOCK];
static struct scsi waiting;

/* A read that nobody serves. */
static void start_waiting(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    btl = provision_good(&params);
    scsi_ready(btl);
    waiting = scsi_move(btl, DATA_IN, 1, 1, data_of_waiting);
    scsi_start(&waiting);
    WAIT_UNTIL(double_state().requests == 1);
}

static void check_ended(BOOL attention)
{
    struct scsi command = { .btl = btl, .direction = DATA_NONE, .cdb_length = 6 };

    scsi_wait(&waiting);
    CHECK(waiting.error != 0 || waiting.status != 0);
    CHECK_EQUAL(double_state().requests, 0);
    scsi_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, attention ? 2 : 0);
    if (attention) {
        CHECK_EQUAL(command.sense[2] & 15, 6);
        CHECK_EQUAL(command.sense[12], 0x29);
        scsi_ready(btl);
    }
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void reset_with(UCHAR function)
{
    start_waiting();
    CHECK_EQUAL(double_srb(btl, function), STATUS_GOOD);
    check_ended(TRUE);
}

static void a_logical_unit_reset_ends_requests(void)
{
    reset_with(FUNCTION_RESET_LOGICAL_UNIT);
}

static void a_device_reset_ends_requests(void)
{
    reset_with(FUNCTION_RESET_DEVICE);
}

static void a_bus_reset_ends_requests(void)
{
    reset_with(FUNCTION_RESET_BUS);
}

static void a_port_reset_ends_requests(void)
{
    start_waiting();
    CHECK_EQUAL(double_number(DOUBLE_IOCTL_RESET_BUS, 0), TRUE);
    check_ended(TRUE);
    CHECK_EQUAL(double_number(DOUBLE_IOCTL_RESET_BUS, 1), FALSE);
}

static void an_abort_ends_its_request(void)
{
    UCHAR data[BLOCK];
    struct scsi second;
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    start_waiting();
    second = scsi_move(btl, DATA_IN, 9, 1, data);
    scsi_start(&second);
    WAIT_UNTIL(double_state().requests == 2);
    CHECK_EQUAL(double_srb(btl, FUNCTION_ABORT), STATUS_GOOD);
    scsi_wait(&waiting);
    CHECK(waiting.error != 0 || waiting.status != 0);
    CHECK_EQUAL(double_state().requests, 1);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(req.Op.Read.BlockAddress, 9);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), 0);
    scsi_wait(&second);
    CHECK_EQUAL(second.error | second.status, 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

/* Aborts a request in the middle: those before and after it are served. */
static void an_abort_ends_no_other_request(void)
{
    enum { COUNT = 4, ABORTED = 2 };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    struct scsi commands[COUNT];
    UCHAR data[COUNT][BLOCK], answer[BLOCK];
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;
    UINT32 i;

    btl = provision_good(&params);
    scsi_ready(btl);
    for (i = 0; i < COUNT; i++) {
        commands[i] = scsi_move(btl, DATA_IN, i, 1, data[i]);
        scsi_start(&commands[i]);
        WAIT_UNTIL(double_state().requests == i + 1);
    }
    CHECK_EQUAL(double_abort(btl, ABORTED), STATUS_GOOD);
    scsi_wait(&commands[ABORTED]);
    CHECK(commands[ABORTED].error != 0 || commands[ABORTED].status != 0);
    for (i = 0; i < COUNT; i++) {
        if (i == ABORTED)
            continue;
        CHECK_EQUAL(transact(btl, NULL, &req, answer, 0, BLOCK), 0);
        CHECK_EQUAL(req.Op.Read.BlockAddress, i);
        fill_pattern(answer, i, 1, 8);
        rsp = good_response(&req);
        CHECK_EQUAL(transact(btl, &rsp, NULL, answer, BLOCK, BLOCK), 0);
        scsi_wait(&commands[i]);
        CHECK_EQUAL(commands[i].error | commands[i].status, 0);
        CHECK(is_pattern(data[i], i, 1, 8));
    }
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

/* The others of the adapter are left alone. */
static void a_reset_is_of_one_unit(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS other = small_unit(&guid_b);
    struct scsi command = { .btl = BTL(1), .direction = DATA_NONE, .cdb_length = 6 };
    struct scsi read;
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;
    UCHAR data[BLOCK], answer[BLOCK];

    start_waiting();
    CHECK_EQUAL(provision_good(&other), BTL(1));
    scsi_ready(BTL(1));
    read = scsi_move(BTL(1), DATA_IN, 5, 1, data);
    scsi_start(&read);
    WAIT_UNTIL(double_state().requests == 2);
    CHECK_EQUAL(double_srb(btl, FUNCTION_RESET_DEVICE), STATUS_GOOD);
    scsi_wait(&waiting);
    CHECK_EQUAL(double_state().requests, 1);
    CHECK_EQUAL(transact(BTL(1), NULL, &req, answer, 0, BLOCK), 0);
    fill_pattern(answer, 5, 1, 2);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(BTL(1), &rsp, NULL, answer, BLOCK, BLOCK), 0);
    scsi_wait(&read);
    CHECK_EQUAL(read.error | read.status, 0);
    CHECK(is_pattern(data, 5, 1, 2));
    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0); /* no unit attention */
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(unprovision(&guid_b), 0);
}

/* After a reset the server's hint belongs to another request, or to none. */
static void a_reset_ends_what_was_taken(void)
{
    UCHAR data[BLOCK] = { 0 };
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    start_waiting();
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(double_srb(btl, FUNCTION_RESET_LOGICAL_UNIT), STATUS_GOOD);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, data, BLOCK, BLOCK), 0);
    check_ended(TRUE);
}

static void an_abort_of_nothing(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    btl = provision_good(&params);
    CHECK_EQUAL(double_srb(btl, FUNCTION_ABORT), STATUS_ABORT_FAILED);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void an_abort_of_a_taken_request(void)
{
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;
    UCHAR data[BLOCK];

    start_waiting();
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(double_srb(btl, FUNCTION_ABORT), STATUS_GOOD);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, data, BLOCK, BLOCK), 0);
    check_ended(FALSE);
}

static void functions_without_a_unit(void)
{
    CHECK_EQUAL(double_srb(BTL(3), FUNCTION_RESET_LOGICAL_UNIT), STATUS_NO_UNIT);
    CHECK_EQUAL(double_srb(BTL(3), FUNCTION_RESET_DEVICE), STATUS_NO_UNIT);
    CHECK_EQUAL(double_srb(BTL(3), FUNCTION_ABORT), STATUS_NO_UNIT);
    CHECK_EQUAL(double_srb(SPD_IOCTL_BTL(1, 0, 0), FUNCTION_RESET_BUS), STATUS_NO_UNIT);
    CHECK_EQUAL(double_srb(BTL(0), FUNCTION_RESET_BUS), STATUS_GOOD);
    CHECK_EQUAL(double_srb(BTL(0), FUNCTION_IO_CONTROL), STATUS_INVALID);
    CHECK_EQUAL(double_srb(BTL(0), 0x17), STATUS_INVALID); /* WMI */
    CHECK_EQUAL(double_srb(BTL(0), 0x77), STATUS_INVALID);
}

static void flush_and_shutdown_reach_the_server(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    struct server server;

    params.CacheSupported = 1;
    btl = provision_good(&params);
    server_start(&server, &params, btl, 1);
    scsi_ready(btl);
    CHECK_EQUAL(double_srb(btl, FUNCTION_FLUSH), STATUS_GOOD);
    CHECK_EQUAL(server.flushes, 1);
    CHECK_EQUAL(server.flush_block, 0);
    CHECK_EQUAL(server.flush_count, 0);
    CHECK_EQUAL(double_srb(btl, FUNCTION_SHUTDOWN), STATUS_GOOD);
    CHECK_EQUAL(server.flushes, 2);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
}

/* The port's own timeout, of one second here, ends in a reset of the unit. */
static void a_server_that_does_not_answer(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[BLOCK];

    btl = provision_good(&params);
    scsi_ready(btl);
    waiting = scsi_move(btl, DATA_IN, 1, 1, data);
    waiting.timeout = 1;
    scsi_start(&waiting);
    check_ended(TRUE);
}

static void unprovision_with_io_in_flight(void)
{
    struct scsi commands[8];
    UCHAR data[8][BLOCK];
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    struct server server;
    unsigned i, round;

    for (round = 0; round < 10; round++) {
        btl = provision_good(&params);
        scsi_ready(btl);
        server_start(&server, &params, btl, 2);
        server.delay = round % 3;
        for (i = 0; i < 8; i++) {
            commands[i] = scsi_move(btl, i & 1 ? DATA_IN : DATA_OUT, i, 1, data[i]);
            scsi_start(&commands[i]);
        }
        WAIT_UNTIL(server.reads + server.writes > 0);
        CHECK_EQUAL(unprovision(&guid_a), 0);
        for (i = 0; i < 8; i++)
            scsi_wait(&commands[i]);
        server_end(&server);
    }
}

const struct test reset_tests[] = {
    { "a logical unit reset ends requests",
        a_logical_unit_reset_ends_requests, .needs = NEEDS_DOUBLE },
    { "a device reset ends requests", a_device_reset_ends_requests, .needs = NEEDS_DOUBLE },
    { "a bus reset ends requests", a_bus_reset_ends_requests, .needs = NEEDS_DOUBLE },
    { "a port reset ends requests", a_port_reset_ends_requests, .needs = NEEDS_DOUBLE },
    { "a reset is of one unit", a_reset_is_of_one_unit, .needs = NEEDS_DOUBLE },
    { "a reset ends what was taken", a_reset_ends_what_was_taken, .needs = NEEDS_DOUBLE },
    { "an abort of nothing", an_abort_of_nothing, .needs = NEEDS_DOUBLE },
    { "an abort ends its request", an_abort_ends_its_request, .needs = NEEDS_DOUBLE },
    { "an abort ends no other request", an_abort_ends_no_other_request, .needs = NEEDS_DOUBLE },
    { "an abort of a taken request", an_abort_of_a_taken_request, .needs = NEEDS_DOUBLE },
    { "functions without a unit", functions_without_a_unit, .needs = NEEDS_DOUBLE },
    { "flush and shutdown reach the server",
        flush_and_shutdown_reach_the_server, .needs = NEEDS_DOUBLE },
    { "a server that does not answer", a_server_that_does_not_answer },
    { "unprovision with I/O in flight", unprovision_with_io_in_flight },
    { 0 }
};
