/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit's description of itself. The engine's own tests cover the rest: these show that it is what
 * the driver answers with. */

#include "client.h"

static const char serial[] = "4112a9a1-f079-4f3d-ba53-2d5df27d28b5";

static DWORD ask(UINT32 btl, int page, UCHAR *data, DWORD length)
{
    struct scsi command = scsi_inquiry(btl, page, data, length);

    memset(data, 0, length);
    scsi_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, 0);
    return command.length;
}

/* page -1: the standard data */
static void check_page(UINT32 btl, int page, const UCHAR *wanted, DWORD length)
{
    char what[32];
    UCHAR data[252];

    CHECK_EQUAL(ask(btl, page, data, 252), length);
    snprintf(what, sizeof what, "page %02x", page & 0xff);
    check_bytes(__FILE__, __LINE__, what, data, wanted, length);
}

/* SPC-4 6.6.2, and the versions SAM-5, SPC-4 and SBC-3. The original: 36 bytes, SPC-3. */
static void check_standard(UINT32 btl)
{
    static const UCHAR wanted[96] = { 0, 0, 6, 0x12, 91, 0, 0, 2, 'W', 'i', 'n', 'S', 'p', 'd',
        ' ', ' ', [58] = 0, 0xa0, 4, 0x60, 4, 0xc0 };

    check_page(btl, -1, wanted, sizeof wanted);
}

static void check_serial(UINT32 btl)
{
    UCHAR wanted[40] = { 0, 0x80, 0, 36 };

    memcpy(wanted + 4, serial, 36);
    check_page(btl, 0x80, wanted, sizeof wanted);
}

/* The last designator of both profiles has the process. */
static void put_process(UCHAR *at)
{
    DWORD process = GetCurrentProcessId();

    memcpy(at, "\x01\x00\x00\x08PID ", 8);
    at[8] = (UCHAR)(process >> 24);
    at[9] = (UCHAR)(process >> 16);
    at[10] = (UCHAR)(process >> 8);
    at[11] = (UCHAR)process;
}

/* The original's pages: they have all that its own test of INQUIRY asks. */
static void check_original_list(UINT32 btl)
{
    static const UCHAR wanted[] = { 0, 0, 0, 5, 0, 0x80, 0x83, 0xb0, 0xb2 };

    check_page(btl, 0x00, wanted, sizeof wanted);
}

static void check_original_identification(UINT32 btl)
{
    UCHAR wanted[84] = { 0, 0x83, 0, 80, 0x02, 0x01, 0, 64, 'W', 'i', 'n', 'S', 'p', 'd', ' ',
        ' ' };

    memcpy(wanted + 36, serial, 36);
    put_process(wanted + 72);
    check_page(btl, 0x83, wanted, sizeof wanted);
}

static void check_original_limits(UINT32 btl, BOOL unmap)
{
    UCHAR wanted[64] = { 0, 0xb0, 0, 60, [11] = 1 };

    if (unmap) {
        memset(wanted + 20, 0xff, 4);
        wanted[27] = BLOCK / 16;
    }
    check_page(btl, 0xb0, wanted, sizeof wanted);
}

static void check_modern_list(UINT32 btl)
{
    static const UCHAR wanted[] = { 0, 0, 0, 7, 0, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2 };

    check_page(btl, 0x00, wanted, sizeof wanted);
}

/* NAA and UUID, which stay the same, come first; the T10 one is without the revision, which may
 * change. */
static void check_modern_identification(UINT32 btl)
{
    static const UCHAR fixed[] = { 0, 0x83, 0, 110,
        0x01, 0x03, 0, 8, 0x37, 0x98, 0x85, 0x46, 0x13, 0xa9, 0x74, 0xb5,
        0x01, 0x0a, 0, 18, 0x10, 0, 0x41, 0x12, 0xa9, 0xa1, 0xf0, 0x79, 0x4f, 0x3d, 0xba, 0x53,
        0x2d, 0x5d, 0xf2, 0x7d, 0x28, 0xb5,
        0x02, 0x01, 0, 60, 'W', 'i', 'n', 'S', 'p', 'd', ' ', ' ' };
    UCHAR wanted[114] = { 0 };

    memcpy(wanted, fixed, sizeof fixed);
    memcpy(wanted + sizeof fixed + 16, serial, 36);
    put_process(wanted + sizeof fixed + 16 + 36);
    check_page(btl, 0x83, wanted, sizeof wanted);
}

/* SBC-3 6.5.3. MaxTransferLength is the optimal length, and there is no maximum. */
static void check_modern_limits(UINT32 btl, BOOL unmap)
{
    UCHAR wanted[64] = { 0, 0xb0, 0, 60, 1, 1, 0, 1, [15] = 1 };

    if (unmap) {
        memset(wanted + 20, 0xff, 4);
        wanted[27] = BLOCK / 16;
    }
    wanted[41] = 0x08; /* WRITE SAME: 2^19 blocks */
    check_page(btl, 0xb0, wanted, sizeof wanted);
}

static void check_provisioning(UINT32 btl, BOOL unmap)
{
    static const UCHAR thick[8] = { 0, 0xb2, 0, 4 };
    static const UCHAR thin[8] = { 0, 0xb2, 0, 4, 0, 0x80, 2 }; /* LBPU */

    check_page(btl, 0xb2, unmap ? thin : thick, 8);
}

static UINT32 profile_unit(BOOL modern, BOOL unmap)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 btl;

    params.UnmapSupported = unmap;
    params.Reserved[0] = modern ? SPD_IOCTL_MODERN_PROFILE : 0;
    btl = provision_good(&params);
    scsi_ready(btl);
    return btl;
}

static void inquiry(BOOL unmap)
{
    UINT32 btl = profile_unit(FALSE, unmap);

    check_standard(btl);
    check_original_list(btl);
    check_serial(btl);
    check_original_identification(btl);
    check_original_limits(btl, unmap);
    check_provisioning(btl, unmap);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void inquiry_without_unmap(void)
{
    inquiry(FALSE);
}

static void inquiry_with_unmap(void)
{
    inquiry(TRUE);
}

static void inquiry_of_a_modern_unit(void)
{
    BOOL unmap;

    for (unmap = FALSE; unmap <= TRUE; unmap++) {
        UINT32 btl = profile_unit(TRUE, unmap);

        check_standard(btl);
        check_modern_list(btl);
        check_serial(btl);
        check_modern_identification(btl);
        check_modern_limits(btl, unmap);
        check_provisioning(btl, unmap);
        CHECK_EQUAL(unprovision(&guid_a), 0);
    }
}

/* The original's order: no block descriptor, the caching page first; then the control page, which
 * the original lacks. */
static DWORD original_mode_data(UCHAR *wanted, BOOL ten, BOOL protect, BOOL cache)
{
    UCHAR caching[20] = { 0x08, 18, cache ? 4 : 1 }, control[12] = { 0x0a, 10, 0, 0x10 };
    UCHAR *at = wanted + (ten ? 8 : 4);

    memset(wanted, 0, 8);
    wanted[ten ? 3 : 2] = (UCHAR)(protect << 7 | cache << 4);
    memcpy(at, caching, sizeof caching);
    memcpy(at + 20, control, sizeof control);
    wanted[ten] = (UCHAR)(at + 32 - wanted - (ten ? 2 : 1));
    return (DWORD)(at + 32 - wanted);
}

/* SPC-4 7.5, SBC-3 6.4: header, block descriptor, and the pages 01, 08, 0A and 1C. */
static DWORD modern_mode_data(UCHAR *wanted, BOOL ten, BOOL protect, BOOL cache)
{
    static const UCHAR descriptor[8] = { 0, 0, 0, 16, 0, 0, BLOCK >> 8, 0 };
    UCHAR recovery[12] = { 0x01, 10 }, caching[20] = { 0x08, 18, cache ? 4 : 1 };
    UCHAR control[12] = { 0x0a, 10, 0, 0x10 }, exceptions[12] = { 0x1c, 10, 0x08 };
    UCHAR *at = wanted + (ten ? 8 : 4);

    memset(wanted, 0, 8);
    wanted[ten ? 3 : 2] = (UCHAR)(protect << 7 | 0x10);
    wanted[ten ? 7 : 3] = sizeof descriptor;
    memcpy(at, descriptor, sizeof descriptor);
    memcpy(at + 8, recovery, sizeof recovery);
    memcpy(at + 20, caching, sizeof caching);
    memcpy(at + 40, control, sizeof control);
    memcpy(at + 52, exceptions, sizeof exceptions);
    wanted[ten] = (UCHAR)(at + 64 - wanted - (ten ? 2 : 1));
    return (DWORD)(at + 64 - wanted);
}

static void check_mode(UINT32 btl, BOOL modern, BOOL ten, BOOL protect, BOOL cache)
{
    UCHAR data[255] = { 0 }, wanted[72];
    DWORD length = modern ? modern_mode_data(wanted, ten, protect, cache)
                          : original_mode_data(wanted, ten, protect, cache);
    struct scsi command = { .btl = btl, .direction = DATA_IN, .data = data, .length = sizeof data,
        .cdb_length = ten ? 10 : 6, .cdb = { ten ? 0x5a : 0x1a, 0, 0x3f } };

    command.cdb[ten ? 8 : 4] = 255;
    scsi_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, 0);
    CHECK_EQUAL(command.length, length);
    CHECK_BYTES(data, wanted, length);
}

static void mode_sense_of(BOOL modern)
{
    static const BOOL rows[3][2] = { { FALSE, FALSE }, { FALSE, TRUE }, { TRUE, FALSE } };
    unsigned i;

    for (i = 0; i < 3; i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
        UINT32 btl;

        params.WriteProtected = rows[i][0];
        params.CacheSupported = rows[i][1];
        params.Reserved[0] = modern ? SPD_IOCTL_MODERN_PROFILE : 0;
        btl = provision_good(&params);
        scsi_ready(btl);
        check_mode(btl, modern, FALSE, rows[i][0], rows[i][1]);
        check_mode(btl, modern, TRUE, rows[i][0], rows[i][1]);
        CHECK_EQUAL(unprovision(&guid_a), 0);
    }
}

static void mode_sense(void)
{
    mode_sense_of(FALSE);
}

static void mode_sense_of_a_modern_unit(void)
{
    mode_sense_of(TRUE);
}

static void capacity(UINT64 blocks, BOOL unmap)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[32], wanted[32] = { [10] = BLOCK >> 8 };
    UCHAR short_one[8] = { 0xff, 0xff, 0xff, 0xff, 0, 0, BLOCK >> 8 };
    struct scsi ten, sixteen;
    UINT32 btl;
    int i;

    params.UnmapSupported = unmap;
    params.BlockCount = blocks;
    btl = provision_good(&params);
    scsi_ready(btl);
    for (i = 0; i < 8; i++)
        wanted[i] = (UCHAR)((blocks - 1) >> (56 - 8 * i));
    if (blocks <= 0xffffffff)
        memcpy(short_one, wanted + 4, 4);
    wanted[14] = unmap ? 0x80 : 0; /* LBPME, and no LBPRZ */
    ten = (struct scsi){ .btl = btl, .direction = DATA_IN, .data = data, .length = 8,
        .cdb_length = 10, .cdb = { 0x25 } };
    scsi_run(&ten);
    CHECK_EQUAL(ten.status, 0);
    CHECK_EQUAL(ten.length, 8);
    CHECK_BYTES(data, short_one, 8);
    sixteen = (struct scsi){ .btl = btl, .direction = DATA_IN, .data = data, .length = 32,
        .cdb_length = 16, .cdb = { 0x9e, 0x10, [13] = 32 } };
    scsi_run(&sixteen);
    CHECK_EQUAL(sixteen.status, 0);
    CHECK_EQUAL(sixteen.length, 32);
    CHECK_BYTES(data, wanted, 32);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void read_capacity(void)
{
    capacity(16, FALSE);
    capacity(16, TRUE);
}

static void more_than_two_tebibytes(void)
{
    capacity(0x300000000ULL, FALSE);
}

/* As the program gave it up to the first byte that is no text, and then spaces. */
static void names_are_text(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    struct double_class call = { .length = 36, .cdb = { 0x12, [4] = 36 } };

    memcpy(params.ProductId, "Disk\0of\x7fmine!!!!", 16);
    memcpy(params.ProductRevisionLevel, "1\t2", 4);
    call.target = provision_good(&params) >> 8;
    WAIT_UNTIL(double_state().started == 1);
    CHECK_EQUAL(device_control(
        adapter, DOUBLE_IOCTL_CLASS, &call, sizeof call, &call, sizeof call, NULL), 0);
    CHECK_BYTES(call.data + 16, "Disk            1   ", 20);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void luns(void)
{
    static const UCHAR one[16] = { 0, 0, 0, 8 };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[64];
    struct scsi command = { .btl = BTL(0), .direction = DATA_IN, .data = data, .length = 64,
        .cdb_length = 12, .cdb = { 0xa0, [9] = 64 } };
    struct scsi absent;

    if (has_double()) { /* Windows passes nothing to where it has found nothing */
        absent = command;
        scsi_run(&absent);
        CHECK_EQUAL(absent.error | absent.status, 0);
        CHECK_EQUAL(absent.length, 8);
        CHECK_BYTES(data, "\0\0\0\0\0\0\0\0", 8);
    }
    CHECK_EQUAL(provision_good(&params), BTL(0));
    scsi_run(&command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 16);
    CHECK_BYTES(data, one, 16);
    if (has_double()) { /* SPC-4 6.6.2, peripheral qualifier 3: no unit can be at this number */
        command = scsi_inquiry(BTL(0) | 1, -1, data, 36);
        scsi_run(&command);
        CHECK_EQUAL(command.error | command.status, 0);
        CHECK_EQUAL(data[0], 0x7f);
    }
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

const struct test scsi_tests[] = {
    { "INQUIRY without unmap", inquiry_without_unmap, "scsi_inquiry_test" },
    { "INQUIRY with unmap", inquiry_with_unmap, "scsi_inquiry_test" },
    { "INQUIRY of a modern unit", inquiry_of_a_modern_unit },
    { "MODE SENSE", mode_sense, "scsi_mode_sense_test" },
    { "MODE SENSE of a modern unit", mode_sense_of_a_modern_unit },
    { "READ CAPACITY", read_capacity, "scsi_read_capacity_test" },
    { "names are text", names_are_text, .needs = NEEDS_DOUBLE },
    { "REPORT LUNS", luns },
    { "more than two tebibytes", more_than_two_tebibytes },
    { 0 }
};
