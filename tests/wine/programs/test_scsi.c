/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What a unit says of itself. The engine's own tests cover the rest: these show that it is what the
 * driver answers with. */

#include "client.h"

static const char serial[] = "4112a9a1-f079-4f3d-ba53-2d5df27d28b5";

static UINT32 big_endian(const UCHAR *bytes)
{
    return (UINT32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static DWORD ask(UINT32 btl, int page, UCHAR *data, DWORD length)
{
    struct scsi command = scsi_inquiry(btl, page, data, length);

    memset(data, 0, length);
    scsi_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, 0);
    return command.length;
}

static const UCHAR *designator(const UCHAR *page, UCHAR type)
{
    const UCHAR *at = page + 4, *end = at + page[2] * 256 + page[3];

    while (at < end) {
        if ((at[1] & 15) == type)
            return at;
        at += 4 + at[3];
    }
    return NULL;
}

static void check_identity(UINT32 btl, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params)
{
    UCHAR data[252];
    const UCHAR *at;
    unsigned i;

    CHECK(ask(btl, -1, data, 252) >= 36);
    CHECK(!memcmp(data + 8, "WinSpd  ", 8));
    CHECK(!memcmp(data + 16, params->ProductId, 16));
    CHECK(!memcmp(data + 32, params->ProductRevisionLevel, 4));
    ask(btl, 0x00, data, 252);
    for (i = 0; i < 5; i++)
        CHECK(memchr(data + 4, "\x00\x80\x83\xb0\xb2"[i], data[3]));
    ask(btl, 0x80, data, 252);
    CHECK_EQUAL(data[3], 36);
    CHECK(!memcmp(data + 4, serial, 36));
    ask(btl, 0x83, data, 252);
    at = designator(data, 1); /* T10 vendor id */
    CHECK(at);
    CHECK_EQUAL(at[3], 60); /* without the revision, which may change */
    CHECK(!memcmp(at + 4, "WinSpd  ", 8));
    CHECK(!memcmp(at + 4 + 24, serial, 36));
}

static void inquiry(BOOL unmap)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[252];
    UINT32 btl;

    params.UnmapSupported = unmap;
    btl = provision_good(&params);
    scsi_ready(btl);
    check_identity(btl, &params);
    ask(btl, 0xb0, data, 252);
    /* Longer commands are cut, not refused: MaxTransferLength is optimal, not the maximum. */
    CHECK_EQUAL(big_endian(data + 12), 1);
    CHECK_EQUAL(big_endian(data + 20), unmap ? 0xffffffff : 0);
    CHECK_EQUAL(big_endian(data + 24), unmap ? BLOCK / 16 : 0);
    ask(btl, 0xb2, data, 252);
    CHECK_EQUAL(data[5] >> 7, unmap);
    CHECK_EQUAL(data[6] & 7, unmap ? 2 : 0);
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

static void check_mode(UINT32 btl, UCHAR opcode, BOOL protect, BOOL cache)
{
    UCHAR data[255] = { 0 };
    struct scsi command = { .btl = btl, .direction = DATA_IN, .data = data, .length = sizeof(data),
        .cdb_length = opcode == 0x1a ? 6 : 10, .cdb = { opcode, 0, 0x3f } };
    unsigned header = opcode == 0x1a ? 4 : 8, at;
    UCHAR specific;

    command.cdb[1] = 8; /* no block descriptor */
    command.cdb[opcode == 0x1a ? 4 : 8] = 255;
    scsi_run(&command);
    CHECK_EQUAL(command.error, 0);
    CHECK_EQUAL(command.status, 0);
    CHECK_EQUAL(data[opcode == 0x1a ? 1 : 2], 0);
    specific = data[opcode == 0x1a ? 2 : 3];
    CHECK_EQUAL(specific >> 7, protect);
    CHECK_EQUAL(data[opcode == 0x1a ? 3 : 7], 0);
    for (at = header; at < command.length && (data[at] & 0x3f) != 8;)
        at += 2 + data[at + 1];
    CHECK_EQUAL(data[at] & 0xbf, 8);
    CHECK_EQUAL(data[at + 2] >> 2 & 1, cache);
}

static void mode_sense(void)
{
    static const BOOL rows[3][2] = { { FALSE, FALSE }, { FALSE, TRUE }, { TRUE, FALSE } };
    unsigned i;

    for (i = 0; i < 3; i++) {
        SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
        UINT32 btl;

        params.WriteProtected = rows[i][0];
        params.CacheSupported = rows[i][1];
        btl = provision_good(&params);
        scsi_ready(btl);
        check_mode(btl, 0x1a, rows[i][0], rows[i][1]);
        check_mode(btl, 0x5a, rows[i][0], rows[i][1]);
        CHECK_EQUAL(unprovision(&guid_a), 0);
    }
}

static void capacity(UINT64 blocks, BOOL unmap)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR data[32] = { 0 };
    struct scsi ten, sixteen;
    UINT64 last;
    UINT32 btl;

    params.UnmapSupported = unmap;
    params.BlockCount = blocks;
    btl = provision_good(&params);
    scsi_ready(btl);
    ten = (struct scsi){ .btl = btl, .direction = DATA_IN, .data = data, .length = 8,
        .cdb_length = 10, .cdb = { 0x25 } };
    scsi_run(&ten);
    CHECK_EQUAL(ten.status, 0);
    CHECK_EQUAL(big_endian(data), blocks > 0xffffffff ? 0xffffffff : blocks - 1);
    CHECK_EQUAL(big_endian(data + 4), BLOCK);
    sixteen = (struct scsi){ .btl = btl, .direction = DATA_IN, .data = data, .length = 32,
        .cdb_length = 16, .cdb = { 0x9e, 0x10, [13] = 32 } };
    scsi_run(&sixteen);
    CHECK_EQUAL(sixteen.status, 0);
    last = (UINT64)big_endian(data) << 32 | big_endian(data + 4);
    CHECK_EQUAL(last, blocks - 1);
    CHECK_EQUAL(big_endian(data + 8), BLOCK);
    CHECK_EQUAL(data[14] >> 7, unmap);
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

const struct test scsi_tests[] = {
    { "INQUIRY without unmap", inquiry_without_unmap },
    { "INQUIRY with unmap", inquiry_with_unmap },
    { "MODE SENSE", mode_sense },
    { "READ CAPACITY", read_capacity },
    { "more than two tebibytes", more_than_two_tebibytes },
    { 0 }
};
