/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Commands and block operations from arbitrary bytes against a small memory disk, which aborts when
 * the engine breaks a promise (tests/unit/scsi/disk.c).
 *
 * Input: two bytes of unit parameters (bits 0-2 block length, 3 cache, 4 unmap, 5 write-protected,
 * 6 single-block operations, 7 no transfer limit; bit 0 the original's profile; devices that write
 * zeroes (1), know extents (2) or take hints (3)), then commands: 16 bytes of CDB, a byte of flags
 * (bits 0-1 direction, 2 nexus, 3 absent LUN, 4 reset before, 5-6 scale of the length, 7 resize
 * before), two bytes of expected length, a byte n and n bytes of data-out, which repeat. With both
 * bits of direction set it is a block operation: byte 0 of the CDB is the operation, byte 1 its
 * flags, 2-9 its LBA and 10-13 the number of blocks; the expected length is a number of ranges,
 * which the data-out has, 12 bytes each.
 */

#include <stdint.h>
#include <string.h>

#include "../tests/unit/scsi/disk.h"
#include "scsi/be.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEDIUM_BLOCKS = 64, DATA_MAX = 1 << 18, STEPS_MAX = 512 };

static uint8_t data_out[DATA_MAX + UINT8_MAX];

static struct scsi_unit_params parameters(uint8_t choice, uint8_t profile)
{
    struct scsi_unit_params params = disk_params();

    params.profile = profile & 0x01 ? SCSI_PROFILE_WINSPD : SCSI_PROFILE_MODERN;
    params.max_unmap_ranges = profile & 0x01 ? 0 : params.max_unmap_ranges;
    params.block_length = 512u << (choice & 7);
    params.physical_block_length = params.block_length;
    params.block_count = MEDIUM_BLOCKS;
    params.max_transfer_length = choice & 0x40 ? params.block_length : 1 << 17;
    params.max_command_length = choice & 0x80 ? 0 : DATA_MAX;
    params.cache = choice & 0x08;
    params.unmap = params.unmap_zeros = choice & 0x10;
    params.write_protected = choice & 0x20;
    params.write_zeroes = profile & 0x02;
    params.extents = profile & 0x04;
    params.prefetch = profile & 0x08;
    return params;
}

static void run_block(struct disk *disk, const uint8_t *data, uint32_t count)
{
    static struct scsi_range ranges[DATA_MAX / 12];
    struct scsi_block block = {
        .operation = data[0],
        .flags = data[1],
        .lba = be64_get(data + 2),
        .blocks = be32_get(data + 10),
        .ranges = ranges,
        .range_count = count < DATA_MAX / 12 ? count : DATA_MAX / 12,
    };

    for (uint32_t i = 0; i < block.range_count; i++)
        ranges[i] = (struct scsi_range){
            be64_get(data_out + 12 * i), be32_get(data_out + 12 * i + 8), 0 };
    /* Its data is as long as it says, where a door would have refused it. */
    if (block.operation == SCSI_BLOCK_WRITE &&
        block.blocks > DATA_MAX / disk->unit.params.block_length)
        block.blocks %= DATA_MAX / disk->unit.params.block_length;
    disk_run_block(disk, data[16] >> 2 & 1, &block, data_out);
}

static size_t run_one(struct disk *disk, const uint8_t *data, size_t size)
{
    uint8_t flags = data[16];
    bool is_block = (flags & 3) == 3;
    uint64_t expected =
        (uint64_t)be16_get(data + 17) * (is_block ? 12 : 1) << (flags >> 5 & 3) * 2;
    size_t length = data[19] < size - 20 ? data[19] : size - 20;

    expected = expected < DATA_MAX ? expected : DATA_MAX;
    if (length) {
        for (size_t at = 0; at < expected; at += length)
            memcpy(data_out + at, data + 20, length);
    } else {
        memset(data_out, 0, expected);
    }
    if (flags & 0x10)
        scsi_unit_attention(&disk->unit, data[19] % SCSI_UA_COUNT, NULL);
    if (flags & 0x80)
        scsi_unit_resize(&disk->unit, data[19]);
    if (is_block)
        run_block(disk, data, (uint32_t)expected / 12);
    else
        disk_run(disk, flags >> 2 & 1, flags & 0x08 ? NULL : &disk->unit, data, flags & 3, data_out,
            expected);
    return 20 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scsi_unit_params params;
    struct disk disk;

    if (size < 2)
        return 0;
    params = parameters(data[0], data[1]);
    disk_open(&disk, &params, MEDIUM_BLOCKS);
    disk.steps_max = STEPS_MAX;
    for (size_t at = 2; size - at >= 20;)
        at += run_one(&disk, data + at, size - at);
    disk_close(&disk);
    return 0;
}
