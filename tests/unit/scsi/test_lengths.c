/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Compares the announced length with the command's, for every row of the opcode table that has
 * data-out. So a new row is tested at once. */

#include "scsi/internal.h"
#include "test.h"

enum { BLOCKS = 2, ROOM = 1 << 16 };

static const uint8_t zeros[ROOM];

/* A CDB of the row that moves something: two blocks, or a parameter list of zeros. */
static void fill_cdb(const struct scsi_row *row, uint8_t cdb[16])
{
    static const uint8_t blocks_at[] = { [6] = 4, [10] = 8, [12] = 9, [16] = 13 };
    uint8_t list = row->usage[0] == 0x5f ? 24 : row->length == 6 ? 4 : 8;

    memset(cdb, 0, 16);
    cdb[0] = row->usage[0];
    if (row->usage[0] == 0x5f) {
        cdb[1] = row->usage[1] & SCSI_ACTION_MASK;
        cdb[2] = SCSI_WRITE_EXCLUSIVE;
    }
    if (row->run == scsi_mode_select)
        cdb[1] = 0x10; /* PF */
    cdb[blocks_at[row->length]] = row->flags & SCSI_ROW_RANGE ? BLOCKS : list;
}

/* Everything that a command could have changed. */
struct state {
    uint32_t mode, reservation, registrations;
    unsigned operations;
};

static struct state state_of(const struct disk *disk)
{
    return (struct state){ scsi_mode(&disk->unit), disk->unit.reservation,
        disk->unit.registration_changes, disk->log_count };
}

static void assert_short(struct disk *disk, const uint8_t *cdb, uint64_t length, uint64_t expected,
    enum scsi_direction direction)
{
    uint64_t announced = direction == SCSI_DATA_OUT ? expected : 0;
    struct state before, after;

    disk->log_count = 0;
    before = state_of(disk);
    assert_true(disk_run(disk, 0, &disk->unit, cdb, direction, zeros, expected));
    after = state_of(disk);
    assert_sense(disk, 0x5, 0x0e03);
    assert_true(disk->task.overflow && !disk->task.underflow);
    assert_int_equal(disk->task.residual, length - announced);
    assert_memory_equal(&before, &after, sizeof before);
}

static void assert_row(struct disk *disk, const uint8_t *cdb)
{
    struct scsi_task exact;
    uint64_t length;

    out(disk, cdb, zeros, ROOM);
    length = disk->task.transfer_length;
    assert_true(length > 3 && length <= ROOM - 1);
    for (uint64_t expected = 0; expected < length; expected += expected < 3 ? 1 : 1 + length / 5)
        assert_short(disk, cdb, length, expected, SCSI_DATA_OUT);
    assert_short(disk, cdb, length, length - 1, SCSI_DATA_OUT);
    assert_short(disk, cdb, length, 0, SCSI_NO_DATA);
    assert_short(disk, cdb, length, length, SCSI_DATA_IN); /* as a read */

    out(disk, cdb, zeros, length);
    exact = disk->task;
    assert_true(cdb[0] == 0x5f || exact.status == SCSI_GOOD);
    if (exact.status == SCSI_GOOD)
        assert_false(exact.overflow || exact.underflow);
    for (uint64_t more = 1; more <= 1024; more += 1023) {
        out(disk, cdb, zeros, length + more);
        assert_int_equal(disk->task.status, exact.status);
        assert_int_equal(disk->task.sense_length, exact.sense_length);
        assert_memory_equal(disk->task.sense, exact.sense, exact.sense_length);
        if (exact.status != SCSI_GOOD)
            continue;
        assert_true(disk->task.underflow && !disk->task.overflow);
        assert_int_equal(disk->task.residual, more);
        assert_int_equal(disk->task.moved_length, length);
    }
}

/* VERIFY has data-out when BYTCHK says so, which is not in its row. */
static unsigned assert_variants(struct disk *disk, const struct scsi_row *row)
{
    uint8_t cdb[16];

    if (row->run != scsi_verify && (!row->length || row->direction != SCSI_DATA_OUT))
        return 0;
    fill_cdb(row, cdb);
    if (row->run != scsi_verify) {
        assert_row(disk, cdb);
        return 1;
    }
    cdb[1] = 0x02;
    assert_row(disk, cdb);
    cdb[1] = 0x06;
    assert_row(disk, cdb);
    return 2;
}

static void every_command_needs_all_of_its_data_out_and_leaves_what_is_more(void **state)
{
    struct disk *disk = *state;
    unsigned tested = 0;

    for (unsigned i = 0; i < COUNT(scsi_rows); i++) {
        tested += assert_variants(disk, &scsi_rows[i]);
        for (unsigned j = 0; j < scsi_rows[i].action_count; j++)
            tested += assert_variants(disk, &scsi_rows[i].actions[j]);
    }
    assert_int_equal(tested, 27);
}

/* 600 bytes are not two blocks, and not one and a bit. */
static void a_write_of_a_block_and_a_bit_writes_nothing(void **state)
{
    struct disk *disk = *state;

    memset(disk->medium, 0x5a, BLOCKS * 512);
    out(disk, CDB(0x2a, 0, B32(0), 0, B16(BLOCKS)), zeros, 600);
    assert_sense(disk, 0x5, 0x0e03);
    assert_int_equal(disk->task.residual, 424);
    assert_true(medium_is(disk, 0, BLOCKS, 0x5a));
}

/* The second block differs, and was not sent. */
static void a_verify_compares_all_that_it_is_asked_for_or_nothing(void **state)
{
    struct disk *disk = *state;

    memset(disk->medium + 512, 0x5a, 512);
    out(disk, CDB(0x2f, 0x02, B32(0), 0, B16(BLOCKS)), zeros, 512);
    assert_sense(disk, 0x5, 0x0e03);
    assert_int_equal(disk->log_count, 0);
    out(disk, CDB(0x2f, 0x02, B32(0), 0, B16(BLOCKS)), zeros, BLOCKS * 512);
    assert_sense(disk, 0xe, 0x1d00);
}

/* A transport that announces no direction takes the command's. */
static void any_direction_is_the_commands(void **state)
{
    struct disk *disk = *state;

    assert_true(disk_run(disk, 0, &disk->unit, CDB(0x2a, 0, B32(0), 0, B16(BLOCKS)), SCSI_ANY_DATA,
        zeros, 512));
    assert_sense(disk, 0x5, 0x0e03);
    assert_true(disk_run(disk, 0, &disk->unit, CDB(0x2a, 0, B32(0), 0, B16(BLOCKS)), SCSI_ANY_DATA,
        zeros, BLOCKS * 512));
    assert_good(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_command_needs_all_of_its_data_out_and_leaves_what_is_more),
        TEST(a_write_of_a_block_and_a_bit_writes_nothing),
        TEST(a_verify_compares_all_that_it_is_asked_for_or_nothing),
        TEST(any_direction_is_the_commands),
    };

    return cmocka_run_group_tests_name("lengths", tests, NULL, NULL);
}
