/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The calls of winspd/ioctl.h, one a code, as programs made for the original use them. */

#include "api.h"

static void check_provision(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, DWORD error, UINT32 btl)
{
    UINT32 found = 0x55555555;

    CHECK_EQUAL(SpdIoctlProvision(device, params, &found), error);
    CHECK_EQUAL(found, btl);
}

static UINT32 unit(UINT32 max_blocks)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = api_params(&guid_a, max_blocks);

    check_provision(&params, 0, TARGET(0));
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, TARGET(0), NULL, PATIENCE), 0);
    return TARGET(0);
}

static void units_come_are_listed_and_go(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = api_params(&guid_a, 1), b = api_params(&guid_b, 1);
    SPD_IOCTL_STORAGE_UNIT_PARAMS bad = { 0 };
    UINT32 list[16], size = 4;

    check_provision(&bad, ERROR_INVALID_PARAMETER, (UINT32)-1);
    bad.Guid = guid_a;
    check_provision(&bad, ERROR_INVALID_PARAMETER, (UINT32)-1);
    bad = a;
    bad.MaxTransferLength = BLOCK + 1;
    check_provision(&bad, ERROR_INVALID_PARAMETER, (UINT32)-1);
    check_provision(&a, 0, TARGET(0));
    check_provision(&a, ERROR_ALREADY_EXISTS, (UINT32)-1);
    check_provision(&b, 0, TARGET(1));
    CHECK_EQUAL(SpdIoctlGetList(device, list, &size), ERROR_INSUFFICIENT_BUFFER);
    CHECK_EQUAL(size, 4);
    size = sizeof list;
    CHECK_EQUAL(SpdIoctlGetList(device, list, &size), 0);
    CHECK_EQUAL(size, 8);
    CHECK_EQUAL(list[0], TARGET(0));
    CHECK_EQUAL(list[1], TARGET(1));
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_b), 0);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), ERROR_FILE_NOT_FOUND);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_b), ERROR_FILE_NOT_FOUND);
}

static void as_many_units_as_targets(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1);
    UINT32 i;

    for (i = 0; i < SPD_IOCTL_STORAGE_UNIT_CAPACITY; i++) {
        params.Guid.Data1 = i;
        check_provision(&params, 0, TARGET(i));
    }
    params.Guid.Data1 = i;
    check_provision(&params, ERROR_CANNOT_MAKE, (UINT32)-1);
    while (i--) {
        params.Guid.Data1 = i;
        CHECK_EQUAL(SpdIoctlUnprovision(device, &params.Guid), 0);
    }
}

/* The next request of the unit. */
static SPD_IOCTL_TRANSACT_REQ request(UINT32 btl, UINT8 kind, PVOID data)
{
    SPD_IOCTL_TRANSACT_REQ req;

    memset(&req, 0x55, sizeof req);
    CHECK_EQUAL(SpdIoctlTransact(device, btl, NULL, &req, data), 0);
    CHECK(req.Hint != 0);
    CHECK_EQUAL(req.Kind, kind);
    return req;
}

static void answer(UINT32 btl, const SPD_IOCTL_TRANSACT_REQ *req, PVOID data)
{
    SPD_IOCTL_TRANSACT_RSP rsp = { .Hint = req->Hint, .Kind = req->Kind };

    CHECK_EQUAL(SpdIoctlTransact(device, btl, &rsp, NULL, data), 0);
}

static void a_read_comes_in_chunks(void)
{
    UCHAR data[5 * BLOCK] = { 0 }, buffer[3 * BLOCK];
    UINT32 btl = unit(3), at, count;
    struct command command = api_move(btl, FALSE, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;

    api_start(&command);
    for (at = 7; at < 12; at += count) {
        count = at == 7 ? 3 : 2;
        req = request(btl, SpdIoctlTransactReadKind, buffer);
        CHECK_EQUAL(req.Op.Read.BlockAddress, at);
        CHECK_EQUAL(req.Op.Read.BlockCount, count);
        CHECK_EQUAL(req.Op.Read.ForceUnitAccess, 1);
        CHECK_EQUAL(req.Op.Read.Reserved, 0);
        fill_pattern(buffer, at, count, 5);
        answer(btl, &req, buffer);
    }
    api_wait(&command);
    CHECK(api_good(&command));
    CHECK_EQUAL(command.length, sizeof data);
    CHECK(is_pattern(data, 7, 5, 5));
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

/* A call answers a request and takes the next. */
static void a_write_is_answered_by_the_next_transaction(void)
{
    UCHAR data[5 * BLOCK], buffer[3 * BLOCK] = { 0 };
    UINT32 btl = unit(3);
    struct command command = api_move(btl, TRUE, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;
    SPD_IOCTL_TRANSACT_RSP rsp = { 0 };

    fill_pattern(data, 7, 5, 6);
    api_start(&command);
    req = request(btl, SpdIoctlTransactWriteKind, buffer);
    CHECK_EQUAL(req.Op.Write.BlockAddress, 7);
    CHECK_EQUAL(req.Op.Write.BlockCount, 3);
    CHECK(is_pattern(buffer, 7, 3, 6));
    rsp.Hint = req.Hint;
    rsp.Kind = req.Kind;
    CHECK_EQUAL(SpdIoctlTransact(device, btl, &rsp, &req, buffer), 0);
    CHECK_EQUAL(req.Op.Write.BlockAddress, 10);
    CHECK_EQUAL(req.Op.Write.BlockCount, 2);
    CHECK(is_pattern(buffer, 10, 2, 6));
    answer(btl, &req, NULL);
    api_wait(&command);
    CHECK(api_good(&command));
    CHECK_EQUAL(command.length, sizeof data);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

static void unprovision_ends_requests_and_transactions(void)
{
    UCHAR data[BLOCK], buffer[BLOCK];
    UINT32 btl = unit(1);
    struct command command = api_move(btl, FALSE, 7, 1, data);
    SPD_IOCTL_TRANSACT_REQ req;

    api_start(&command);
    request(btl, SpdIoctlTransactReadKind, buffer);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
    api_wait(&command);
    CHECK(command.error != 0);
    CHECK_EQUAL(
        SpdIoctlTransact(device, btl, NULL, &req, buffer), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(SpdIoctlSetTransactProcessId(device, btl, GetCurrentProcessId()),
        ERROR_OPERATION_ABORTED);
}

static void inquiry_fails_where_no_unit_is(void)
{
    INQUIRYDATA inquiry;
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1);

    CHECK(SpdIoctlScsiInquiry(device, TARGET(0), NULL, 100) != 0);
    memcpy(params.ProductId, "Sixteen letters.", 16);
    check_provision(&params, 0, TARGET(0));
    CHECK_EQUAL(SpdIoctlScsiInquiry(device, TARGET(0), &inquiry, PATIENCE), 0);
    CHECK_BYTES(inquiry.VendorId, "WinSpd  ", 8);
    CHECK_BYTES(inquiry.ProductId, "Sixteen letters.", 16);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

/* Groups of operation codes whose CDBs have no fixed length. */
static void commands_of_unknown_length_are_refused(void)
{
    static const UCHAR codes[] = { 0x60, 0x7f, 0xc0, 0xff };
    UCHAR status = 0x55, sense[32];
    CDB cdb = { 0 };
    unsigned i;

    for (i = 0; i < sizeof codes; i++) {
        cdb.AsByte[0] = codes[i];
        CHECK_EQUAL(SpdIoctlScsiExecute(device, TARGET(0), &cdb, 0, NULL, NULL, &status, sense),
            ERROR_INVALID_PARAMETER);
    }
    CHECK_EQUAL(status, 0x55);
}

static void sense_comes_with_a_status_only(void)
{
    static const UCHAR lengths[][2] = { { 0x00, 6 }, { 0x28, 10 }, { 0xa8, 12 }, { 0x88, 16 } };
    UCHAR data[BLOCK], sense[32], untouched[32];
    UINT32 btl = unit(1), length = sizeof data;
    UCHAR status = 0x55;
    CDB cdb = { 0 };
    unsigned i;

    memset(untouched, 0x33, sizeof untouched);
    memset(sense, 0x33, sizeof sense);
    cdb.AsByte[0] = SCSIOP_TEST_UNIT_READY;
    CHECK_EQUAL(SpdIoctlScsiExecute(device, btl, &cdb, 0, NULL, NULL, &status, sense), 0);
    CHECK_EQUAL(status, SCSISTAT_GOOD);
    CHECK_BYTES(sense, untouched, sizeof sense);
    cdb.AsByte[0] = SCSIOP_READ_CAPACITY;
    CHECK_EQUAL(SpdIoctlScsiExecute(device, btl, &cdb, 1, data, &length, &status, sense), 0);
    CHECK_EQUAL(length, 8);
    /* An address beyond the end, where the CDB of each length has it, is a refused command. */
    for (i = 1; i < sizeof lengths / sizeof *lengths; i++) {
        memset(&cdb, 0, sizeof cdb);
        cdb.AsByte[0] = lengths[i][0];
        cdb.AsByte[lengths[i][1] == 16 ? 9 : 5] = 16;
        cdb.AsByte[lengths[i][1] == 10 ? 8 : lengths[i][1] - 3] = 1;
        length = BLOCK;
        CHECK_EQUAL(SpdIoctlScsiExecute(device, btl, &cdb, 1, data, &length, &status, sense), 0);
        CHECK_EQUAL(status, SCSISTAT_CHECK_CONDITION);
        CHECK_EQUAL(sense[2], SCSI_SENSE_ILLEGAL_REQUEST);
        CHECK_EQUAL(sense[12], 0x21);
        CHECK_EQUAL(length, 0);
    }
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

static void bad_transactions_are_refused(void)
{
    UINT32 btl = unit(1);
    SPD_IOCTL_TRANSACT_RSP rsp = { .Hint = 1, .Kind = SpdIoctlTransactReadKind };
    SPD_IOCTL_TRANSACT_REQ req;
    UCHAR buffer[BLOCK] = { 0 };

    CHECK_EQUAL(SpdIoctlTransact(device, btl, NULL, NULL, buffer), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(SpdIoctlTransact(device, btl, NULL, &req, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(
        SpdIoctlTransact(device, TARGET(9), NULL, &req, buffer), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(
        SpdIoctlTransact(device, btl | 1, NULL, &req, buffer), ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(SpdIoctlTransact(device, btl, &rsp, NULL, buffer), 0); /* answers nothing */
    CHECK_EQUAL(SpdIoctlSetTransactProcessId(device, TARGET(9), GetCurrentProcessId()),
        ERROR_OPERATION_ABORTED);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

/* Children. */

static int child_dies(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = api_params(&guid_a, 1);

    check_provision(&params, 0, TARGET(0));
    CHECK(CloseHandle(device));
    return 0;
}

static int child_without_rights(void)
{
    SPD_IOCTL_TRANSACT_REQ req;
    UCHAR buffer[BLOCK];

    CHECK_EQUAL(SpdIoctlTransact(device, TARGET(0), NULL, &req, buffer), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), ERROR_ACCESS_DENIED);
    CHECK_EQUAL(SpdIoctlSetTransactProcessId(device, TARGET(0), GetCurrentProcessId()),
        ERROR_ACCESS_DENIED);
    CHECK_EQUAL(api_units(), 1);
    return 0;
}

static int child_transacts(void)
{
    UCHAR data[5 * BLOCK], buffer[5 * BLOCK];
    struct command command = api_move(TARGET(0), FALSE, 7, 5, data);
    SPD_IOCTL_TRANSACT_REQ req;

    api_start(&command);
    req = request(TARGET(0), SpdIoctlTransactReadKind, buffer);
    fill_pattern(buffer, 7, 5, 3);
    answer(TARGET(0), &req, buffer);
    api_wait(&command);
    CHECK(api_good(&command));
    CHECK(is_pattern(data, 7, 5, 3));
    return 0;
}

int api_child(const char *child)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } children[] = {
        { "api: dies", child_dies },
        { "api: serves", api_serve },
        { "api: without rights", child_without_rights },
        { "api: transacts", child_transacts },
    };
    unsigned i;

    for (i = 0; i < sizeof children / sizeof *children; i++) {
        if (!strcmp(children[i].name, child)) {
            api_begin();
            return children[i].run();
        }
    }
    return CHILD_UNKNOWN;
}

static void units_end_with_their_process(void)
{
    CHECK_EQUAL(end_of_child(start_child("api: dies", "-", FALSE, NULL)), 0);
    CHECK_EQUAL(api_units(), 0);
}

static void another_process_has_no_rights(void)
{
    unit(1);
    CHECK_EQUAL(end_of_child(start_child("api: without rights", "-", FALSE, NULL)), 0);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

/* It has to find out how long transfers of the unit are. */
static void another_process_serves(void)
{
    UINT32 btl = unit(5);
    SPD_IOCTL_TRANSACT_REQ req;
    UCHAR buffer[5 * BLOCK];
    HANDLE process, thread;

    process = start_child("api: transacts", "-", TRUE, &thread);
    CHECK_EQUAL(SpdIoctlSetTransactProcessId(device, btl, GetProcessId(process)), 0);
    CHECK_EQUAL(SpdIoctlTransact(device, btl, NULL, &req, buffer), ERROR_ACCESS_DENIED);
    ResumeThread(thread);
    CHECK_EQUAL(end_of_child(process), 0);
    CloseHandle(thread);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
}

static BOOL adapter_refuses(UINT32 btl)
{
    struct command test_unit_ready = { .btl = btl };

    api_run(&test_unit_ready);
    return test_unit_ready.error != 0;
}

/* The adapter passes it no command. The length of its transfers is forgotten with the other. */
static void a_disk_of_the_system_is_served_after_another_unit_has_gone(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = api_params(&guid_a, 1), b = api_params(&guid_b, 1);
    SPD_IOCTL_TRANSACT_RSP nothing = { .Hint = 1, .Kind = SpdIoctlTransactReadKind };
    UCHAR buffer[BLOCK] = { 0 };

    memcpy(b.ProductId, "Disk", 4);
    check_provision(&a, 0, TARGET(0));
    check_provision(&b, 0, TARGET(1));
    WAIT_UNTIL(adapter_refuses(TARGET(1)));
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_a), 0);
    CHECK_EQUAL(SpdIoctlTransact(device, TARGET(1), &nothing, NULL, buffer), 0);
    CHECK_EQUAL(SpdIoctlUnprovision(device, &guid_b), 0);
}

const struct test api_call_tests[] = {
    { "calls: units come, are listed and go", units_come_are_listed_and_go },
    { "calls: as many units as targets", as_many_units_as_targets },
    { "calls: a read comes in chunks", a_read_comes_in_chunks },
    { "calls: a write is answered by the next transaction",
        a_write_is_answered_by_the_next_transaction },
    { "calls: unprovision ends requests and transactions",
        unprovision_ends_requests_and_transactions },
    { "calls: INQUIRY fails where no unit is", inquiry_fails_where_no_unit_is },
    { "calls: commands of unknown length are refused", commands_of_unknown_length_are_refused },
    { "calls: sense comes with a status only", sense_comes_with_a_status_only },
    { "calls: bad transactions are refused", bad_transactions_are_refused },
    { "calls: units end with their process", units_end_with_their_process },
    { "calls: another process has no rights", another_process_has_no_rights },
    { "calls: another process serves", another_process_serves },
    { "calls: a disk of the system is served after another unit has gone",
        a_disk_of_the_system_is_served_after_another_unit_has_gone },
    { 0 }
};
