/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What the original's tests leave out: write protection, ranges, short buffers, unknown commands,
 * transfers of nothing. */

#include "client.h"

static UINT32 btl;
static struct server server;

static void begin(BOOL protect)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.WriteProtected = protect;
    btl = provision_good(&params);
    scsi_ready(btl);
}

static void end(void)
{
    CHECK_EQUAL(double_state().requests, 0);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static struct scsi run(struct scsi command)
{
    command.btl = btl;
    scsi_run(&command);
    return command;
}

static void a_write_to_a_protected_unit(void)
{
    UCHAR data[BLOCK] = { 0 };
    struct scsi command;

    begin(TRUE);
    command = run(scsi_move(btl, DATA_OUT, 0, 1, data));
    check_sense(&command, 7, 0x27, 0);
    end();
}

static void out_of_range(void)
{
    static const UINT64 rows[][2] = { { 16, 1 }, { 15, 2 }, { ~0ULL, 1 }, { ~0ULL, 2 },
        { 0x8000000000000000ULL, 1 } };
    UCHAR data[2 * BLOCK];
    struct scsi command;
    unsigned i;

    begin(FALSE);
    for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        command = run(scsi_move(btl, DATA_IN, rows[i][0], (UINT32)rows[i][1], data));
        check_sense(&command, 5, 0x21, 0);
        command = run(scsi_move(btl, DATA_OUT, rows[i][0], (UINT32)rows[i][1], data));
        check_sense(&command, 5, 0x21, 0);
    }
    end();
}

/* The unit may serve what there is room for, but must not say that it was all. */
static void begin_served(UINT64 blocks)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.BlockCount = blocks;
    btl = provision_good(&params);
    params.BlockCount = 16;
    server_start(&server, &params, btl, 1);
    scsi_ready(btl);
}

static void end_served(void)
{
    end();
    server_end(&server);
}

/* 32-bit arithmetic would find room for these: 2^23 blocks of 512 bytes are 0 bytes. */
static void a_count_that_overflows(void)
{
    UCHAR data[BLOCK];
    struct scsi command;

    begin_served(1ULL << 32);
    command = scsi_move(btl, DATA_IN, 0, 1 << 23, data);
    command.length = 0;
    scsi_run(&command);
    CHECK(command.error != 0 || command.status != 0);
    command = scsi_move(btl, DATA_OUT, 0, (1 << 23) + 1, data);
    command.length = BLOCK;
    scsi_run(&command);
    CHECK(command.error != 0 || command.status != 0);
    end_served();
}

static void a_short_buffer_gets_a_part(void)
{
    UCHAR data[96];
    struct scsi command;

    begin(FALSE);
    memset(data, 0x55, sizeof(data));
    command = scsi_inquiry(btl, -1, data, 5);
    command = run(command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 5);
    CHECK_EQUAL(data[5], 0x55);
    command = scsi_inquiry(btl, -1, data, 96);
    command.cdb[4] = 36;
    command = run(command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 36);
    command = run((struct scsi){ .direction = DATA_IN, .data = data, .length = 12,
        .cdb_length = 16, .cdb = { 0x9e, 0x10, [13] = 12 } });
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 12);
    end();
}

static void no_room_for_the_blocks(void)
{
    UCHAR data[BLOCK];
    struct scsi command;

    begin_served(16);
    command = scsi_move(btl, DATA_IN, 0, 2, data);
    command.length = BLOCK;
    command = run(command);
    CHECK(command.error != 0 || command.status != 0);
    command = scsi_move(btl, DATA_OUT, 0, 2, data);
    command.length = BLOCK;
    command = run(command);
    CHECK(command.error != 0 || command.status != 0);
    end_served();
}

static void unknown_commands(void)
{
    struct scsi command;

    begin(FALSE);
    command = run((struct scsi){ .direction = DATA_NONE, .cdb_length = 6, .cdb = { 0x0d } });
    check_sense(&command, 5, 0x20, 0);
    command = run((struct scsi){ .direction = DATA_NONE, .cdb_length = 16, .cdb = { 0x9e, 0x1f } });
    CHECK_EQUAL(command.status, 2);
    CHECK_EQUAL(command.sense[2] & 15, 5);
    /* UNMAP where it is not supported. */
    command = run((struct scsi){ .direction = DATA_NONE, .cdb_length = 10, .cdb = { 0x42 } });
    check_sense(&command, 5, 0x20, 0);
    end();
}

static void nothing_is_moved(void)
{
    struct scsi command;

    begin(FALSE);
    command = run(scsi_move(btl, DATA_IN, 3, 0, NULL));
    CHECK_EQUAL(command.error | command.status, 0);
    command = run(scsi_move(btl, DATA_OUT, 3, 0, NULL));
    CHECK_EQUAL(command.error | command.status, 0);
    end();
}

static void a_bad_unmap_list(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR list[24] = { 0, 22, 0, 16, [15] = 15, [19] = 2 };
    struct scsi command = { .direction = DATA_OUT, .data = list, .length = sizeof(list),
        .cdb_length = 10, .cdb = { 0x42, [8] = sizeof(list) } };
    struct scsi answered;

    params.UnmapSupported = 1;
    btl = provision_good(&params);
    scsi_ready(btl);
    answered = run(command);
    check_sense(&answered, 5, 0x21, 0);
    command.length = 0;
    answered = run(command);
    CHECK(answered.error != 0 || answered.status != 0);
    command.length = command.cdb[8] = 0;
    answered = run(command);
    CHECK_EQUAL(answered.error | answered.status, 0);
    end();
}

static void nobody_is_there(void)
{
    UCHAR data[96];
    struct scsi command = scsi_inquiry(BTL(7), -1, data, 96);

    scsi_run(&command);
    CHECK(command.error != 0);
    command = scsi_inquiry(BTL(255), -1, data, 96);
    scsi_run(&command);
    CHECK(command.error != 0);
    command = scsi_inquiry(SPD_IOCTL_BTL(3, 0, 0), -1, data, 96);
    scsi_run(&command);
    CHECK(command.error != 0);
}

static void bad_pass_through(void)
{
    UCHAR junk[16] = { 0 };

    CHECK(device_control(adapter, 0x4d004, junk, sizeof(junk), junk, sizeof(junk), NULL) != 0);
    CHECK(device_control(adapter, 0x4d014, junk, sizeof(junk), junk, sizeof(junk), NULL) != 0);
}

const struct test error_tests[] = {
    { "a write to a protected unit", a_write_to_a_protected_unit },
    { "out of range", out_of_range },
    { "a count that overflows", a_count_that_overflows },
    { "a short buffer gets a part", a_short_buffer_gets_a_part },
    { "no room for the blocks", no_room_for_the_blocks },
    { "unknown commands", unknown_commands },
    { "nothing is moved", nothing_is_moved },
    { "a bad unmap list", a_bad_unmap_list },
    { "nobody is there", nobody_is_there },
    { "bad pass-through", bad_pass_through },
    { 0 }
};
