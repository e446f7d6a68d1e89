/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Arbitrary contents of the ring that the tcmu: door shares with the kernel. Whatever they are, the
 * device only sees ranges that it has, and the mailbox stays as the kernel made it.
 *
 * Input: the bytes of the ring; then a byte, by which the head moves on in each turn of the loop,
 * in units of eight bytes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/tcmu/kernel.h"
#include "doors/tcmu/protocol.h"
#include "spd/spd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS = 64, BLOCK = 512, TRANSFER = 8192, TURNS = 8 };

static uint8_t disk[BLOCKS * BLOCK];

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t *at(uint64_t lba, uint32_t blocks)
{
    must(lba <= BLOCKS && blocks <= BLOCKS - lba);
    return disk + lba * BLOCK;
}

static int disk_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    must(blocks <= TRANSFER / BLOCK);
    memcpy(buffer, at(lba, blocks), (size_t)blocks * BLOCK);
    return 0;
}

static int disk_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    must(blocks <= TRANSFER / BLOCK);
    memcpy(at(lba, blocks), buffer, (size_t)blocks * BLOCK);
    return 0;
}

static spd_unit *new_unit(void)
{
    static const spd_ops ops = { .size = sizeof ops, .read = disk_read, .write = disk_write };
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit;

    kernel_by_hand = true;
    params.block_count = BLOCKS;
    params.max_transfer_length = TRANSFER;
    params.flags = SPD_NEVER_BLOCKS;
    must(spd_unit_create("kernel:", &params, &(spd_device){ &ops, NULL }, &unit) == 0);
    must(spd_unit_start(unit, 0) == 0);
    return unit;
}

/* Entries point into the memory by offsets, which the input would hardly hit: an entry whose CDB is
 * at 0 gets its own. */
static void lead_on(size_t length)
{
    for (size_t place = RING; place + ENTRY <= RING + length; place += 8) {
        uint32_t word = get32(place + ENTRY_LENGTH);

        if ((word & ENTRY_OPCODE_MASK) == TCMU_COMMAND && get32(place + COMMAND_CDB) == 0)
            put64(place + COMMAND_CDB, place + ANSWER_END);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length;
    spd_unit *unit;

    if (size < 2)
        return 0;
    length = size - 1 < RING_SIZE ? size - 1 : RING_SIZE;
    spd_log_set(NULL, NULL);
    memory_reset();
    memset(memory + DATA, 0, DATA_SIZE);
    unit = new_unit();
    memcpy(memory + RING, data, length);
    lead_on(length);
    for (int i = 0; i < TURNS; i++) {
        move_head((uint32_t)data[size - 1] * 8);
        kernel_kick();
        spd_loop_turn(&kernel_door->loop, 0);
    }
    must(get16(MAILBOX_VERSION) == TCMU_VERSION && get32(MAILBOX_RING) == RING);
    must(get32(MAILBOX_TAIL) < RING_SIZE && get32(MAILBOX_TAIL) % 8 == 0);
    spd_unit_delete(unit);
    return 0;
}
