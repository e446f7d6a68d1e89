/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Requests of StorPort besides reads and writes: resets, aborts, flushes, PnP, odd SRBs. */

#include "rig.h"

static struct rig_transact t;
static struct shim_srb box;
static UCHAR data[RIG_DATA_MAX];

static int setup(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 2560);
    UINT32 btl;

    rig_setup(state);
    params.CacheSupported = 1;
    params.UnmapSupported = 1;
    rig_provision(&program, &params, &btl);
    return 0;
}

static UCHAR in_command(const void *cdb, UCHAR length, ULONG room)
{
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, length, SRB_FLAGS_DATA_IN, data, room);
    return shim_srb_run(&box);
}

static void test_inquiry_shows_the_parameters(void **state)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };
    static const UCHAR nothing[20];

    (void)state;
    assert_int_equal(in_command(cdb, 6, 96), SRB_STATUS_SUCCESS);
    assert_memory_equal(data + 8, "WinSpd  ", 8);
    assert_memory_equal(data + 16, nothing, 20);
}

/* Known weaknesses 1 and 2. */
static void test_short_buffers_cut_the_reply(void **state)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 }, five[6] = { 0x12, [4] = 5 };

    (void)state;
    memset(data, 0xee, 64);
    assert_int_equal(in_command(cdb, 6, 8), SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, 8);
    assert_int_equal(data[8], 0xee);
    assert_int_equal(in_command(five, 6, 36), SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, 5);
}

static void test_vpd_83_says_whose_disk_it_is(void **state)
{
    static const UCHAR cdb[6] = { 0x12, 1, 0x83, 0, 255 };
    static const UCHAR designator[12] = { 1, 0, 0, 8, 'P', 'I', 'D', ' ', 0, 0, 0, 100 };

    (void)state;
    assert_int_equal(in_command(cdb, 6, 255), SRB_STATUS_SUCCESS);
    assert_memory_equal(data + box.srb.DataTransferLength - 12, designator, 12);
}

/* Known weakness 3. */
static void test_unknown_commands_have_a_sense(void **state)
{
    static const UCHAR cdb[6] = { 0x13 };

    (void)state;
    in_command(cdb, 6, 0);
    assert_int_equal(rig_sense(&box), 0x52000);
    assert_int_equal(box.srb.ScsiStatus, 2);
}

static void test_huge_block_counts_are_out_of_range(void **state)
{
    (void)state;
    rig_read(&box, 0, 0, 0x00800001, data);
    box.srb.DataTransferLength = 512;
    shim_srb_run(&box);
    assert_int_equal(rig_sense(&box), 0x52100);
}

/* Known weakness 20: 32-bit arithmetic made this a read of one block, and a good one. */
static void test_huge_block_counts_in_range_overrun(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(1, 2560);
    UINT32 btl;

    (void)state;
    params.BlockCount = 0x01000000;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    rig_read(&box, 1, 0, 0x00800001, data);
    box.srb.DataTransferLength = 512;
    shim_srb_send(&box);
    rig_take(&program, &t, btl, 2560);
    assert_int_equal(RIG_REQ(&t)->Op.Read.BlockCount, 1);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, btl, 512);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_DATA_OVERRUN);
    shim_srb_free(&box);
}

/* The requester's buffer ends within a block, of the first or of a later piece. */
static void short_read(UINT32 max_transfer_length, UINT32 piece)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(1, max_transfer_length);
    UCHAR *exact = malloc(700); /* so that the address sanitizer sees its end */
    UINT32 btl;

    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    rig_read(&box, 1, 0, 4, exact);
    box.srb.DataTransferLength = 700;
    shim_srb_send(&box);
    for (UINT32 done = 0; done < 2; done += piece) {
        rig_take(&program, &t, btl, max_transfer_length);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, done);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockCount, piece);
        rig_fill_answer(&t, 0);
        rig_pattern(RIG_IN_DATA(&t), done, piece);
        rig_answer(&program, &t, btl, piece * RIG_BLOCK);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    }
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_DATA_OVERRUN);
    assert_int_equal(box.srb.DataTransferLength, 700);
    assert_int_equal(exact[511], 1);
    assert_int_equal(exact[699], 2);
    shim_srb_free(&box);
    free(exact);
}

static void test_a_read_longer_than_its_buffer_stays_in_it(void **state)
{
    (void)state;
    short_read(2560, 2);
}

static void test_so_do_its_pieces(void **state)
{
    (void)state;
    short_read(512, 1);
}

static void test_no_sense_buffer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        rig_read(&box, 0, 99, 1, data);
        if (i == 0)
            box.srb.SenseInfoBuffer = NULL;
        else if (i == 1)
            box.srb.SenseInfoBufferLength = 0;
        else
            box.srb.SrbFlags |= SRB_FLAGS_DISABLE_AUTOSENSE;
        shim_srb_run(&box);
        assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ERROR);
        assert_int_equal(box.srb.ScsiStatus, 2); /* known weakness 34 */
    }
}

static void test_where_there_is_no_unit(void **state)
{
    static const UCHAR report_luns[12] = { 0xa0, [9] = 16 }, inquiry[6] = { 0x12, [4] = 36 };
    static const UCHAR none[8];

    (void)state;
    for (unsigned target = 1; target < 256; target += 127) {
        shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, (UCHAR)target);
        shim_srb_cdb(&box, inquiry, 6, SRB_FLAGS_DATA_IN, data, 36);
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_NO_DEVICE);
    }
    memset(data, 0xee, 16);
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 1);
    shim_srb_cdb(&box, report_luns, 12, SRB_FLAGS_DATA_IN, data, 16);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    assert_memory_equal(data, none, 8);
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, report_luns, 12, SRB_FLAGS_DATA_IN, data, 16);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    assert_int_equal(data[3], 8);
}

/* Known weakness 10. */
static void test_an_absent_lun_says_so(void **state)
{
    static const UCHAR inquiry[6] = { 0x12, [4] = 36 };

    (void)state;
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    box.srb.Lun = 1;
    shim_srb_cdb(&box, inquiry, 6, SRB_FLAGS_DATA_IN, data, 36);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    assert_int_equal(data[0], 0x7f);
}

static void test_data_of_storport_itself_is_reached(void **state)
{
    static const UCHAR cdb[6] = { 0x12, [4] = 96 };

    (void)state;
    shim.undescribed = true;
    assert_int_equal(in_command(cdb, 6, 96), SRB_STATUS_SUCCESS);
    shim.undescribed = false;
    assert_memory_equal(data + 8, "WinSpd  ", 8);
}

/* The DataBuffer of a command that moves blocks may be the address that a program has given. */
static void test_a_programs_address_is_not_used(void **state)
{
    static const UCHAR opcodes[] = { 0x08, 0x0a, 0x28, 0x2a, 0x2e, 0x2f, 0x41, 0x42, 0x88, 0x89,
        0x8a, 0x8b, 0x8e, 0x8f, 0x93, 0xa8, 0xaa, 0xae, 0xaf };

    (void)state;
    shim.undescribed = true;
    for (unsigned i = 0; i < ARRAYSIZE(opcodes); i++) {
        rig_write(&box, 0, 0, 1, (void *)0x1000);
        box.srb.Cdb[0] = opcodes[i];
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_INTERNAL_ERROR);
        assert_int_equal(box.srb.InternalStatus, (ULONG)STATUS_INSUFFICIENT_RESOURCES);
    }
    shim.undescribed = false;
}

static void test_unreachable_data_is_an_error(void **state)
{
    (void)state;
    rig_read(&box, 0, 0, 1, data);
    shim.unmapped = true;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_INTERNAL_ERROR);
    assert_int_equal(box.srb.InternalStatus, (ULONG)STATUS_INSUFFICIENT_RESOURCES);
    shim.unmapped = false;
}

/* Known weakness 24: the original aborted the abort. */
static void test_an_abort_ends_its_request(void **state)
{
    struct shim_srb other, abort_srb;

    (void)state;
    rig_read(&box, 0, 0, 1, data);
    rig_read(&other, 0, 1, 1, data);
    shim_srb_send(&box);
    shim_srb_send(&other);
    shim_srb_init(&abort_srb, SRB_FUNCTION_ABORT_COMMAND, 0);
    abort_srb.srb.NextSrb = &other.srb;
    assert_int_equal(shim_srb_run(&abort_srb), SRB_STATUS_SUCCESS);
    assert_true(other.done);
    assert_int_equal(other.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&other);
    assert_false(box.done);
    assert_int_equal(shim_srb_run(&abort_srb), SRB_STATUS_ABORT_FAILED);
    abort_srb.srb.NextSrb = &box.srb;
    assert_int_equal(shim_srb_run(&abort_srb), SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
    abort_srb.srb.TargetId = 1;
    assert_int_equal(shim_srb_run(&abort_srb), SRB_STATUS_NO_DEVICE);
}

/* Known weakness 17. */
static void resets(UCHAR function, unsigned sense)
{
    static const UCHAR ready[6] = { 0 };
    struct shim_srb reset, pending;

    rig_read(&box, 0, 0, 1, data);
    rig_read(&pending, 0, 1, 1, data);
    shim_srb_send(&box);
    rig_take(&program, &t, 0, 2560);
    shim_srb_send(&pending);
    shim_srb_init(&reset, function, 0);
    assert_int_equal(shim_srb_run(&reset), SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_ABORTED);
    assert_int_equal(pending.srb.SrbStatus, SRB_STATUS_ABORTED);
    shim_srb_free(&box);
    shim_srb_free(&pending);
    in_command(ready, 6, 0);
    assert_int_equal(rig_sense(&box), sense);
    assert_int_equal(in_command(ready, 6, 0), SRB_STATUS_SUCCESS);
}

static void test_bus_reset(void **state)
{
    (void)state;
    resets(SRB_FUNCTION_RESET_BUS, 0x62902);
    shim_srb_init(&box, SRB_FUNCTION_RESET_BUS, 0);
    box.srb.PathId = 1;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_NO_DEVICE);
    assert_false(shim_reset_bus(1));
    assert_true(shim_reset_bus(0));
}

static void test_device_reset(void **state)
{
    (void)state;
    resets(SRB_FUNCTION_RESET_DEVICE, 0x62902);
}

static void test_logical_unit_reset(void **state)
{
    (void)state;
    resets(SRB_FUNCTION_RESET_LOGICAL_UNIT, 0x62903);
    shim_srb_init(&box, SRB_FUNCTION_RESET_LOGICAL_UNIT, 1);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_NO_DEVICE);
}

/* Known weakness 7. A unit attention stays for who it is for. */
static void test_flush_and_shutdown_flush(void **state)
{
    static const UCHAR functions[] = { SRB_FUNCTION_FLUSH, SRB_FUNCTION_SHUTDOWN };
    static const UCHAR ready[6] = { 0 };

    (void)state;
    shim_reset_bus(0);
    for (unsigned i = 0; i < 2; i++) {
        shim_srb_init(&box, functions[i], 0);
        shim_srb_send(&box);
        rig_take(&program, &t, 0, 2560);
        assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactFlushKind);
        assert_int_equal(RIG_REQ(&t)->Op.Flush.BlockCount, 0);
        rig_fill_answer(&t, 0);
        rig_answer(&program, &t, 0, 0);
        rig_end(&t);
        assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
        shim_srb_free(&box);
    }
    in_command(ready, 6, 0);
    assert_int_equal(rig_sense(&box), 0x62902);
}

/* Pass-through that does not say which way the data go. */
static void test_the_command_says_which_way_its_data_go(void **state)
{
    (void)state;
    rig_write(&box, 0, 1, 1, data);
    box.srb.SrbFlags |= SRB_FLAGS_UNSPECIFIED_DIRECTION;
    shim_srb_send(&box);
    rig_take(&program, &t, 0, 2560);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, 0, 0);
    rig_end(&t);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, RIG_BLOCK);
    shim_srb_free(&box);
    rig_read(&box, 0, 1, 1, data);
    box.srb.SrbFlags |= SRB_FLAGS_UNSPECIFIED_DIRECTION;
    shim_srb_send(&box);
    rig_take(&program, &t, 0, 2560);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, 0, RIG_BLOCK);
    rig_end(&t);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, RIG_BLOCK);
    shim_srb_free(&box);
}

/* SAM-5 8.6.3 */
static void test_an_ordered_command_is_alone(void **state)
{
    struct shim_srb boxes[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        rig_read(&boxes[i], 0, i, 1, data);
        if (i == 1) {
            boxes[i].srb.SrbFlags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
            boxes[i].srb.QueueAction = SRB_ORDERED_QUEUE_TAG_REQUEST;
        }
        shim_srb_send(&boxes[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct rig_transact idle;

        rig_take(&program, &t, 0, 2560);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, i);
        rig_ask(&program, &idle, 0, 2560);
        assert_false(shim_ioctl_done(idle.irp));
        shim_ioctl_cancel(idle.irp);
        rig_end(&idle);
        rig_fill_answer(&t, 0);
        rig_answer(&program, &t, 0, 512);
        rig_end(&t);
        assert_int_equal(boxes[i].srb.SrbStatus, SRB_STATUS_SUCCESS);
        shim_srb_free(&boxes[i]);
    }
}

static void send_reserve(struct shim_srb *reserve, UCHAR *list, UCHAR action, UCHAR key,
    UCHAR action_key)
{
    const UCHAR cdb[10] = { 0x5f, action, 0x01, [8] = 24 };

    memset(list, 0, 24);
    list[7] = key;
    list[15] = action_key;
    shim_srb_init(reserve, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(reserve, cdb, 10, SRB_FLAGS_DATA_OUT, list, 24);
    shim_srb_send(reserve);
}

/* Known weakness 14. */
static void test_reservations_change_when_nothing_else_runs(void **state)
{
    enum { REGISTER = 0, PREEMPT_AND_ABORT = 5 };
    static const UCHAR read_keys[10] = { 0x5e, 0, [8] = 64 };
    struct shim_srb reads[2], reserve;
    UCHAR list[24];

    (void)state;
    send_reserve(&reserve, list, REGISTER, 0, 1);
    assert_int_equal(reserve.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&reserve);
    assert_int_equal(in_command(read_keys, 10, 64), SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, 16);
    assert_int_equal(data[15], 1);

    rig_read(&reads[0], 0, 0, 1, data);
    shim_srb_send(&reads[0]);
    rig_ask(&program, &t, 0, 2560);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    send_reserve(&reserve, list, PREEMPT_AND_ABORT, 1, 1);
    rig_read(&reads[1], 0, 1, 1, data);
    shim_srb_send(&reads[1]);
    assert_false(reserve.done);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, 0, 512);
    rig_end(&t);
    assert_int_equal(reads[0].srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(reserve.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(rig_sense(&reads[1]), 0x62f00); /* it had waited, and is aborted */
    shim_srb_free(&reads[0]);
    shim_srb_free(&reads[1]);
    shim_srb_free(&reserve);
}

static void test_more_than_the_queue_holds_is_refused(void **state)
{
    enum { DEPTH = 256 };
    struct shim_srb *boxes = calloc(DEPTH + 1, sizeof *boxes), reset;

    (void)state;
    for (unsigned i = 0; i <= DEPTH; i++) {
        rig_read(&boxes[i], 0, 0, 1, data);
        shim_srb_send(&boxes[i]);
        assert_int_equal(boxes[i].done, i == DEPTH);
    }
    assert_int_equal(boxes[DEPTH].srb.ScsiStatus, 0x28);
    shim_srb_init(&reset, SRB_FUNCTION_RESET_BUS, 0);
    shim_srb_run(&reset);
    for (unsigned i = 0; i <= DEPTH; i++)
        shim_srb_free(&boxes[i]);
    free(boxes);
}

static void test_other_functions_are_invalid(void **state)
{
    (void)state;
    shim_srb_init(&box, SRB_FUNCTION_WMI, 0);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_INVALID_REQUEST);
    shim_srb_init(&box, 0xff, 0);
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_INVALID_REQUEST);
}

static void test_capabilities_of_a_unit(void **state)
{
    STOR_DEVICE_CAPABILITIES capabilities = { 0 };
    SCSI_PNP_REQUEST_BLOCK *pnp = (SCSI_PNP_REQUEST_BLOCK *)&box.srb;

    (void)state;
    shim_srb_init(&box, SRB_FUNCTION_PNP, 0);
    pnp->PnPAction = StorQueryCapabilities;
    pnp->DataBuffer = &capabilities;
    pnp->DataTransferLength = sizeof capabilities - 1;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_INVALID_REQUEST);
    pnp->DataTransferLength = sizeof capabilities;
    assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
    assert_true(capabilities.Removable && capabilities.SurpriseRemovalOK);
}

/* Known weakness 31: it was asked on the way down. */
static void test_a_disk_is_asked_for_its_address_once_it_has_started(void **state)
{
    DEVICE_OBJECT disk = { .DeviceType = FILE_DEVICE_DISK };
    PDRIVER_DISPATCH pnp = shim.driver.MajorFunction[IRP_MJ_PNP];
    IRP start = { .stack.MinorFunction = IRP_MN_START_DEVICE };
    IRP remove = { .stack.MinorFunction = IRP_MN_REMOVE_DEVICE };
    UINT32 btls[16];

    (void)state;
    for (unsigned fails = 0; fails < 2; fails++) {
        disk.fails = !fails;
        pnp(&disk, &start); /* the shim judges when it is asked */
        pnp(&disk, &remove);
        assert_int_equal(rig_list(&program, btls, 16), !fails);
    }
}

/* Eject: Windows removes the disk, the unit goes, its program learns of it. */
static void test_removing_the_disk_removes_the_unit(void **state)
{
    DEVICE_OBJECT disk = { .DeviceType = FILE_DEVICE_DISK };
    DEVICE_OBJECT another = { .DeviceType = FILE_DEVICE_DISK, .target = 3 };
    PDRIVER_DISPATCH pnp = shim.driver.MajorFunction[IRP_MJ_PNP];
    IRP irp = { .stack.MinorFunction = IRP_MN_START_DEVICE };
    UINT32 btls[16];

    (void)state;
    pnp(&disk, &irp);
    pnp(&another, &irp);
    rig_ask(&program, &t, 0, 2560);
    irp.stack.MinorFunction = IRP_MN_REMOVE_DEVICE;
    pnp(&another, &irp);
    assert_int_equal(rig_list(&program, btls, 16), 1);
    pnp(&disk, &irp);
    assert_int_equal(rig_list(&program, btls, 16), 0);
    assert_int_equal(rig_end(&t), STATUS_CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(inquiry_shows_the_parameters),
        TEST(short_buffers_cut_the_reply),
        TEST(vpd_83_says_whose_disk_it_is),
        TEST(unknown_commands_have_a_sense),
        TEST(huge_block_counts_are_out_of_range),
        TEST(huge_block_counts_in_range_overrun),
        TEST(a_read_longer_than_its_buffer_stays_in_it),
        TEST(so_do_its_pieces),
        TEST(no_sense_buffer),
        TEST(where_there_is_no_unit),
        TEST(an_absent_lun_says_so),
        TEST(data_of_storport_itself_is_reached),
        TEST(a_programs_address_is_not_used),
        TEST(unreachable_data_is_an_error),
        TEST(an_abort_ends_its_request),
        TEST(bus_reset),
        TEST(device_reset),
        TEST(logical_unit_reset),
        TEST(flush_and_shutdown_flush),
        TEST(the_command_says_which_way_its_data_go),
        TEST(an_ordered_command_is_alone),
        TEST(reservations_change_when_nothing_else_runs),
        TEST(more_than_the_queue_holds_is_refused),
        TEST(other_functions_are_invalid),
        TEST(capabilities_of_a_unit),
        TEST(a_disk_is_asked_for_its_address_once_it_has_started),
        TEST(removing_the_disk_removes_the_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
