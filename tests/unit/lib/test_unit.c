/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units: creation, life cycle, and commands to a device that never blocks. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop_door.h"

enum { BLOCK = 512, BLOCKS = 64 };

static unsigned char disk[BLOCKS][BLOCK];
static unsigned flushes;

static int ram_read(spd_unit *unit, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    (void)unit, (void)flags, (void)status;
    memcpy(buffer, disk[lba], (size_t)blocks * BLOCK);
    return 0;
}

static int ram_write(spd_unit *unit, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)unit, (void)flags, (void)status;
    memcpy(disk[lba], buffer, (size_t)blocks * BLOCK);
    return 0;
}

static int ram_flush(
    spd_unit *unit, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)unit, (void)flags, (void)status;
    assert_int_equal(lba, 0);
    assert_int_equal(blocks, 0);
    flushes++;
    return 0;
}

static const spd_ops ram_ops = {
    .size = sizeof(spd_ops), .read = ram_read, .write = ram_write, .flush = ram_flush
};

static spd_params ram_params(void)
{
    spd_params params = SPD_PARAMS_INIT;

    params.block_count = BLOCKS;
    params.flags = SPD_CACHE | SPD_NEVER_BLOCKS;
    return params;
}

static void a_written_block_is_read_back(void **state)
{
    spd_params params = ram_params();
    unsigned char out[BLOCK], in[BLOCK];
    struct loop_command write = { 0 }, read = { 0 };
    spd_unit *unit;

    (void)state;
    memset(out, 0x5a, sizeof out);
    assert_int_equal(spd_unit_create("loop:", &params, &ram_ops, NULL, &unit), 0);
    assert_int_equal(spd_unit_start(unit, 0), 0);
    assert_true(loop_start_write(loop_door_of(unit), &write, out, 7, 1, BLOCK));
    assert_int_equal(loop_wait(&write), SCSI_GOOD);
    assert_true(loop_start_read(loop_door_of(unit), &read, in, 7, 1, BLOCK));
    assert_int_equal(loop_wait(&read), SCSI_GOOD);
    assert_memory_equal(in, out, BLOCK);
    spd_unit_delete(unit);
    assert_int_equal(flushes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_block_is_read_back),
    };

    return cmocka_run_group_tests_name("unit", tests, NULL, NULL);
}
