/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Answers questions of programs and doors about a unit, and changes it while it serves. */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/unit.h"

const spd_params *spd_unit_params_here(const struct spd_unit *unit)
{
    return &unit->params;
}

uint64_t spd_unit_block_count(const spd_unit *unit)
{
    SPD_NEEDS(unit);
    return __atomic_load_n(&unit->params.block_count, __ATOMIC_RELAXED);
}

/* The block count alone may change meanwhile. */
int spd_unit_params(const spd_unit *unit, spd_params *params)
{
    enum { COUNT = offsetof(spd_params, block_count), REST = COUNT + sizeof params->block_count };
    spd_params now;

    SPD_NEEDS(unit);
    SPD_NEEDS(params);
    memcpy(&now, &unit->params, COUNT);
    now.block_count = spd_unit_block_count(unit);
    memcpy((char *)&now + REST, (const char *)&unit->params + REST, sizeof now - REST);
    return spd_export(params, &now, sizeof now, "spd_params");
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
    /* The system's best door has no name; its URI serves as one. */
    return *unit->doors[index]->name ? unit->doors[index]->name : unit->doors[index]->uri;
}

void spd_unit_keep_locked(struct spd_unit *unit, int error)
{
    unit->last_error = error;
    snprintf(unit->last_detail, sizeof unit->last_detail, "%s", spd_error_detail());
}

int spd_unit_keep_error(struct spd_unit *unit, int error)
{
    if (!error)
        return 0;
    os_mutex_lock(&unit->lock);
    spd_unit_keep_locked(unit, error);
    os_mutex_unlock(&unit->lock);
    return error;
}

int spd_unit_last_error(const spd_unit *unit, char *detail, size_t size)
{
    struct spd_unit *locked = (struct spd_unit *)unit;
    int error;

    spd_unit_check(unit, __func__);
    if (size)
        SPD_NEEDS(detail);
    os_mutex_lock(&locked->lock);
    error = unit->last_error;
    if (size)
        snprintf(detail, size, "%s", unit->last_detail);
    os_mutex_unlock(&locked->lock);
    return error;
}

void spd_unit_tell_resized(struct spd_unit *unit)
{
    for (uint32_t i = 0; i < unit->door_count; i++)
        if (unit->doors[i]->ops->resized)
            unit->doors[i]->ops->resized(unit->doors[i]);
}

int spd_unit_resize(spd_unit *unit, uint64_t block_count)
{
    bool resized;

    spd_unit_check(unit, __func__);
    /* Within the lock, so that the last one of several is the last for engine and doors alike. */
    os_mutex_lock(&unit->lock);
    resized = scsi_unit_resize(&unit->scsi, block_count);
    if (resized) {
        __atomic_store_n(&unit->params.block_count, block_count, __ATOMIC_RELAXED);
        unit->resize_wanted = unit->state == SPD_UNIT_STARTING;
        if (unit->state == SPD_UNIT_RUNNING)
            spd_unit_tell_resized(unit);
    }
    os_mutex_unlock(&unit->lock);
    if (resized)
        return 0;
    return spd_unit_keep_error(unit,
        spd_fail(SPD_ERROR_BLOCK_COUNT, "%llu blocks of %u bytes", (unsigned long long)block_count,
            unit->params.block_length));
}

int spd_unit_statistics(const spd_unit *unit, spd_statistics *statistics)
{
    spd_statistics sum;

    SPD_NEEDS(unit);
    SPD_NEEDS(statistics);
    spd_shards_sum(unit->shards, &sum);
    return spd_export(statistics, &sum, sizeof sum, "spd_statistics");
}

int spd_unit_operation_statistics(
    const spd_unit *unit, spd_operation operation, spd_operation_statistics *statistics)
{
    spd_operation_statistics sum;

    SPD_NEEDS(unit);
    SPD_NEEDS(statistics);
    if (operation < SPD_READ || operation > (spd_operation)SPD_OPERATION_LAST)
        return spd_fail(SPD_ERROR_NOT_SUPPORTED, "there is no operation %d", (int)operation);
    spd_shards_sum_operation(unit->shards, operation, &sum);
    return spd_export(statistics, &sum, sizeof sum, "spd_operation_statistics");
}

uint64_t spd_latency_percentile(const spd_operation_statistics *statistics, double percent)
{
    uint64_t total = 0, seen = 0;

    SPD_NEEDS(statistics);
    if (statistics->size < sizeof *statistics)
        return 0;
    for (uint32_t i = 0; i < SPD_LATENCY_BUCKETS; i++)
        total += statistics->latency[i];
    for (uint32_t i = 0; i < SPD_LATENCY_BUCKETS && total; i++) {
        seen += statistics->latency[i];
        if (seen && (double)seen >= (double)total * percent / 100)
            return spd_latency_bound(i);
    }
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
