/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The driver's answers for a unit that a program of the original made: byte by byte, in the
 * situations of the original's own tests of INQUIRY, MODE SENSE and READ CAPACITY. */

#include "rig.h"

#include "scsi/be.h"

static struct rig_transact t;
static struct shim_srb box;
static UCHAR data[8192];
static UINT32 btl;

#define CDB(...) ((const UCHAR[16]){ __VA_ARGS__ })

static void provision(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params)
{
    assert_int_equal(rig_provision(&program, params, &btl), STATUS_SUCCESS);
}

static void send(const UCHAR *cdb, UCHAR length, ULONG direction, ULONG room)
{
    shim_srb_init(&box, SRB_FUNCTION_EXECUTE_SCSI, 0);
    shim_srb_cdb(&box, cdb, length, direction, data, room);
}

/* GOOD, with so many bytes of data-in. */
static const UCHAR *in(const UCHAR *cdb, UCHAR length, ULONG wanted)
{
    memset(data, 0xee, 255);
    send(cdb, length, SRB_FLAGS_DATA_IN, 255);
    shim_srb_run(&box);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, wanted);
    return data;
}

static void assert_page(const UCHAR *wanted, ULONG length)
{
    assert_memory_equal(in(CDB(0x12, 1, wanted[1], 0, 255), 6, length), wanted, length);
}

static void assert_no_page(UCHAR page)
{
    send(CDB(0x12, 1, page, 0, 255), 6, SRB_FLAGS_DATA_IN, 255);
    shim_srb_run(&box);
    assert_int_equal(rig_sense(&box), 0x52400);
}

/* GUID 0 of rig_params(), with this text, as process 100. */
static SPD_IOCTL_STORAGE_UNIT_PARAMS named_params(UINT32 max_transfer_length)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, max_transfer_length);

    memcpy(params.ProductId, "Some Disk       ", 16);
    memcpy(params.ProductRevisionLevel, "7.25", 4);
    return params;
}

static void assert_pages_of_the_original(bool unmap, UINT32 max_transfer_length)
{
    static const char serial[] = "4112a9a1-f079-4f3d-ba53-2d5df27d2801";
    static const UCHAR list[9] = { 0, 0, 0, 5, 0x00, 0x80, 0x83, 0xb0, 0xb2 };
    UCHAR number[40] = { 0, 0x80, 0, 36 }, limits[64] = { 0, 0xb0, 0, 60 };
    UCHAR identification[84] = { 0, 0x83, 0, 80, 0x02, 0x01, 0, 64 };
    UCHAR provisioning[8] = { 0, 0xb2, 0, 4, 0, unmap ? 0x80 : 0, unmap ? 2 : 0, 0 };

    memcpy(number + 4, serial, 36);
    memcpy(identification + 8, "WinSpd  Some Disk       7.25", 28);
    memcpy(identification + 36, serial, 36);
    memcpy(identification + 72, "\x01\x00\x00\x08PID \0\0\0\x64", 12);
    be32_put(limits + 8, max_transfer_length / RIG_BLOCK);
    be32_put(limits + 20, unmap ? UINT32_MAX : 0);
    be32_put(limits + 24, unmap ? max_transfer_length / 16 : 0);
    assert_page(list, sizeof list);
    assert_page(number, sizeof number);
    assert_page(identification, sizeof identification);
    assert_page(limits, sizeof limits);
    assert_page(provisioning, sizeof provisioning);
    assert_no_page(0x86);
    assert_no_page(0xb1);
}

static void test_inquiry_pages_are_those_of_the_original(void **state)
{
    static const UINT32 lengths[] = { 512, 65536 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = named_params(lengths[i / 2]);

        params.UnmapSupported = i % 2;
        provision(&params);
        assert_memory_equal(in(CDB(0x12, 0, 0, 0, 255), 6, 96) + 8,
            "WinSpd  Some Disk       7.25", 28);
        assert_pages_of_the_original(i % 2, lengths[i / 2]);
        rig_unprovision(&program, 0);
    }
}

/* Everything else that Reserved can say leaves the pages as they are. */
static void test_one_bit_and_nothing_else_chooses_the_modern_profile(void **state)
{
    static const UCHAR wwn[8] = { 0x50, 1, 2, 3, 4, 5, 6, 7 };
    static const UCHAR modern[11] = { 0, 0, 0, 7, 0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = named_params(8192);

    (void)state;
    params.UnmapSupported = 1;
    params.Reserved[0] = SPD_IOCTL_UNMAP_ZEROS | 60;
    params.Reserved[1] = UINT64_C(64) << 32 | 4096;
    memcpy(&params.Reserved[3], wwn, sizeof wwn);
    provision(&params);
    assert_pages_of_the_original(true, 8192);
    in(CDB(0x9e, 0x10, [13] = 255), 16, 32);
    assert_int_equal(data[13], 3); /* the unit says the size of a physical block */
    assert_int_equal(data[14], 0x80); /* LBPME, and no LBPRZ */
    rig_unprovision(&program, 0);

    params = named_params(8192);
    params.Reserved[0] = SPD_IOCTL_MODERN_PROFILE;
    provision(&params);
    assert_page(modern, sizeof modern);
}

/* Header and caching page; the control page follows, for MODE SELECT. */
static void assert_mode_data(bool ten, bool write_protected, bool cache)
{
    static const UCHAR control[12] = { 0x0a, 0x0a, 0, 0x10 };
    UCHAR caching[20] = { 0x08, 0x12, cache ? 0x04 : 0x01 };
    UCHAR specific = (write_protected ? 0x80 : 0) | (cache ? 0x10 : 0);
    UCHAR header = ten ? 8 : 4;
    const UCHAR *reply = ten ? in(CDB(0x5a, 0, 0x3f, [8] = 255), 10, 40)
                             : in(CDB(0x1a, 0, 0x3f, 0, 255), 6, 36);

    assert_int_equal(ten ? be16_get(reply) : reply[0], ten ? 38 : 35);
    assert_int_equal(reply[ten ? 2 : 1], 0); /* MEDIUM TYPE */
    assert_int_equal(reply[ten ? 3 : 2], specific);
    assert_int_equal(ten ? be16_get(reply + 6) : reply[3], 0); /* no block descriptor */
    assert_memory_equal(reply + header, caching, sizeof caching);
    assert_memory_equal(reply + header + 20, control, sizeof control);
}

static void test_mode_data_is_that_of_the_original(void **state)
{
    static const struct { bool write_protected, cache; } rows[] = { { 0, 0 }, { 0, 1 }, { 1, 0 } };

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);

        params.WriteProtected = rows[i].write_protected;
        params.CacheSupported = rows[i].cache;
        provision(&params);
        assert_mode_data(false, rows[i].write_protected, rows[i].cache);
        assert_mode_data(true, rows[i].write_protected, rows[i].cache);
        rig_unprovision(&program, 0);
    }
}

static void test_capacity_is_that_of_the_original(void **state)
{
    static const UCHAR ten[8] = { 0, 0, 0, 15, 0, 0, 2, 0 };
    UCHAR sixteen[32] = { [7] = 15, [10] = 2 };

    (void)state;
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 512);

        params.UnmapSupported = unmap;
        sixteen[14] = unmap ? 0x80 : 0;
        provision(&params);
        assert_memory_equal(in(CDB(0x25), 10, 8), ten, sizeof ten);
        assert_memory_equal(in(CDB(0x9e, 0x10, [13] = 255), 16, 32), sixteen, sizeof sixteen);
        rig_unprovision(&program, 0);
    }
}

/* The maximum of page B0h is no reason to refuse. */
static void test_a_longer_command_comes_in_pieces(void **state)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, 3 * RIG_BLOCK);

    (void)state;
    provision(&params);
    send(CDB(0x28, [5] = 7, [8] = 5), 10, SRB_FLAGS_DATA_IN, 5 * RIG_BLOCK);
    shim_srb_send(&box);
    for (unsigned done = 0; done < 5; done += 3) {
        unsigned blocks = done ? 2 : 3;

        rig_take(&program, &t, btl, 3 * RIG_BLOCK);
        assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactReadKind);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockAddress, 7 + done);
        assert_int_equal(RIG_REQ(&t)->Op.Read.BlockCount, blocks);
        rig_fill_answer(&t, 0);
        rig_pattern(RIG_IN_DATA(&t), 7 + done, blocks);
        rig_answer(&program, &t, btl, blocks * RIG_BLOCK);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    }
    assert_true(box.done);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    assert_int_equal(box.srb.DataTransferLength, 5 * RIG_BLOCK);
    shim_srb_free(&box);
}

/* As many ranges as page B0h says come in one request, as the original passes them on. */
static void test_a_list_of_ranges_is_one_request(void **state)
{
    enum { ROOM = 12 * RIG_BLOCK, COUNT = ROOM / 16, LENGTH = 8 + ROOM };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, ROOM);

    (void)state;
    params.UnmapSupported = 1;
    provision(&params);
    memset(data, 0, LENGTH);
    be16_put(data, LENGTH - 2);
    be16_put(data + 2, LENGTH - 8);
    for (unsigned i = 0; i < COUNT; i++) {
        data[8 + 16 * i + 7] = (UCHAR)(i % RIG_BLOCKS);
        data[8 + 16 * i + 11] = 1;
    }
    send(CDB(0x42, [7] = LENGTH >> 8, LENGTH & 0xff), 10, SRB_FLAGS_DATA_OUT, LENGTH);
    shim_srb_send(&box);
    rig_take(&program, &t, btl, ROOM);
    assert_int_equal(RIG_REQ(&t)->Kind, SpdIoctlTransactUnmapKind);
    assert_int_equal(RIG_REQ(&t)->Op.Unmap.Count, COUNT);
    rig_fill_answer(&t, 0);
    rig_answer(&program, &t, btl, 0);
    assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    assert_true(box.done);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
}

/* A part of a range that is too long for one request brings nothing that was in the memory. */
static void test_a_part_of_a_range_has_no_reserved_bits(void **state)
{
    enum { BLOCKS = (512 << 20) / RIG_BLOCK + 1, LENGTH = 24 };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = rig_params(0, RIG_BLOCK);
    const SPD_IOCTL_UNMAP_DESCRIPTOR *part = (const void *)RIG_OUT_DATA(&t);
    UINT64 next = 0;

    (void)state;
    params.UnmapSupported = 1;
    params.BlockCount = BLOCKS;
    provision(&params);
    memset(data, 0, LENGTH);
    be16_put(data, LENGTH - 2);
    be16_put(data + 2, LENGTH - 8);
    be32_put(data + 16, BLOCKS);
    send(CDB(0x42, [8] = LENGTH), 10, SRB_FLAGS_DATA_OUT, LENGTH);
    shim_srb_send(&box);
    while (!box.done) {
        rig_take(&program, &t, btl, RIG_BLOCK);
        assert_int_equal(RIG_REQ(&t)->Op.Unmap.Count, 1);
        assert_int_equal(part->BlockAddress, next);
        assert_int_equal(part->Reserved, 0);
        next += part->BlockCount;
        rig_fill_answer(&t, 0);
        rig_answer(&program, &t, btl, 0);
        assert_int_equal(rig_end(&t), STATUS_SUCCESS);
    }
    assert_int_equal(next, BLOCKS);
    assert_int_equal(box.srb.SrbStatus, SRB_STATUS_SUCCESS);
    shim_srb_free(&box);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(inquiry_pages_are_those_of_the_original),
        TEST(one_bit_and_nothing_else_chooses_the_modern_profile),
        TEST(mode_data_is_that_of_the_original),
        TEST(capacity_is_that_of_the_original),
        TEST(a_longer_command_comes_in_pieces),
        TEST(a_list_of_ranges_is_one_request),
        TEST(a_part_of_a_range_has_no_reserved_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
