/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Several requests and answers in one call, with faults in the middle of them. */

#include "client.h"

enum { MAX = 5 * BLOCK, COMMANDS = 3, HEAD = sizeof(SPD_IOCTL_BATCH_PARAMS), ENTRIES = 4,
    ROOM = HEAD + ENTRIES * (sizeof(SPD_IOCTL_BATCH_ENTRY) + MAX) };

static union {
    SPD_IOCTL_BATCH_PARAMS head;
    UCHAR bytes[ROOM];
} in, out;
static DWORD in_length;

static struct scsi commands[COMMANDS];
static UCHAR data[COMMANDS][MAX];

static UINT32 unit(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 btl;

    params.MaxTransferLength = MAX;
    btl = provision_good(&params);
    scsi_ready(btl);
    return btl;
}

static void start(UINT32 btl)
{
    ZeroMemory(&in, sizeof in);
    in.head.Base = (SPD_IOCTL_BASE_PARAMS){ HEAD, SPD_IOCTL_BATCH };
    in.head.Btl = btl;
    in_length = HEAD;
}

static UCHAR *add(UINT64 hint, UINT8 kind, DWORD length)
{
    SPD_IOCTL_BATCH_ENTRY *entry = (SPD_IOCTL_BATCH_ENTRY *)(in.bytes + in_length);

    entry->Length = length;
    entry->Dir.Rsp.Hint = hint;
    entry->Dir.Rsp.Kind = kind;
    in.head.Count++;
    in_length += sizeof *entry + length;
    return (UCHAR *)(entry + 1);
}

static DWORD run(UINT32 wanted, DWORD *got)
{
    in.head.Wanted = wanted;
    return service(adapter, &in, in_length, &out, wanted ? sizeof out : 0, got);
}

/* Entries of reads and flushes have no data. */
static const SPD_IOCTL_TRANSACT_REQ *request(unsigned n)
{
    return &((const SPD_IOCTL_BATCH_ENTRY *)(out.bytes + HEAD))[n].Dir.Req;
}

/* Reads of one block at 0, 1 and 2, taken with as many calls as it needs. */
static void three_reads(UINT32 btl, UINT64 hints[COMMANDS])
{
    DWORD got = 0;
    unsigned taken = 0;

    for (unsigned i = 0; i < COMMANDS; i++) {
        commands[i] = scsi_move(btl, DATA_IN, i, 1, data[i]);
        scsi_start(&commands[i]);
    }
    while (taken < COMMANDS) {
        start(btl);
        CHECK_EQUAL(run(ENTRIES, &got), 0);
        CHECK_EQUAL(got, HEAD + out.head.Count * sizeof(SPD_IOCTL_BATCH_ENTRY));
        for (unsigned i = 0; i < out.head.Count; i++, taken++) {
            CHECK_EQUAL(request(i)->Kind, SpdIoctlTransactReadKind);
            CHECK(request(i)->Op.Read.BlockAddress < COMMANDS);
            hints[request(i)->Op.Read.BlockAddress] = request(i)->Hint;
        }
    }
    CHECK_EQUAL(taken, COMMANDS);
}

static void answer(UINT64 hint, unsigned i)
{
    fill_pattern(add(hint, SpdIoctlTransactReadKind, BLOCK), i, 1, 0);
}

static void check_read(unsigned i)
{
    scsi_wait(&commands[i]);
    CHECK_EQUAL(commands[i].error, 0);
    CHECK_EQUAL(commands[i].status, 0);
    CHECK(is_pattern(data[i], i, 1, 0));
}

static void several_are_answered_together(void)
{
    UINT32 btl = unit();
    UINT64 hints[COMMANDS];

    three_reads(btl, hints);
    start(btl);
    for (unsigned i = COMMANDS; i-- > 0;)
        answer(hints[i], i);
    CHECK_EQUAL(run(0, NULL), 0);
    for (unsigned i = 0; i < COMMANDS; i++)
        check_read(i);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_fault_in_the_middle_loses_no_other(void)
{
    UINT32 btl = unit();
    UINT64 hints[COMMANDS];

    three_reads(btl, hints);
    start(btl);
    answer(hints[0], 0);
    add(hints[1], SpdIoctlTransactWriteKind, 0);
    add(~hints[1], SpdIoctlTransactReadKind, 0);
    answer(hints[2], 2);
    CHECK_EQUAL(run(1, NULL), ERROR_INVALID_PARAMETER);
    check_read(0);
    check_read(2);
    start(btl);
    answer(hints[1], 1);
    CHECK_EQUAL(run(0, NULL), 0);
    check_read(1);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_unit_that_goes_ends_what_a_call_has_brought(void)
{
    UINT32 btl = unit();
    UINT64 hints[COMMANDS];

    three_reads(btl, hints);
    CHECK_EQUAL(unprovision(&guid_a), 0);
    for (unsigned i = 0; i < COMMANDS; i++) {
        scsi_wait(&commands[i]);
        CHECK(commands[i].error != 0);
    }
    start(btl);
    answer(hints[0], 0);
    CHECK_EQUAL(run(1, NULL), ERROR_OPERATION_ABORTED);
}

static void malformed_batches_are_refused(void)
{
    UINT32 btl = unit();

    start(btl);
    CHECK_EQUAL(run(0, NULL), ERROR_INVALID_PARAMETER);
    in.head.Count = 1;
    CHECK_EQUAL(run(1, NULL), ERROR_INVALID_PARAMETER);
    start(btl);
    add(1, SpdIoctlTransactReadKind, BLOCK);
    ((SPD_IOCTL_BATCH_ENTRY *)(in.bytes + HEAD))->Length = 0xffffffff;
    CHECK_EQUAL(run(0, NULL), ERROR_INVALID_PARAMETER);
    start(btl);
    in.head.Wanted = 1;
    CHECK_EQUAL(service(adapter, &in, in_length, &out,
        HEAD + sizeof(SPD_IOCTL_BATCH_ENTRY) + MAX - 8, NULL), ERROR_NOACCESS);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

const struct test batch_tests[] = {
    { "several are answered together", several_are_answered_together },
    { "a fault in the middle loses no other", a_fault_in_the_middle_loses_no_other },
    { "a unit that goes ends what a call has brought",
        a_unit_that_goes_ends_what_a_call_has_brought },
    { "malformed batches are refused", malformed_batches_are_refused },
    { 0 }
};
