/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Several requests and several answers in one transaction. */

#include "rig.h"

#include "ioq/batch.h"

enum { LIMIT = 2048, BOXES = 8, HEAD = sizeof(SPD_IOCTL_BATCH_PARAMS), ENTRY = 56 };

static struct shim_srb boxes[BOXES];
static UCHAR data[BOXES][LIMIT];
static UINT32 btl;

/* A batch on its way in and out. */
static struct batch {
    PIRP irp;
    ULONG in_length, written;
    union {
        SPD_IOCTL_BATCH_PARAMS head;
        UCHAR bytes[RIG_DATA_MAX];
    } in, out;
} one, two;

static void provision(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, LIMIT);

    params.CacheSupported = 1;
    params.UnmapSupported = 1;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
}

static void start(struct batch *batch)
{
    memset(&batch->in, 0, sizeof batch->in);
    batch->in.head.Base = (SPD_IOCTL_BASE_PARAMS){ HEAD, SPD_IOCTL_BATCH };
    batch->in.head.Btl = btl;
    batch->in_length = HEAD;
}

static SPD_IOCTL_BATCH_ENTRY *add(struct batch *batch, UINT64 hint, UINT8 kind, UINT32 length)
{
    SPD_IOCTL_BATCH_ENTRY *entry = (void *)(batch->in.bytes + batch->in_length);

    entry->Length = length;
    entry->Dir.Rsp.Hint = hint;
    entry->Dir.Rsp.Kind = kind;
    memset(entry + 1, 0xa0 + (int)batch->in.head.Count, length);
    batch->in.head.Count++;
    batch->in_length += (ULONG)ioq_entry_size(length);
    return entry;
}

static void send(struct batch *batch, UINT32 wanted, ULONG room)
{
    batch->in.head.Wanted = wanted;
    memset(&batch->out, 0xee, sizeof batch->out);
    batch->irp = shim_ioctl_begin(program.process, &batch->in, batch->in_length, &batch->out, room);
}

static NTSTATUS end(struct batch *batch)
{
    return shim_ioctl_end(batch->irp, &batch->written);
}

static NTSTATUS run(struct batch *batch, UINT32 wanted, ULONG room)
{
    send(batch, wanted, room);
    if (!shim_ioctl_done(batch->irp))
        shim_ioctl_cancel(batch->irp);
    return end(batch);
}

static const SPD_IOCTL_BATCH_ENTRY *entry_at(const struct batch *batch, unsigned n)
{
    struct ioq_entry *entry = (struct ioq_entry *)(batch->out.bytes + HEAD);

    while (n--)
        entry = ioq_entry_next(entry);
    return (const SPD_IOCTL_BATCH_ENTRY *)entry;
}

static void read_at(unsigned i, uint32_t blocks)
{
    rig_read(&boxes[i], 0, i, blocks, data[i]);
    shim_srb_send(&boxes[i]);
}

static void write_at(unsigned i, uint32_t blocks)
{
    rig_pattern(data[i], i, blocks);
    rig_write(&boxes[i], 0, i, blocks, data[i]);
    shim_srb_send(&boxes[i]);
}

static void free_boxes(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        shim_srb_free(&boxes[i]);
}

static void take(struct batch *batch, UINT32 wanted, ULONG room, unsigned expected)
{
    start(batch);
    assert_int_equal(run(batch, wanted, room), STATUS_SUCCESS);
    assert_int_equal(batch->out.head.Count, expected);
}

static void test_what_waits_comes_together(void **state)
{
    (void)state;
    provision();
    read_at(0, 2);
    write_at(1, 3);
    rig_flush(&boxes[2], 0, 0, 0);
    shim_srb_send(&boxes[2]);
    take(&one, 8, sizeof one.out, 3);
    assert_int_equal(one.out.head.Wanted, 0);
    assert_int_equal(one.written, HEAD + 3 * ENTRY + 3 * RIG_BLOCK);
    assert_int_equal(entry_at(&one, 0)->Dir.Req.Kind, SpdIoctlTransactReadKind);
    assert_int_equal(entry_at(&one, 1)->Dir.Req.Kind, SpdIoctlTransactWriteKind);
    assert_memory_equal(entry_at(&one, 1) + 1, data[1], 3 * RIG_BLOCK);
    assert_int_equal(entry_at(&one, 2)->Dir.Req.Kind, SpdIoctlTransactFlushKind);
    start(&two);
    add(&two, entry_at(&one, 2)->Dir.Req.Hint, SpdIoctlTransactFlushKind, 0);
    add(&two, entry_at(&one, 0)->Dir.Req.Hint, SpdIoctlTransactReadKind, 2 * RIG_BLOCK);
    add(&two, entry_at(&one, 1)->Dir.Req.Hint, SpdIoctlTransactWriteKind, 0);
    assert_int_equal(run(&two, 0, 0), STATUS_SUCCESS);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(boxes[i].srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(data[0][0], 0xa1);
    assert_int_equal(data[0][2 * RIG_BLOCK - 1], 0xa1);
    free_boxes(3);
}

static void test_a_waiting_call_gets_one_and_is_not_kept(void **state)
{
    (void)state;
    provision();
    start(&one);
    send(&one, 8, HEAD + ENTRY + LIMIT);
    assert_false(shim_ioctl_done(one.irp));
    read_at(0, 1);
    assert_true(shim_ioctl_done(one.irp));
    read_at(1, 1);
    assert_int_equal(end(&one), STATUS_SUCCESS);
    assert_int_equal(one.out.head.Count, 1);
    assert_int_equal(one.out.head.Wanted, 0);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(2);
}

static void test_waiting_calls_have_one_each(void **state)
{
    (void)state;
    provision();
    start(&one);
    start(&two);
    send(&one, 8, sizeof one.out);
    send(&two, 8, sizeof two.out);
    read_at(0, 1);
    read_at(1, 1);
    assert_int_equal(end(&one), STATUS_SUCCESS);
    assert_int_equal(end(&two), STATUS_SUCCESS);
    assert_int_equal(one.out.head.Count, 1);
    assert_int_equal(two.out.head.Count, 1);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(2);
}

/* Counting what the answers need, of which a read's is as long as a write's request. */
static void test_what_does_not_fit_stays_queued(void **state)
{
    (void)state;
    provision();
    read_at(0, 4);
    read_at(1, 1);
    read_at(2, 1);
    take(&one, 8, HEAD + ENTRY + LIMIT, 1);
    assert_int_equal(one.out.head.Wanted, 2);
    take(&one, 8, HEAD + 2 * (ENTRY + RIG_BLOCK) + LIMIT, 2);
    assert_int_equal(one.out.head.Wanted, 0);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(3);
}

static void test_no_more_than_wanted(void **state)
{
    (void)state;
    provision();
    for (unsigned i = 0; i < 4; i++)
        read_at(i, 1);
    take(&one, 3, sizeof one.out, 3);
    assert_int_equal(one.out.head.Wanted, 1);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(4);
}

/* An answer is refused, one is unknown, one was answered before: the others are taken. */
static void test_a_bad_answer_loses_no_other(void **state)
{
    UINT64 hints[3];

    (void)state;
    provision();
    for (unsigned i = 0; i < 3; i++)
        read_at(i, 1);
    take(&one, 8, sizeof one.out, 3);
    for (unsigned i = 0; i < 3; i++)
        hints[i] = entry_at(&one, i)->Dir.Req.Hint;
    start(&two);
    add(&two, 0x123456789, SpdIoctlTransactReadKind, RIG_BLOCK);
    add(&two, hints[1], SpdIoctlTransactWriteKind, 0); /* another kind */
    add(&two, hints[2], SpdIoctlTransactReadKind, RIG_BLOCK / 2); /* too few data */
    add(&two, hints[0], SpdIoctlTransactReadKind, RIG_BLOCK);
    add(&two, hints[0], SpdIoctlTransactReadKind, RIG_BLOCK); /* again */
    assert_int_equal(run(&two, 8, sizeof two.out), STATUS_INVALID_PARAMETER);
    assert_true(boxes[0].done && !boxes[1].done && !boxes[2].done);
    start(&two);
    add(&two, hints[1], SpdIoctlTransactReadKind, RIG_BLOCK);
    add(&two, hints[2], SpdIoctlTransactReadKind, 0); /* zeros */
    assert_int_equal(run(&two, 0, 0), STATUS_SUCCESS);
    assert_int_equal(boxes[1].srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(data[2][0], 0);
    free_boxes(3);
}

static void test_malformed_batches_are_refused_as_a_whole(void **state)
{
    UINT64 hint;
    SPD_IOCTL_BATCH_ENTRY *entry;

    (void)state;
    provision();
    read_at(0, 1);
    take(&one, 8, sizeof one.out, 1);
    hint = entry_at(&one, 0)->Dir.Req.Hint;
    for (unsigned fault = 0; fault < 7; fault++) {
        start(&two);
        entry = add(&two, hint, SpdIoctlTransactReadKind, RIG_BLOCK);
        switch (fault) {
        case 0: two.in.head.Count = 2; break;
        case 1: two.in.head.Count = UINT32_MAX; break;
        case 2: two.in.head.Count = 0; break;
        case 3: entry->Length = UINT32_MAX; break;
        case 4: entry->Length = RIG_BLOCK - 8; break;
        case 5: entry->Reserved = 1; break;
        default: two.in.head.Reserved = 1; break;
        }
        assert_int_equal(run(&two, 0, 0), STATUS_INVALID_PARAMETER);
        assert_false(boxes[0].done);
    }
    start(&two);
    assert_int_equal(run(&two, 0, 0), STATUS_INVALID_PARAMETER); /* nothing at all */
    assert_int_equal(run(&two, 1, HEAD - 8), STATUS_INVALID_PARAMETER);
    assert_int_equal(run(&two, 1, HEAD + ENTRY + LIMIT - 8), STATUS_ACCESS_VIOLATION);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(1);
}

static unsigned copies;

/* While the third write is moved, the second one is aborted. */
static void abort_at_third(size_t length)
{
    struct shim_srb *box;

    if (length != 3 * RIG_BLOCK || ++copies != 3)
        return;
    shim.on_copy = NULL;
    box = &boxes[7];
    shim_srb_init(box, SRB_FUNCTION_ABORT_COMMAND, 0);
    box->srb.NextSrb = &boxes[1].srb;
    shim_srb_send(box);
}

static void test_one_that_is_aborted_meanwhile_is_not_brought(void **state)
{
    (void)state;
    provision();
    for (unsigned i = 0; i < 3; i++)
        write_at(i, 3);
    copies = 0;
    shim.on_copy = abort_at_third;
    take(&one, 8, sizeof one.out, 3);
    shim.on_copy = NULL;
    assert_int_equal(copies, 3);
    assert_true(boxes[1].done && boxes[7].done);
    assert_int_equal(boxes[1].srb.SrbStatus, SRB_STATUS_ABORTED);
    assert_true(entry_at(&one, 0)->Dir.Req.Hint != 0);
    assert_true(entry_at(&one, 1)->Dir.Req.Hint == 0);
    assert_true(entry_at(&one, 2)->Dir.Req.Hint != 0);
    assert_memory_equal(entry_at(&one, 2) + 1, data[2], 3 * RIG_BLOCK);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(3);
    shim_srb_free(&boxes[7]);
}

static void test_counts(void **state)
{
    SPD_IOCTL_COUNTS_PARAMS counts = { .Base = { sizeof counts, SPD_IOCTL_COUNTS } };

    (void)state;
    provision();
    for (unsigned i = 0; i < 3; i++)
        read_at(i, 1);
    take(&one, 2, sizeof one.out, 2);
    take(&one, 2, sizeof one.out, 1);
    assert_int_equal(shim_ioctl(program.process, &counts, sizeof counts, &counts, sizeof counts,
        NULL), STATUS_SUCCESS);
    assert_int_equal(counts.Dir.Ret.Calls, 2);
    assert_int_equal(counts.Dir.Ret.Requests, 3);
    assert_int_equal(counts.Dir.Ret.Together, 2);
    assert_int_equal(rig_unprovision(&program, 0), STATUS_SUCCESS);
    free_boxes(3);
}

/* A program that says its version gets the driver's, and another one is logged. */
static void test_versions(void **state)
{
    SPD_IOCTL_VERSIONED_LIFETIME_PARAMS life = {
        .Base = { sizeof life, SPD_IOCTL_LIFETIME }, .Version = SPD_IOCTL_VERSION,
    };
    SPD_IOCTL_PROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_PROVISION } };
    PEPROCESS process = shim_process(300);
    PIRP first = shim_ioctl_begin(process, &life, sizeof life, NULL, 0), second;
    ULONG before = shim.events;

    (void)state;
    block.Dir.Par.StorageUnitParams = rig_params(1, LIMIT);
    assert_int_equal(
        shim_ioctl(process, &block, sizeof block, &block, sizeof block, NULL), STATUS_SUCCESS);
    assert_int_equal(block.Dir.Ret.Version, SPD_IOCTL_VERSION);
    assert_int_equal(shim.events, before + 1);
    life.Version = SPD_IOCTL_VERSION + 5;
    second = shim_ioctl_begin(process, &life, sizeof life, NULL, 0);
    block.Dir.Par.StorageUnitParams = rig_params(2, LIMIT);
    assert_int_equal(
        shim_ioctl(process, &block, sizeof block, &block, sizeof block, NULL), STATUS_SUCCESS);
    assert_int_equal(block.Dir.Ret.Version, SPD_IOCTL_VERSION);
    assert_string_equal(shim.event, "unit 1: its program speaks version 7, this driver 2");
    shim_process_exit(process);
    shim_ioctl_end(first, NULL);
    shim_ioctl_end(second, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_waits_comes_together, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_waiting_call_gets_one_and_is_not_kept, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_waiting_calls_have_one_each, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(
            test_what_does_not_fit_stays_queued, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_no_more_than_wanted, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_a_bad_answer_loses_no_other, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(
            test_malformed_batches_are_refused_as_a_whole, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(
            test_one_that_is_aborted_meanwhile_is_not_brought, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_counts, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_versions, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
