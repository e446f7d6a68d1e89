/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Cases that the original's tests leave out: write protection, ranges, short buffers, unknown
 * commands, transfers of nothing. */

#include "client.h"

static UINT32 btl;
static struct server server;

static void begin(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    btl = provision_good(&params);
    scsi_ready(btl);
}

static void end(void)
{
    CHECK(!has_double() || !double_state().requests);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static struct scsi run(struct scsi command)
{
    command.btl = btl;
    scsi_run(&command);
    return command;
}

/* Commands without data, or with this much of them, that end in the same sense. */
struct row {
    UCHAR cdb[16];
    UCHAR cdb_length;
    enum direction direction;
    DWORD length;
};

static void check_rows(const struct row *rows, unsigned count, UCHAR key, UCHAR asc)
{
    UCHAR data[2 * BLOCK] = { 0 };
    unsigned i;

    for (i = 0; i < count; i++) {
        struct scsi command = { .direction = rows[i].direction, .data = data,
            .length = rows[i].length, .cdb_length = rows[i].cdb_length };

        memcpy(command.cdb, rows[i].cdb, sizeof command.cdb);
        command = run(command);
        if (command.error || command.status != 2 || (command.sense[2] & 15) != key ||
            command.sense[12] != asc)
            fail(__FILE__, __LINE__, "row %u, CDB %02x: error %lu, status %u, sense %u/%02x", i,
                rows[i].cdb[0], command.error, command.status, command.sense[2] & 15,
                command.sense[12]);
    }
}
#define CHECK_ROWS(Rows, Key, Asc) check_rows(Rows, sizeof(Rows) / sizeof(*(Rows)), Key, Asc)

static void a_protected_unit_is_not_written(void)
{
    static const struct row rows[] = {
        { { 0x0a, [4] = 1 }, 6, DATA_OUT, BLOCK },
        { { 0x2a, [8] = 1 }, 10, DATA_OUT, BLOCK },
        { { 0xaa, [9] = 1 }, 12, DATA_OUT, BLOCK },
        { { 0x8a, [13] = 1 }, 16, DATA_OUT, BLOCK },
        { { 0x2e, [8] = 1 }, 10, DATA_OUT, BLOCK }, /* WRITE AND VERIFY */
        { { 0x41, [8] = 1 }, 10, DATA_OUT, BLOCK }, /* WRITE SAME */
        { { 0x93, [13] = 1 }, 16, DATA_OUT, BLOCK },
        { { 0x42, [8] = 24 }, 10, DATA_OUT, 24 }, /* UNMAP */
    };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    params.WriteProtected = params.UnmapSupported = 1;
    btl = provision_good(&params);
    scsi_ready(btl);
    CHECK_ROWS(rows, 7, 0x27);
    end();
}

static void out_of_range(void)
{
    static const struct row rows[] = {
        { { 0x08, [3] = 16, [4] = 1 }, 6, DATA_IN, BLOCK },
        { { 0x08 }, 6, DATA_IN, 2 * BLOCK }, /* 0 are 256 blocks */
        { { 0x28, [5] = 15, [8] = 2 }, 10, DATA_IN, 2 * BLOCK },
        { { 0x28, 0, 0xff, 0xff, 0xff, 0xff, [8] = 1 }, 10, DATA_IN, BLOCK },
        { { 0xa8, [5] = 16, [9] = 1 }, 12, DATA_IN, BLOCK },
        { { 0x0a, [3] = 16, [4] = 1 }, 6, DATA_OUT, BLOCK },
        { { 0x2a, [5] = 15, [8] = 2 }, 10, DATA_OUT, 2 * BLOCK },
        { { 0xaa, [5] = 16, [9] = 1 }, 12, DATA_OUT, BLOCK },
        { { 0x35, [5] = 15, [8] = 2 }, 10, DATA_NONE, 0 }, /* SYNCHRONIZE CACHE */
        { { 0x91, [9] = 17 }, 16, DATA_NONE, 0 },
        { { 0x2f, [5] = 16, [8] = 1 }, 10, DATA_NONE, 0 }, /* VERIFY */
        { { 0x88, [9] = 16 }, 16, DATA_IN, 0 }, /* of nothing, but from where there is nothing */
    };
    static const UINT64 ranges[][2] = { { 16, 1 }, { 15, 2 }, { ~0ULL, 1 }, { ~0ULL, 2 },
        { 0x8000000000000000ULL, 1 } };
    UCHAR data[2 * BLOCK];
    struct scsi command;
    unsigned i;

    begin();
    CHECK_ROWS(rows, 5, 0x21);
    for (i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        command = run(scsi_move(btl, DATA_IN, ranges[i][0], (UINT32)ranges[i][1], data));
        check_sense(&command, 5, 0x21, 0);
        command = run(scsi_move(btl, DATA_OUT, ranges[i][0], (UINT32)ranges[i][1], data));
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

/* Whatever the room: the reply is cut, and the length says how much of it there is. */
static void short_buffers_get_a_part(void)
{
    static const struct row rows[] = { /* the length is that of the whole reply */
        { { 0x12, [4] = 255 }, 6, DATA_IN, 96 },
        { { 0x12, 1, 0x83, 0, 255 }, 6, DATA_IN, 84 },
        { { 0x1a, 0, 0x3f, 0, 255 }, 6, DATA_IN, 36 },
        { { 0x5a, 0, 0x3f, [8] = 255 }, 10, DATA_IN, 40 },
        { { 0x25 }, 10, DATA_IN, 8 },
        { { 0x9e, 0x10, [13] = 255 }, 16, DATA_IN, 32 },
        { { 0xa0, [9] = 255 }, 12, DATA_IN, 16 },
    };
    UCHAR whole[256], data[256];
    unsigned i, room;

    begin();
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (room = 255; room > 0; room = room > 12 ? room / 2 : room - 1) {
            struct scsi command = { .direction = DATA_IN, .data = data, .length = room,
                .cdb_length = rows[i].cdb_length };
            DWORD part = room < rows[i].length ? room : rows[i].length;

            memcpy(command.cdb, rows[i].cdb, sizeof command.cdb);
            memset(data, 0x55, sizeof data);
            command = run(command);
            CHECK_EQUAL(command.error | command.status, 0);
            CHECK_EQUAL(command.length, part);
            if (room == 255)
                memcpy(whole, data, sizeof whole);
            CHECK_BYTES(data, whole, part);
            CHECK(part == room || room == 255 || data[room] == 0x55);
        }
    }
    end();
}

/* SPC-4 4.2.5.6: the CDB says how much is wanted. */
static void allocation_lengths_are_heeded(void)
{
    UCHAR data[96];
    struct scsi command;

    begin();
    command = scsi_inquiry(btl, -1, data, 96);
    command.cdb[4] = 36;
    command = run(command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 36);
    command = scsi_inquiry(btl, -1, data, 96);
    command.cdb[4] = 0;
    command = run(command);
    CHECK_EQUAL(command.error | command.status, 0);
    CHECK_EQUAL(command.length, 0);
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
    static const struct row rows[] = {
        { { 0x04 }, 6, DATA_NONE, 0 },  /* FORMAT UNIT */
        { { 0x0d }, 6, DATA_NONE, 0 },
        { { 0x19 }, 6, DATA_NONE, 0 },
        { { 0x3f }, 10, DATA_NONE, 0 },
        { { 0x42 }, 10, DATA_NONE, 0 }, /* UNMAP, which this unit does not support */
        { { 0x9f }, 16, DATA_NONE, 0 },
        { { 0xb7 }, 12, DATA_NONE, 0 },
        { { 0xc0 }, 10, DATA_NONE, 0 }, /* vendor specific */
        { { 0xff }, 6, DATA_NONE, 0 },
    };
    static const struct row fields[] = {
        { { 0x9e, 0x1f }, 16, DATA_NONE, 0 }, /* an unknown service action */
        { { 0x12, 1, 0xc1, 0, 255 }, 6, DATA_IN, 255 }, /* VPD page, mode page */
        { { 0x12, 0, 0x80, 0, 255 }, 6, DATA_IN, 255 },
        { { 0x1a, 0, 0x3e, 0, 255 }, 6, DATA_IN, 255 },
    };

    begin();
    CHECK_ROWS(rows, 5, 0x20);
    CHECK_ROWS(fields, 5, 0x24);
    end();
}

/* Nobody serves this unit: what reached the server would hang. */
static void nothing_is_moved(void)
{
    static const struct row rows[] = {
        { { 0x28, [5] = 3 }, 10, DATA_IN, 0 },
        { { 0xa8, [5] = 3 }, 12, DATA_IN, 0 },
        { { 0x88, [9] = 3 }, 16, DATA_IN, 0 },
        { { 0x2a, [5] = 3 }, 10, DATA_OUT, 0 },
        { { 0xaa, [5] = 3 }, 12, DATA_OUT, 0 },
        { { 0x8a, [9] = 3 }, 16, DATA_OUT, 0 },
    };
    unsigned i;

    begin();
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scsi command = { .direction = rows[i].direction, .cdb_length = rows[i].cdb_length };

        memcpy(command.cdb, rows[i].cdb, sizeof command.cdb);
        command = run(command);
        CHECK_EQUAL(command.error | command.status, 0);
    }
    end();
}

/* SBC-3 5.26: with 0 blocks, all from the LBA on; and it is no write. */
static void a_protected_unit_is_flushed(void)
{
    static const UCHAR cdbs[][16] = { { 0x35 }, { 0x91 } };
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    unsigned i;

    params.WriteProtected = params.CacheSupported = 1;
    btl = provision_good(&params);
    server_start(&server, &params, btl, 1);
    scsi_ready(btl);
    for (i = 0; i < 2; i++) {
        struct scsi command = { .direction = DATA_NONE, .cdb_length = i ? 16 : 10 };

        memcpy(command.cdb, cdbs[i], sizeof command.cdb);
        command = run(command);
        CHECK_EQUAL(command.error | command.status, 0);
        CHECK_EQUAL(server.flushes, i + 1);
        CHECK_EQUAL(server.flush_count, 0);
    }
    end_served();
}

static void a_bad_unmap_list(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UCHAR list[24] = { 0, 22, 0, 16, [15] = 15, [19] = 2 };
    struct scsi command = { .direction = DATA_OUT, .data = list, .length = sizeof list,
        .cdb_length = 10, .cdb = { 0x42, [8] = sizeof list } };
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

    CHECK(device_control(adapter, 0x4d004, junk, sizeof junk, junk, sizeof junk, NULL) != 0);
    CHECK(device_control(adapter, 0x4d014, junk, sizeof junk, junk, sizeof junk, NULL) != 0);
}

const struct test error_tests[] = {
    { "a protected unit is not written", a_protected_unit_is_not_written },
    { "a protected unit is flushed", a_protected_unit_is_flushed },
    { "out of range", out_of_range },
    { "a count that overflows", a_count_that_overflows },
    { "short buffers get a part", short_buffers_get_a_part },
    { "allocation lengths are heeded", allocation_lengths_are_heeded },
    { "no room for the blocks", no_room_for_the_blocks },
    { "unknown commands", unknown_commands },
    { "nothing is moved", nothing_is_moved },
    { "a bad unmap list", a_bad_unmap_list },
    { "nobody is there", nobody_is_there },
    { "bad pass-through", bad_pass_through },
    { 0 }
};
