/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Answers a device's questions about a request that it has. */

#include <stdatomic.h>

#include "lib/unit.h"

static uint32_t holder_of(const spd_request *request)
{
    return atomic_load_explicit(&request->holder, memory_order_relaxed);
}

spd_operation spd_request_operation(const spd_request *request)
{
    SPD_NEEDS(request);
    return (spd_operation)(request->step - SCSI_READ + SPD_READ);
}

uint64_t spd_request_lba(const spd_request *request)
{
    SPD_NEEDS(request);
    return request->step == SCSI_UNMAP ? request->task.op.ranges[0].lba : request->task.op.lba;
}

uint32_t spd_request_blocks(const spd_request *request)
{
    SPD_NEEDS(request);
    return request->step == SCSI_UNMAP ? request->task.op.ranges[0].blocks
                                       : request->task.op.blocks;
}

uint32_t spd_request_flags(const spd_request *request)
{
    SPD_NEEDS(request);
    return spd_step_flags(request, (enum scsi_step)request->step);
}

const spd_vec *spd_request_data(const spd_request *request, uint32_t *count)
{
    SPD_NEEDS(request);
    SPD_NEEDS(count);
    *count = request->op_vec_count;
    return request->op_vec;
}

const spd_range *spd_request_ranges(const spd_request *request, uint32_t *count)
{
    SPD_NEEDS(request);
    SPD_NEEDS(count);
    *count = 0;
    if (request->step != SCSI_UNMAP)
        return NULL; /* the pieces of the request that had the memory before */
    *count = request->task.op.range_count;
    return (const spd_range *)request->task.op.ranges;
}

spd_extents *spd_request_extents(const spd_request *request)
{
    SPD_NEEDS(request);
    return request->step == SCSI_EXTENTS ? (spd_extents *)request->task.op.extents : NULL;
}

int spd_extents_add(spd_extents *extents, uint64_t blocks, spd_provisioning state)
{
    SPD_NEEDS(extents);
    return scsi_extents_add(
        (struct scsi_extents *)extents, blocks, (enum scsi_provisioning)state);
}

spd_buffer_kind spd_request_buffer_kind(const spd_request *request)
{
    SPD_NEEDS(request);
    return (spd_buffer_kind)request->buffer_kind;
}

/* Each device of a stack has the sizes of those below in its own. */
void *spd_request_area(const spd_request *request)
{
    const spd_device *device;
    uint32_t own;

    SPD_NEEDS(request);
    device = request->frames[holder_of(request)].device;
    own = SPD_HAS(device, request_size) ? device->ops->request_size : 0;
    return own ? (char *)request->area + (request->unit->ops.request_size - own) : NULL;
}

int spd_request_is_aborted(const spd_request *request)
{
    SPD_NEEDS(request);
    return atomic_load(&request->aborted);
}

void spd_request_set_context(spd_request *request, void *context)
{
    SPD_NEEDS(request);
    atomic_store_explicit(
        &request->frames[holder_of(request)].context, context, memory_order_release);
}

void *spd_request_context(const spd_request *request)
{
    SPD_NEEDS(request);
    return atomic_load_explicit(
        &request->frames[holder_of(request)].context, memory_order_acquire);
}
