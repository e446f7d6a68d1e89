/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Known weaknesses of the original, by their numbers in doc/compatibility.md, as an initiator sees
 * them. Others have their tests beside the rest of their subject. */

#include "rig.h"

#include "scsi/be.h"

static struct rig_transact t;
static struct shim_srb box;
static UCHAR data[4096];
static UINT32 btl;

static SPD_IOCTL_STORAGE_UNIT_PARAMS provision(SPD_IOCTL_STORAGE_UNIT_PARAMS params)
{
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_SUCCESS);
    return params;
}

/* A unit at address 0 with all that there is. */
static void provision_all(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 2560);

    params.CacheSupported = 1;
    params.UnmapSupported = 1;
    provision(params);
}

static void provision_modern(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 2560);

    params.Reserved[0] = SPD_IOCTL_MODERN_PROFILE;
    provision(params);
}

static void command(const void *cdb, UCHAR length, ULONG direction, ULONG room)
{
    if (direction == SRB_FLAGS_DATA_IN)
        memset(data, 0xee, sizeof data);
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, length, direction, data, room);
    shim_srb_run(&box);
}

#define CDB(...) ((const UCHAR[16]){ __VA_ARGS__ })

/* GOOD; the data-in. */
static const UCHAR *in(const UCHAR *cdb, UCHAR length, ULONG room)
{
    command(cdb, length, SRB_FLAGS_DATA_IN, room);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    return data;
}

static const UCHAR *vpd(UCHAR page)
{
    return in(CDB(0x12, 1, page, 1, 0), 6, 256);
}

static unsigned sense_of(const UCHAR *cdb, UCHAR length, ULONG direction, ULONG room)
{
    command(cdb, length, direction, room);
    return rig_sense(&box);
}

/* Sends a command that waits for the program, which takes the request into t. */
static void send(const UCHAR *cdb, UCHAR length, ULONG direction, ULONG room)
{
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, length, direction, data, room);
    shim_srb_send(&box);
    rig_take(&program, &t, btl, 2560);
}

static void answer(void)
{
    rig_answer(&program, &t, btl, 0);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_true(box.done);
    shim_srb_free(&box);
}

/* Known weakness 3: they ended as invalid SRBs. */
static void test_unsupported_commands_have_a_sense(void **state)
{
    (void)state;
    provision(rig_params(0, 2560));
    assert_int_equal(sense_of(CDB(0xc0), 6, 0, 0), 0x52000);
    assert_int_equal(sense_of(CDB(0x42, [8] = 24), 10, SRB_FLAGS_DATA_OUT, 24), 0x52000);
    assert_int_equal(sense_of(CDB(0x9e, 0x1f, [13] = 8), 16, SRB_FLAGS_DATA_IN, 8), 0x52400);
    command(CDB(0x35), 10, 0, 0); /* no cache: nothing to do */
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
}

/* Known weakness 4: they were internal errors. */
static void test_malformed_lengths_have_a_sense(void **state)
{
    (void)state;
    provision_all();
    memset(data, 0, sizeof data);
    assert_int_equal(sense_of(CDB(0x42, [8] = 4), 10, SRB_FLAGS_DATA_OUT, 24), 0x51a00);
    data[3] = 32;
    assert_int_equal(sense_of(CDB(0x42, [8] = 24), 10, SRB_FLAGS_DATA_OUT, 24), 0x51a00);
    assert_int_equal(sense_of(CDB(0x42, [8] = 24), 10, SRB_FLAGS_DATA_OUT, 4), 0x50e03);
    assert_int_equal(sense_of(CDB(0x28, [8] = 1), 6, SRB_FLAGS_DATA_IN, 512), 0x52400);
    command(CDB(0x28, [8] = 1), 10, SRB_FLAGS_DATA_IN, 0);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_DATA_OVERRUN);
    assert_int_equal(sense_of(CDB(0x2a, [8] = 1), 10, SRB_FLAGS_DATA_OUT, 100), 0x50e03);
}

/* Known weakness 6: it failed. */
static void test_a_protected_unit_can_be_flushed(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 2560);

    (void)state;
    params.CacheSupported = 1;
    params.WriteProtected = 1;
    provision(params);
    send(CDB(0x35), 10, 0, 0);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactFlushKind);
    rig_fill_answer(&t, 0);
    answer();
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(sense_of(CDB(0x2a, [8] = 1), 10, SRB_FLAGS_DATA_OUT, 512), 0x72700);
}

/* Known weakness 8: it was never recognised. */
static void test_mode_sense_heeds_page_control(void **state)
{
    (void)state;
    provision_all();
    assert_int_equal(in(CDB(0x1a, 8, 0x08, 0, 255), 6, 255)[4 + 2], 0x04);
    /* Changeable: WCE of the caching page, SWP of the control page; no length of a page is. */
    assert_int_equal(in(CDB(0x1a, 8, 0x48, 0, 255), 6, 255)[4 + 2], 0x04);
    assert_int_equal(in(CDB(0x1a, 8, 0x4a, 0, 255), 6, 255)[4 + 3], 0x00);
    assert_int_equal(in(CDB(0x1a, 8, 0x0a, 0, 255), 6, 255)[4 + 3], 0x10);
    assert_int_equal(sense_of(CDB(0x1a, 8, 0xc8, 0, 255), 6, SRB_FLAGS_DATA_IN, 255), 0x53900);
}

/* Known weakness 9: a short caching page, no control page, nothing to select. */
static void test_mode_pages_are_whole_and_can_be_selected(void **state)
{
    static const UCHAR select[] = { 0, 0, 0, 0, 0x0a, 0x0a, 0, 0x10, 0x08, 0, 0, 0, 0, 0, 0, 0 };

    (void)state;
    provision_all();
    assert_int_equal(in(CDB(0x1a, 8, 0x08, 0, 255), 6, 255)[4 + 1], 0x12);
    assert_int_equal(in(CDB(0x1a, 8, 0x0a, 0, 255), 6, 255)[4 + 1], 0x0a);
    memcpy(data, select, sizeof select);
    command(CDB(0x15, 0x10, 0, 0, sizeof select), 6, SRB_FLAGS_DATA_OUT, sizeof select);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(in(CDB(0x1a, 8, 0x0a, 0, 255), 6, 255)[2], 0x90); /* WP: SWP is set */
}

/* Known weakness 10. */
static void test_inquiry_has_version_descriptors(void **state)
{
    static const UCHAR sam_spc_sbc[] = { 0x00, 0xa0, 0x04, 0x60, 0x04, 0xc0 };

    (void)state;
    provision_all();
    in(CDB(0x12, [4] = 255), 6, 255);
    assert_int_equal(box.srb.DataTransferLength, 96);
    assert_memory_equal(data + 58, sam_spc_sbc, sizeof sam_spc_sbc);
}

/* Known weakness 11, which the original's profile keeps: what a disk is known by changed with each
 * run of its program. */
static void test_the_first_designator_stays_the_same(void **state)
{
    UCHAR first[4 + 8];

    (void)state;
    provision_modern();
    memcpy(first, vpd(0x83) + 4, sizeof first);
    assert_int_equal(first[0] & 0xf, 1); /* binary */
    assert_int_equal(first[1], 0x03);    /* NAA, of the logical unit */
    rig_exit(&program);
    rig_start(&program, 300);
    provision_modern();
    assert_memory_equal(vpd(0x83) + 4, first, sizeof first);
    assert_int_equal(data[box.srb.DataTransferLength - 1], 300 & 0xff); /* the PID one is last */
}

/* Known weakness 12, which the original's profile keeps. */
static void test_vpd_says_that_nothing_rotates(void **state)
{
    static const UCHAR pages[] = { 0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };

    (void)state;
    provision_modern();
    assert_memory_equal(vpd(0x00) + 4, pages, sizeof pages);
    assert_int_equal(vpd(0xb1)[5], 1);
    assert_int_equal(vpd(0x86)[5], 0x07);
}

/* Known weakness 13, which the original's profile keeps in B0h and in LBPRZ. */
static void test_sizes_of_a_block_and_of_an_unmap_are_told(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 8192);

    (void)state;
    params.UnmapSupported = 1;
    params.Reserved[0] = SPD_IOCTL_MODERN_PROFILE | SPD_IOCTL_UNMAP_ZEROS;
    params.Reserved[1] = UINT64_C(64) << 32 | 4096; /* winspd/ioctl.h */
    params.Reserved[2] = 640;
    provision(params);
    in(CDB(0x9e, 0x10, [13] = 32), 16, 32);
    assert_int_equal(data[13], 3);
    assert_int_equal(data[14], 0xc0);
    in(CDB(0x9e, 0x10, [13] = 15), 16, 15); /* LBPME came with 32 bytes only */
    assert_int_equal(box.srb.DataTransferLength, 15);
    assert_int_equal(data[14], 0xc0);
    vpd(0xb0);
    assert_int_equal(be16_get(data + 6), 8);
    assert_int_equal(be32_get(data + 20), 640);
    assert_int_equal(be32_get(data + 28), 64);
    assert_int_equal(data[32], 0x80);
}

/* The original never asked its programs for zeros, so none is promised in their name. */
static void test_zeros_are_promised_only_by_programs_that_say_so(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 8192);

    (void)state;
    params.UnmapSupported = 1;
    for (unsigned zeros = 0; zeros < 2; zeros++) {
        params.Reserved[0] = SPD_IOCTL_MODERN_PROFILE | (zeros ? SPD_IOCTL_UNMAP_ZEROS : 0);
        provision(params);
        in(CDB(0x9e, 0x10, [13] = 32), 16, 32);
        assert_int_equal(data[14], zeros ? 0xc0 : 0x80);
        vpd(0xb2);
        assert_int_equal(data[5], zeros ? 0xe4 : 0x80);
        if (!zeros)
            assert_int_equal(sense_of(CDB(0x93, 0x08, [13] = 1), 16, SRB_FLAGS_DATA_OUT, RIG_BLOCK),
                0x52400);
        rig_unprovision(&program, 0);
    }
}

/* A name that a program gives comes first, as the one that is made of the GUID would. */
static void test_a_world_wide_name_is_the_programs(void **state)
{
    static const UCHAR wwn[16] = { 0x60, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 8192);

    (void)state;
    params.Reserved[0] = SPD_IOCTL_MODERN_PROFILE;
    memcpy(&params.Reserved[3], wwn, sizeof wwn);
    provision(params);
    vpd(0x83);
    assert_int_equal(data[5], 0x03);
    assert_int_equal(data[7], 16);
    assert_memory_equal(data + 8, wwn, 16);
}

/* Known weakness 14: none of them was there. REPORT SUPPORTED OPERATION CODES says so of each. */
static void test_commands_that_windows_uses_are_supported(void **state)
{
    static const struct { UCHAR opcode, action; bool has_action; } commands[] = {
        { 0x03 }, { 0x15 }, { 0x1b }, { 0x1e }, { 0x2e }, { 0x2f }, { 0x41 }, { 0x55 }, { 0x89 },
        { 0x8e }, { 0x8f }, { 0x93 }, { 0xae }, { 0xaf }, { 0x9e, 0x12, true },
        { 0xa3, 0x0c, true }, { 0x4d }, { 0x5e, 0x00, true }, { 0x5f, 0x01, true },
    };

    (void)state;
    provision_all();
    for (unsigned i = 0; i < ARRAYSIZE(commands); i++) {
        in(CDB(0xa3, 0x0c, commands[i].has_action ? 2 : 1, commands[i].opcode, 0,
               commands[i].action, [9] = 64), 12, 64);
        assert_int_equal(data[1] & 7, 3);
    }
}

/* Known weakness 16: 32 bits of it were shown as if they were all. */
static void test_information_is_whole_or_not_valid(void **state)
{
    (void)state;
    provision_all();
    for (unsigned i = 0; i < 2; i++) {
        send(CDB(0x28, [8] = 1), 10, SRB_FLAGS_DATA_IN, 512);
        rig_fill_answer(&t, 2);
        t.in.block.Dir.Rsp.Status.SenseKey = 3;
        t.in.block.Dir.Rsp.Status.ASC = 0x11;
        t.in.block.Dir.Rsp.Status.Information = i ? UINT64_C(0x100000001) : 1;
        t.in.block.Dir.Rsp.Status.InformationValid = 1;
        answer();
        assert_int_equal(rig_sense(&box), 0x31100);
        assert_int_equal(box.sense[0] & 0x80, i ? 0 : 0x80);
        assert_int_equal(be32_get(box.sense + 3), i ? 0 : 1);
    }
    assert_int_equal(sense_of(CDB(0x28, [5] = 99, [8] = 1), 10, SRB_FLAGS_DATA_IN, 512), 0x52100);
    assert_int_equal(box.sense[0] & 0x80, 0x80);
    assert_int_equal(box.sense[6], 99);
}

/* Known weakness 19: the unit said one thing and Plug and Play another. */
static void test_eject_disabled_is_told_everywhere(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 2560);
    SCSI_PNP_REQUEST_BLOCK *pnp = (SCSI_PNP_REQUEST_BLOCK *)&box.srb;

    (void)state;
    for (unsigned disabled = 0; disabled < 2; disabled++) {
        STOR_DEVICE_CAPABILITIES capabilities = { 0 };

        params.EjectDisabled = disabled;
        provision(params);
        vpd(0x83);
        assert_int_equal(data[box.srb.DataTransferLength - 5], disabled ? 'X' : ' ');
        shim_srb_init(&box, SRB_FUNCTION_PNP, 0);
        pnp->PnPAction = StorQueryCapabilities;
        pnp->DataBuffer = &capabilities;
        pnp->DataTransferLength = sizeof capabilities;
        assert_int_equal(shim_srb_run(&box), SRB_STATUS_SUCCESS);
        assert_int_equal(capabilities.Removable, !disabled);
        rig_unprovision(&program, 0);
    }
}

/* Known weakness 22: all of MaxTransferLength was locked, without a bound. */
static void test_a_transaction_moves_the_data_of_its_request_only(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, SPD_IOCTL_MAX_TRANSFER_LENGTH + 512);
    ULONG written;

    (void)state;
    assert_int_equal(rig_provision(&program, &params, &btl), STATUS_INVALID_PARAMETER);
    provision_all();
    rig_write(&box, 0, 7, 1, data);
    shim_srb_send(&box);
    rig_ask(&program, &t, btl, 2560);
    assert_int_equal(shim_ioctl_end(t.irp, &written), STATUS_SUCCESS);
    assert_int_equal(written, sizeof t.out.block + RIG_BLOCK);
    rig_fill_answer(&t, 0);
    answer();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(unsupported_commands_have_a_sense),
        TEST(malformed_lengths_have_a_sense),
        TEST(a_protected_unit_can_be_flushed),
        TEST(mode_sense_heeds_page_control),
        TEST(mode_pages_are_whole_and_can_be_selected),
        TEST(inquiry_has_version_descriptors),
        TEST(the_first_designator_stays_the_same),
        TEST(vpd_says_that_nothing_rotates),
        TEST(sizes_of_a_block_and_of_an_unmap_are_told),
        TEST(zeros_are_promised_only_by_programs_that_say_so),
        TEST(a_world_wide_name_is_the_programs),
        TEST(commands_that_windows_uses_are_supported),
        TEST(information_is_whole_or_not_valid),
        TEST(eject_disabled_is_told_everywhere),
        TEST(a_transaction_moves_the_data_of_its_request_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
