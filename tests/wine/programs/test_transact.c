/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests reach the server as specified, and answers the requester. The test is the server; the
 * requester is a thread of its own. */

#include "client.h"

static UINT32 unit_with(UINT32 max, BOOL cache, BOOL unmap)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 btl;

    params.MaxTransferLength = max;
    params.CacheSupported = cache;
    params.UnmapSupported = unmap;
    btl = provision_good(&params);
    scsi_ready(btl);
    return btl;
}

static void check_range(const SPD_IOCTL_TRANSACT_REQ *req, UINT8 kind, UINT64 block, UINT32 count)
{
    CHECK(req->Hint != 0);
    CHECK_EQUAL(req->Kind, kind);
    CHECK_EQUAL(req->Op.Read.BlockAddress, block);
    CHECK_EQUAL(req->Op.Read.BlockCount, count);
}

static void check_moved(struct scsi *command, DWORD length)
{
    scsi_wait(command);
    CHECK_EQUAL(command->error, 0);
    CHECK_EQUAL(command->status, 0);
    CHECK_EQUAL(command->length, length);
}

static void read_in(UINT32 max, BOOL direct)
{
    UINT32 btl = unit_with(max, FALSE, FALSE), step = max / BLOCK, block = 7;
    UCHAR data[5 * BLOCK] = { 0 }, chunk[5 * BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp = { 0 };

    command.direct = direct;
    scsi_start(&command);
    while (block < 12) {
        UINT32 count = step < 12 - block ? step : 12 - block;

        CHECK_EQUAL(transact(btl, NULL, &req, chunk, 0, max), 0);
        check_range(&req, SpdIoctlTransactReadKind, block, count);
        CHECK(req.Hint != rsp.Hint); /* of the piece before */
        CHECK_EQUAL(req.Op.Read.ForceUnitAccess, 1); /* no cache */
        CHECK_EQUAL(req.Op.Read.Reserved, 0);
        fill_pattern(chunk, block, count, 0);
        rsp = good_response(&req);
        CHECK_EQUAL(transact(btl, &rsp, NULL, chunk, count * BLOCK, max), 0);
        block += count;
    }
    check_moved(&command, sizeof data);
    CHECK(is_pattern(data, 7, 5, 0));
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_read_is_served(void)
{
    read_in(5 * BLOCK, FALSE);
}

static void a_direct_read_is_served(void)
{
    read_in(5 * BLOCK, TRUE);
}

static void a_long_read_comes_in_chunks(void)
{
    read_in(3 * BLOCK, FALSE);
}

static void write_out(UINT32 max, BOOL direct)
{
    UINT32 btl = unit_with(max, FALSE, FALSE), step = max / BLOCK, block = 7;
    UCHAR data[5 * BLOCK], chunk[5 * BLOCK];
    struct scsi command = scsi_move(btl, DATA_OUT, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    fill_pattern(data, 7, 5, 9);
    command.direct = direct;
    scsi_start(&command);
    while (block < 12) {
        UINT32 count = step < 12 - block ? step : 12 - block;

        CHECK_EQUAL(transact(btl, NULL, &req, chunk, 0, max), 0);
        check_range(&req, SpdIoctlTransactWriteKind, block, count);
        CHECK_EQUAL(req.Op.Write.ForceUnitAccess, 1);
        CHECK_EQUAL(req.Op.Write.Reserved, 0);
        CHECK(is_pattern(chunk, block, count, 9));
        rsp = good_response(&req);
        CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, max), 0);
        block += count;
    }
    check_moved(&command, sizeof data);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_write_is_served(void)
{
    write_out(5 * BLOCK, FALSE);
}

static void a_direct_write_is_served(void)
{
    write_out(5 * BLOCK, TRUE);
}

static void a_long_write_comes_in_chunks(void)
{
    write_out(3 * BLOCK, FALSE);
}

static struct scsi flush_command(UINT32 btl, UCHAR block, UCHAR count)
{
    return (struct scsi){ .btl = btl, .direction = DATA_NONE, .cdb_length = 16,
        .cdb = { 0x91, [9] = block, [13] = count } };
}

static void flush_range(UCHAR block, UCHAR count)
{
    UINT32 btl = unit_with(BLOCK, TRUE, FALSE);
    struct scsi command = flush_command(btl, block, count);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;
    UCHAR data[BLOCK];

    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    check_range(&req, SpdIoctlTransactFlushKind, block, count);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), 0);
    check_moved(&command, 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_flush_is_served(void)
{
    flush_range(7, 5);
}

/* The original drops it, and with it every FlushFileBuffers. */
static void a_flush_to_the_end_is_served(void)
{
    flush_range(0, 0);
}

static void an_unmap_is_served(void)
{
    UINT32 btl = unit_with(BLOCK, FALSE, TRUE), i;
    UCHAR list[8 + 3 * 16] = { 0, 54, 0, 48 }, data[BLOCK];
    struct scsi command = { .btl = btl, .direction = DATA_OUT, .data = list,
        .length = sizeof list, .cdb_length = 10, .cdb = { 0x42, [8] = sizeof list } };
    const SPD_IOCTL_UNMAP_DESCRIPTOR *descriptors = (const void *)data;
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    for (i = 0; i < 3; i++) {
        list[8 + 16 * i + 7] = (UCHAR)(7 - i);
        list[8 + 16 * i + 11] = (UCHAR)(1 + i);
    }
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(req.Kind, SpdIoctlTransactUnmapKind);
    CHECK_EQUAL(req.Op.Unmap.Count, 3);
    for (i = 0; i < 3; i++) {
        CHECK_EQUAL(descriptors[i].BlockAddress, 7 - i);
        CHECK_EQUAL(descriptors[i].BlockCount, 1 + i);
        CHECK_EQUAL(descriptors[i].Reserved, 0);
    }
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), 0);
    check_moved(&command, sizeof list);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void an_error_reaches_the_requester(void)
{
    UINT32 btl = unit_with(5 * BLOCK, FALSE, FALSE);
    UCHAR data[5 * BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, sizeof data), 0);
    rsp = good_response(&req);
    rsp.Status = (SPD_IOCTL_STORAGE_UNIT_STATUS){ .ScsiStatus = 2, .SenseKey = 3, .ASC = 0x15,
        .ASCQ = 2, .Information = 11, .InformationValid = 1 };
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, sizeof data), 0);
    scsi_wait(&command);
    check_sense(&command, 3, 0x15, 2);
    CHECK_EQUAL(command.sense[0], 0xf0);
    CHECK_EQUAL(command.sense[6], 11);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void unprovision_ends_what_was_taken(void)
{
    UINT32 btl = unit_with(BLOCK, FALSE, FALSE);
    UCHAR data[BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 1, 1, data);
    SPD_IOCTL_TRANSACT_REQ req;

    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    scsi_wait(&command);
    CHECK(command.error != 0);
    CHECK_EQUAL(transact(btl, NULL, &req, data, 0, BLOCK), ERROR_OPERATION_ABORTED);
}

static void a_waiting_server_ends_with_its_unit(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    struct server server;
    UINT32 btl = provision_good(&params);

    server_start(&server, &params, btl, 4);
    WAIT_UNTIL(!has_double() || double_state().service_irps >= 5); /* and the lifetime request */
    CHECK_EQUAL(unprovision(&guid_a), 0);
    server_end(&server);
}

static void late_and_forged_responses_are_ignored(void)
{
    UINT32 btl = unit_with(BLOCK, FALSE, FALSE);
    UCHAR data[BLOCK], answer[BLOCK];
    struct scsi command = scsi_move(btl, DATA_IN, 3, 1, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp, forged = { .Hint = 0x123456789abcdefULL, .Kind = 1 };

    CHECK_EQUAL(transact(btl, &forged, NULL, NULL, 0, BLOCK), 0);
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, answer, 0, BLOCK), 0);
    forged.Hint = req.Hint ^ 0x100000000ULL;
    CHECK_EQUAL(transact(btl, &forged, NULL, NULL, 0, BLOCK), 0);
    fill_pattern(answer, 3, 1, 0);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, answer, BLOCK, BLOCK), 0);
    check_moved(&command, BLOCK);
    CHECK(is_pattern(data, 3, 1, 0));
    CHECK_EQUAL(transact(btl, &rsp, NULL, answer, BLOCK, BLOCK), 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_read_without_data_is_zeros(void)
{
    UINT32 btl = unit_with(BLOCK, FALSE, FALSE);
    UCHAR data[BLOCK], zeros[BLOCK] = { 0 };
    struct scsi command = scsi_move(btl, DATA_IN, 3, 1, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp;

    memset(data, 0x77, sizeof data);
    scsi_start(&command);
    CHECK_EQUAL(transact(btl, NULL, &req, zeros, 0, BLOCK), 0);
    rsp = good_response(&req);
    CHECK_EQUAL(transact(btl, &rsp, NULL, NULL, 0, BLOCK), 0);
    check_moved(&command, BLOCK);
    CHECK(!memcmp(data, zeros, BLOCK));
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void bad_transactions_are_refused(void)
{
    UINT32 btl = unit_with(BLOCK, FALSE, FALSE);
    SPD_IOCTL_TRANSACT_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_TRANSACT }, .Btl = btl };
    SPD_IOCTL_TRANSACT_RSP rsp = { .Hint = 1 };

    CHECK_EQUAL(transact(btl, NULL, NULL, NULL, 0, BLOCK), ERROR_INVALID_PARAMETER);
    block.ReqValid = 1;
    CHECK_EQUAL(service(adapter, &block, sizeof block, &block, sizeof block, NULL),
        ERROR_INVALID_PARAMETER); /* no DataBuffer */
    CHECK_EQUAL(transact(BTL(5), &rsp, NULL, NULL, 0, BLOCK), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(transact(BTL(200), &rsp, NULL, NULL, 0, BLOCK), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(transact(btl | 1, &rsp, NULL, NULL, 0, BLOCK), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(transact(btl | 1 << 16, &rsp, NULL, NULL, 0, BLOCK), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

struct client {
    UINT32 btl;
    UCHAR seed;
    HANDLE thread;
};

static DWORD WINAPI client_thread(void *context)
{
    struct client *client = context;
    UCHAR data[3 * BLOCK], back[3 * BLOCK];
    UINT64 block = client->seed * 64;
    unsigned i;

    for (i = 0; i < 40; i++) {
        struct scsi out, in;

        fill_pattern(data, block + i, 3, (UCHAR)(client->seed + i));
        out = scsi_move(client->btl, DATA_OUT, block + i, 3, data);
        scsi_run(&out);
        in = scsi_move(client->btl, DATA_IN, block + i, 3, back);
        scsi_run(&in);
        if (out.error || out.status || in.error || in.status || memcmp(data, back, sizeof data))
            return 1;
    }
    return 0;
}

/* Two units of two servers each, and two clients a unit, with requests in chunks. */
static void two_servers_and_four_clients(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = small_unit(&guid_a), b = small_unit(&guid_b);
    struct server servers[2];
    struct client clients[4];
    DWORD code;
    unsigned i;

    a.BlockCount = b.BlockCount = 1024;
    b.MaxTransferLength = 2 * BLOCK;
    server_start(&servers[0], &a, provision_good(&a), 2);
    server_start(&servers[1], &b, provision_good(&b), 2);
    scsi_ready(servers[0].btl);
    scsi_ready(servers[1].btl);
    for (i = 0; i < 4; i++) {
        clients[i] = (struct client){ .btl = servers[i % 2].btl, .seed = (UCHAR)i };
        clients[i].thread = CreateThread(NULL, 0, client_thread, &clients[i], 0, NULL);
    }
    for (i = 0; i < 4; i++) {
        CHECK_EQUAL(WaitForSingleObject(clients[i].thread, PATIENCE), WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(clients[i].thread, &code));
        CHECK_EQUAL(code, 0);
    }
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(unprovision(&guid_b), 0);
    server_end(&servers[0]);
    server_end(&servers[1]);
}

const struct test transact_tests[] = {
    { "a read is served", a_read_is_served, "ioctl_transact_read_test" },
    { "a direct read is served", a_direct_read_is_served },
    { "a long read comes in chunks", a_long_read_comes_in_chunks,
        "ioctl_transact_read_chunked_test" },
    { "a write is served", a_write_is_served, "ioctl_transact_write_test" },
    { "a direct write is served", a_direct_write_is_served },
    { "a long write comes in chunks", a_long_write_comes_in_chunks,
        "ioctl_transact_write_chunked_test" },
    { "a flush is served", a_flush_is_served, "ioctl_transact_flush_test" },
    { "a flush to the end is served", a_flush_to_the_end_is_served },
    { "an unmap is served", an_unmap_is_served, "ioctl_transact_unmap_test" },
    { "an error reaches the requester", an_error_reaches_the_requester,
        "ioctl_transact_error_test" },
    { "unprovision ends what was taken", unprovision_ends_what_was_taken,
        "ioctl_transact_cancel_test" },
    { "a waiting server ends with its unit", a_waiting_server_ends_with_its_unit },
    { "late and forged responses are ignored", late_and_forged_responses_are_ignored },
    { "a read without data is zeros", a_read_without_data_is_zeros },
    { "bad transactions are refused", bad_transactions_are_refused },
    { "two servers and four clients", two_servers_and_four_clients },
    { 0 }
};
