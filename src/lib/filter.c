/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A simple filter's calls of the device below it, which may be built against another header, and
 * may lack operations. */

#include <string.h>

#include "lib/unit.h"

/* A flush that a device lacks does nothing; all else is refused. */
static int refuse(spd_status *status)
{
    spd_status_set(status, SPD_SENSE_ILLEGAL_REQUEST,
        SPD_ASC_INVALID_COMMAND_OPERATION_CODE, NULL);
    return 0;
}

int spd_device_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, read) ? device->ops->read(device, buffer, lba, blocks, flags, status)
                                 : refuse(status);
}

int spd_device_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, write) ? device->ops->write(device, buffer, lba, blocks, flags, status)
                                  : refuse(status);
}

int spd_device_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, flush) ? device->ops->flush(device, lba, blocks, flags, status) : 0;
}

int spd_device_unmap(spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags,
    spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, unmap) ? device->ops->unmap(device, ranges, count, flags, status)
                                  : refuse(status);
}

int spd_device_readv(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    if (SPD_HAS(device, readv))
        return device->ops->readv(device, vec, count, lba, blocks, flags, status);
    return count == 1 ? spd_device_read(device, vec->base, lba, blocks, flags, status)
                      : refuse(status);
}

int spd_device_writev(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    if (SPD_HAS(device, writev))
        return device->ops->writev(device, vec, count, lba, blocks, flags, status);
    return count == 1 ? spd_device_write(device, vec->base, lba, blocks, flags, status)
                      : refuse(status);
}

int spd_device_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, write_zeroes)
        ? device->ops->write_zeroes(device, lba, blocks, flags, status) : refuse(status);
}

int spd_device_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    SPD_NEEDS(device);
    SPD_NEEDS(extents);
    if (SPD_HAS(device, extents))
        return device->ops->extents(device, lba, blocks, flags, extents, status);
    spd_extents_add(extents, blocks, SPD_MAPPED);
    return 0;
}

int spd_device_prefetch(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    SPD_NEEDS(device);
    return SPD_HAS(device, prefetch)
        ? device->ops->prefetch(device, lba, blocks, flags, status) : 0;
}

void spd_device_abort(spd_device *below, spd_request *request)
{
    SPD_NEEDS(below);
    if (!SPD_HAS(below, submit) && SPD_HAS(below, abort))
        below->ops->abort(below, request);
}

void spd_device_stop(spd_device *below)
{
    SPD_NEEDS(below);
    if (SPD_HAS(below, stop))
        below->ops->stop(below);
}

void spd_device_thread_begin(spd_device *below)
{
    SPD_NEEDS(below);
    if (SPD_HAS(below, thread_begin))
        below->ops->thread_begin(below);
}

void spd_device_thread_end(spd_device *below)
{
    SPD_NEEDS(below);
    if (SPD_HAS(below, thread_end))
        below->ops->thread_end(below);
}

int spd_device_queue_begin(spd_device *below, spd_queue *queue)
{
    SPD_NEEDS(below);
    return SPD_HAS(below, queue_begin) ? below->ops->queue_begin(below, queue) : 0;
}

void spd_device_queue_end(spd_device *below, spd_queue *queue)
{
    SPD_NEEDS(below);
    if (SPD_HAS(below, queue_end))
        below->ops->queue_end(below, queue);
}

void spd_device_poll(spd_device *below, spd_queue *queue)
{
    SPD_NEEDS(below);
    if (SPD_HAS(below, poll))
        below->ops->poll(below, queue);
}

typedef void (*any_operation)(void);

static any_operation *operation_at(const spd_ops *ops, size_t offset)
{
    any_operation *at = (any_operation *)(void *)((char *)(uintptr_t)ops + offset);

    return ops->size < offset + sizeof *at ? NULL : at;
}

/* Each device finds its own areas before those of the device below: spd_request_area(). */
static void fit_areas(spd_ops *ops, const spd_device *below)
{
    enum { REQUEST_ALIGNMENT = 16, QUEUE_ALIGNMENT = 64 };

    if (SPD_HAS(below, queue_size))
        ops->queue_size = below->ops->queue_size +
            (ops->queue_size + QUEUE_ALIGNMENT - 1) / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT;
    if (SPD_HAS(below, request_size))
        ops->request_size = below->ops->request_size +
            (ops->request_size + REQUEST_ALIGNMENT - 1) / REQUEST_ALIGNMENT * REQUEST_ALIGNMENT;
}

static bool takes_requests(const spd_ops *ops)
{
    const any_operation *many = operation_at(ops, offsetof(spd_ops, submit_many));

    return ops->submit || (many && *many);
}

void spd_ops_fit(spd_ops *ops, const spd_device *below)
{
    /* The operation of the filter needs that of the device below. */
    static const struct {
        size_t operation, needed;
    } rows[] = {
        { offsetof(spd_ops, read), offsetof(spd_ops, read) },
        { offsetof(spd_ops, write), offsetof(spd_ops, write) },
        { offsetof(spd_ops, flush), offsetof(spd_ops, flush) },
        { offsetof(spd_ops, unmap), offsetof(spd_ops, unmap) },
        { offsetof(spd_ops, readv), offsetof(spd_ops, readv) },
        { offsetof(spd_ops, writev), offsetof(spd_ops, writev) },
        { offsetof(spd_ops, write_zeroes), offsetof(spd_ops, write_zeroes) },
        { offsetof(spd_ops, extents), offsetof(spd_ops, extents) },
        { offsetof(spd_ops, prefetch), offsetof(spd_ops, prefetch) },
        { offsetof(spd_ops, queue_begin), offsetof(spd_ops, queue_begin) },
        { offsetof(spd_ops, queue_end), offsetof(spd_ops, queue_end) },
        { offsetof(spd_ops, submit_many), offsetof(spd_ops, submit_many) },
        { offsetof(spd_ops, poll), offsetof(spd_ops, poll) },
    };

    SPD_NEEDS(ops);
    SPD_NEEDS(below);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        any_operation *operation = operation_at(ops, rows[i].operation);
        const any_operation *needed = operation_at(below->ops, rows[i].needed);

        if (operation && !(needed && *needed))
            *operation = NULL;
    }
    if (!SPD_HAS(below, submit) && !SPD_HAS(below, submit_many))
        ops->submit = NULL;
    if (ops->size >= offsetof(spd_ops, returned) + sizeof ops->returned && !takes_requests(ops))
        ops->returned = NULL;
    if (ops->size >= offsetof(spd_ops, submits) + sizeof ops->submits)
        ops->submits &= SPD_HAS(below, submits) ? below->ops->submits : 0;
    if (ops->size >= offsetof(spd_ops, request_size) + sizeof ops->request_size)
        fit_areas(ops, below);
}
