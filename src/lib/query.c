/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Answers what programs and doors ask of a unit, and changes it while it serves. */

#include <stddef.h>
#include <string.h>

#include "lib/unit.h"

void *spd_unit_context(const spd_unit *unit)
{
    SPD_NEEDS(unit);
    return unit->context;
}

const spd_params *spd_unit_params(const spd_unit *unit)
{
    SPD_NEEDS(unit);
    return &unit->params;
}

const char *spd_unit_door_uri(const spd_unit *unit, uint32_t index)
{
    SPD_NEEDS(unit);
    return index < unit->door_count ? unit->doors[index]->uri : NULL;
}

const char *spd_unit_door_name(const spd_unit *unit, uint32_t index)
{
    SPD_NEEDS(unit);
    if (index >= unit->door_count)
        return NULL;
    /* The system's best door was given none; its URI is one. */
    return *unit->doors[index]->name ? unit->doors[index]->name : unit->doors[index]->uri;
}

int spd_unit_resize(spd_unit *unit, uint64_t block_count)
{
    spd_unit_check(unit, __func__);
    if (!scsi_unit_resize(&unit->scsi, block_count))
        return spd_fail(SPD_ERROR_BLOCK_COUNT, "%llu blocks of %u bytes",
            (unsigned long long)block_count, unit->params.block_length);
    __atomic_store_n(&unit->params.block_count, block_count, __ATOMIC_RELAXED);
    return 0;
}

int spd_unit_statistics(const spd_unit *unit, spd_statistics *statistics)
{
    spd_statistics sum;
    size_t size;

    SPD_NEEDS(unit);
    SPD_NEEDS(statistics);
    size = statistics->size;
    if (size < offsetof(spd_statistics, operation) || size > 2 * sizeof sum)
        return spd_fail(
            SPD_ERROR_SIZE, "spd_statistics has size %zu; it is %zu here", size, sizeof sum);
    spd_shards_sum(unit->shards, &sum);
    sum.size = size;
    memset(statistics, 0, size);
    memcpy(statistics, &sum, size < sizeof sum ? size : sizeof sum);
    return 0;
}

struct scsi_unit *spd_unit_scsi(struct spd_unit *unit)
{
    return &unit->scsi;
}

void spd_unit_reset(struct spd_unit *unit, enum scsi_attention why, struct scsi_nexus *except)
{
    scsi_unit_attention(&unit->scsi, why, except);
}
