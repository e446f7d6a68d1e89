/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Helpers of the engine's tests: commands in one line, and assertions on their ends. */

#ifndef TESTS_SCSI_TEST_H
#define TESTS_SCSI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"
#include "scsi/be.h"

#define CDB(...) ((const uint8_t[16]){ __VA_ARGS__ })
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The bytes of a 32-bit or 64-bit field. */
#define B16(v) (uint8_t)((v) >> 8), (uint8_t)(v)
#define B32(v) B16((uint32_t)(v) >> 16), B16((uint32_t)(v))
#define B64(v) B32((uint64_t)(v) >> 32), B32((uint64_t)(v))

/* setup and teardown of a fixture in *state: the reference disk, with all of its medium. */
static inline int open_reference(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = malloc(sizeof *disk);

    if (!disk)
        return -1;
    disk_open(disk, &params, params.block_count);
    *state = disk;
    return 0;
}

static inline int close_disk(void **state)
{
    disk_close(*state);
    free(*state);
    return 0;
}

/* A disk with other parameters in the place of the fixture's. */
static inline struct disk *reopen(void **state, const struct scsi_unit_params *params)
{
    struct disk *disk = *state;

    disk_close(disk);
    disk_open(disk, params, params->block_count < 65536 ? params->block_count : 65536);
    return disk;
}

static inline void none(struct disk *disk, const uint8_t *cdb)
{
    assert_true(disk_run(disk, 0, &disk->unit, cdb, SCSI_NO_DATA, NULL, 0));
}

static inline const uint8_t *in(struct disk *disk, const uint8_t *cdb, uint64_t expected)
{
    assert_true(disk_run(disk, 0, &disk->unit, cdb, SCSI_DATA_IN, NULL, expected));
    return disk_reply(disk);
}

static inline void out(struct disk *disk, const uint8_t *cdb, const void *data, uint64_t length)
{
    assert_true(disk_run(disk, 0, &disk->unit, cdb, SCSI_DATA_OUT, data, length));
}

static inline void assert_good(const struct disk *disk)
{
    assert_int_equal(disk->task.status, SCSI_GOOD);
}

/* GOOD, and this much data-in. */
static inline void assert_length(const struct disk *disk, uint64_t length)
{
    assert_good(disk);
    assert_int_equal(disk->task.moved_length, length);
}

/* CHECK CONDITION with fixed sense of this key and code. */
static inline void assert_sense(const struct disk *disk, unsigned key, unsigned code)
{
    const uint8_t *sense = disk->task.sense;

    assert_int_equal(disk->task.status, SCSI_CHECK_CONDITION);
    assert_int_equal(disk->task.sense_length, 18);
    assert_int_equal(sense[0] & 0x7f, 0x70);
    assert_int_equal(sense[7], 10);
    assert_int_equal(sense[2], key);
    assert_int_equal(be16_get(sense + 12), code);
    assert_int_equal(disk->task.moved_length, 0);
}

static inline void assert_information(const struct disk *disk, uint64_t information)
{
    assert_int_equal(disk->task.sense[0], 0xf0);
    assert_int_equal(be32_get(disk->task.sense + 3), information);
}

/* 5/24/00 or 5/26/00 with a field pointer; bit 8: none. */
static inline void assert_field(const struct disk *disk, bool in_cdb, unsigned byte, unsigned bit)
{
    const uint8_t *sks = disk->task.sense + 15;

    assert_sense(disk, 0x5, in_cdb ? 0x2400 : 0x2600);
    assert_int_equal(sks[0] & 0xc0, in_cdb ? 0xc0 : 0x80);
    assert_int_equal(be16_get(sks + 1), byte);
    if (bit < 8)
        assert_int_equal(sks[0] & 0x0f, 0x08 | bit);
    else
        assert_int_equal(sks[0] & 0x0f, 0);
}

static inline void assert_cdb_field(const struct disk *disk, unsigned byte, unsigned bit)
{
    assert_field(disk, true, byte, bit);
}

/* The commands that cannot do without: with fewer words. */
static inline void write_blocks(struct disk *disk, uint64_t lba, uint32_t blocks, uint8_t fill)
{
    size_t length = (size_t)blocks * disk->unit.params.block_length;
    uint8_t *data = malloc(length);

    memset(data, fill, length);
    out(disk, CDB(0x8a, 0, B64(lba), B32(blocks)), data, length);
    assert_good(disk);
    free(data);
}

/* Whether blocks on the medium are all of this byte. */
static inline bool medium_is(const struct disk *disk, uint64_t lba, uint64_t blocks, uint8_t fill)
{
    size_t length = disk->unit.params.block_length;

    for (size_t i = lba * length; i < (lba + blocks) * length; i++)
        if (disk->medium[i] != fill)
            return false;
    return true;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_reference, close_disk)

#endif
