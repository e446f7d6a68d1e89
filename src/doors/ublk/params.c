/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The unit's properties, in the words of the ublk driver. */

#include <string.h>

#include "doors/ublk/door.h"

enum {
    BLOCK_MAX = 4096,         /* Linux knows no longer blocks than its pages */
    RANGE_SECTORS = 4u << 20, /* 2 GiB, of a discard: one is not split, and has to end some time */
    GRANULARITY_MAX = 1 << 30,
};

static uint8_t shift_of(uint32_t power)
{
    return (uint8_t)__builtin_ctz(power);
}

static uint32_t attributes_of(const struct scsi_unit_params *params)
{
    return (params->write_protected ? UBLK_ATTRIBUTE_READ_ONLY : 0) |
        (params->rotation_rate > 1 ? UBLK_ATTRIBUTE_ROTATIONAL : 0) |
        (params->cache ? UBLK_ATTRIBUTE_VOLATILE_CACHE | UBLK_ATTRIBUTE_FUA : 0);
}

static uint32_t granularity_of(const struct scsi_unit_params *params)
{
    uint64_t bytes = (uint64_t)params->unmap_granularity * params->block_length;

    return bytes && bytes <= GRANULARITY_MAX ? (uint32_t)bytes : params->block_length;
}

int ublk_params_make(const struct scsi_unit *unit, uint32_t io_bytes_max,
    struct ublk_params *params)
{
    const struct scsi_unit_params *p = &unit->params;
    uint32_t physical = p->physical_block_length;

    if (p->block_length > BLOCK_MAX)
        return spd_fail(SPD_ERROR_BLOCK_LENGTH, "the disk has blocks of %u bytes, and Linux takes "
            "512 to %d", p->block_length, BLOCK_MAX);
    if (physical < p->block_length)
        physical = p->block_length;
    *params = (struct ublk_params){
        .length = sizeof *params,
        .types = UBLK_PARAMS_BASIC | UBLK_PARAMS_DISCARD,
        .basic = {
            .attributes = attributes_of(p),
            .logical_shift = unit->block_shift,
            .physical_shift = shift_of(physical),
            .io_minimal_shift = shift_of(physical),
            .io_optimal_shift = shift_of(physical),
            .max_sectors = io_bytes_max >> UBLK_SECTOR_SHIFT,
            .sectors = atomic_load(&unit->block_count) << (unit->block_shift - UBLK_SECTOR_SHIFT),
        },
        .discard = {
            .granularity = granularity_of(p),
            .max_sectors = p->unmap ? RANGE_SECTORS : 0,
            .max_write_zeroes_sectors = RANGE_SECTORS,
            .max_segments = 1,
        },
    };
    return 0;
}

/* Sixteen bits say that it is ours; the rest tell units apart. */
uint64_t ublk_params_identity(const struct scsi_unit *unit)
{
    static const uint64_t magic = UINT64_C(0x5350) << 48, mask = (UINT64_C(1) << 48) - 1;
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (unsigned i = 0; i < sizeof unit->params.guid; i++)
        hash = (hash ^ unit->params.guid[i]) * UINT64_C(0x100000001b3);
    return magic | ((hash ^ hash >> 48) & mask);
}
