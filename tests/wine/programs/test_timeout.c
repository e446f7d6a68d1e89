/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* ServerTimeout, which these tests need to be one second: a request ends although its server does
 * not answer it, says so (SPC-4 table E.13), and the unit can be used as if nothing had been. */

#include "client.h"

static UINT32 btl;

static void begin(UINT32 max_blocks)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.MaxTransferLength = max_blocks * BLOCK;
    params.CacheSupported = 1;
    btl = provision_good(&params);
    scsi_ready(btl);
}

/* The next request is the one that comes, and its answer reaches its requester. */
static void check_usable(void)
{
    UCHAR data[BLOCK], answer[2 * BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 9, 1, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    CHECK(!has_double() || !double_state().requests);
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, answer, 0, 2 * BLOCK), 0);
    CHECK_EQUAL(req.Op.Read.BlockAddress, 9);
    fill_pattern(answer, 9, 1, 1);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, answer, BLOCK, 2 * BLOCK), 0);
    scsi_wait(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK(is_pattern(data, 9, 1, 1));
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_request_that_is_kept(struct scsi command)
{
    UCHAR answer[2 * BLOCK] = { 0 };
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    begin(2);
    command.btl = btl;
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, answer, 0, 2 * BLOCK), 0);
    scsi_wait(&command);
    check_sense(&command, 0xb, 0x2e, 0x02);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, answer, BLOCK, 2 * BLOCK), 0); /* too late */
    check_usable();
}

static void a_read_that_is_kept(void)
{
    UCHAR data[BLOCK];

    memset(data, 0x77, sizeof data);
    a_request_that_is_kept(scsi_move(0, DATA_IN, 3, 1, data));
    CHECK_EQUAL(data[0], 0x77);
}

static void a_write_that_is_kept(void)
{
    UCHAR data[BLOCK] = { 0 };

    a_request_that_is_kept(scsi_move(0, DATA_OUT, 3, 1, data));
}

static void a_flush_that_is_kept(void)
{
    a_request_that_is_kept(
        (struct scsi){ .direction = DATA_NONE, .cdb_length = 10, .cdb = { 0x35 } });
}

static void a_second_chunk_that_is_kept(void)
{
    UCHAR data[3 * BLOCK], answer[2 * BLOCK] = { 0 };
    struct scsi command = scsi_move(0, DATA_IN, 3, 3, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    begin(2);
    command.btl = btl;
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, answer, 0, 2 * BLOCK), 0);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, &req, answer, 2 * BLOCK, 2 * BLOCK), 0);
    CHECK_EQUAL(req.Op.Read.BlockAddress, 5);
    scsi_wait(&command);
    check_sense(&command, 0xb, 0x2e, 0x02);
    check_usable();
}

static void requests_that_nobody_takes(void)
{
    UCHAR data[4][BLOCK];
    struct scsi commands[4];
    unsigned i;

    begin(2);
    for (i = 0; i < 4; i++) {
        commands[i] = scsi_move(btl, i & 1 ? DATA_IN : DATA_OUT, i, 1, data[i]);
        scsi_start(&commands[i]);
    }
    for (i = 0; i < 4; i++) {
        scsi_wait(&commands[i]);
        check_sense(&commands[i], 0xb, 0x2e, 0x01);
    }
    check_usable();
}

const struct test timeout_tests[] = {
    { "a read that its server keeps", a_read_that_is_kept, .needs = ONLY_BY_NAME },
    { "a write that its server keeps", a_write_that_is_kept, .needs = ONLY_BY_NAME },
    { "a flush that its server keeps", a_flush_that_is_kept, .needs = ONLY_BY_NAME },
    { "a second chunk that its server keeps", a_second_chunk_that_is_kept, .needs = ONLY_BY_NAME },
    { "requests that nobody takes", requests_that_nobody_takes, .needs = ONLY_BY_NAME },
    { 0 }
};
