/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "workers.h"

#include <stddef.h>
#include <stdlib.h>

/* A request that waits for a thread: the area of the device. */
struct work {
    struct work *next;
    spd_request *request;
};

static const spd_status aborted = {
    .scsi_status = SPD_STATUS_CHECK_CONDITION, .sense_key = SPD_SENSE_ABORTED_COMMAND
};

/* The door has the data in pieces, and the device wants one. */
static int move_pieces(struct workers *workers, spd_request *request, spd_status *status)
{
    uint64_t lba = spd_request_lba(request);
    uint32_t blocks = spd_request_blocks(request), count, flags = spd_request_flags(request);
    size_t length = (size_t)blocks * workers->block_length;
    const spd_vec *vec = spd_request_data(request, &count);
    bool reads = spd_request_operation(request) == SPD_READ;
    void *buffer = malloc(length);
    int error;

    if (!buffer) {
        spd_status_set_busy(status);
        return 0;
    }
    if (reads) {
        error = spd_device_read(&workers->below, buffer, lba, blocks, flags, status);
        if (!error)
            spd_vec_put(vec, count, 0, buffer, length);
    } else {
        spd_vec_get(vec, count, 0, buffer, length);
        error = spd_device_write(&workers->below, buffer, lba, blocks, flags, status);
    }
    free(buffer);
    return error;
}

static int call_read(struct workers *workers, spd_request *request, spd_status *status)
{
    uint32_t count;
    const spd_vec *vec = spd_request_data(request, &count);

    if (count > 1 && !workers->below.ops->readv)
        return move_pieces(workers, request, status);
    return spd_device_readv(&workers->below, vec, count, spd_request_lba(request),
        spd_request_blocks(request), spd_request_flags(request), status);
}

static int call_write(struct workers *workers, spd_request *request, spd_status *status)
{
    uint32_t count;
    const spd_vec *vec = spd_request_data(request, &count);

    if (count > 1 && !workers->below.ops->writev)
        return move_pieces(workers, request, status);
    return spd_device_writev(&workers->below, vec, count, spd_request_lba(request),
        spd_request_blocks(request), spd_request_flags(request), status);
}

static int call_flush(struct workers *workers, spd_request *request, spd_status *status)
{
    return spd_device_flush(&workers->below, spd_request_lba(request), spd_request_blocks(request),
        spd_request_flags(request), status);
}

static int call_unmap(struct workers *workers, spd_request *request, spd_status *status)
{
    uint32_t count;
    const spd_range *ranges = spd_request_ranges(request, &count);

    return spd_device_unmap(&workers->below, ranges, count, spd_request_flags(request), status);
}

static int call_write_zeroes(struct workers *workers, spd_request *request, spd_status *status)
{
    return spd_device_write_zeroes(&workers->below, spd_request_lba(request),
        spd_request_blocks(request), spd_request_flags(request), status);
}

static int call_extents(struct workers *workers, spd_request *request, spd_status *status)
{
    return spd_device_extents(&workers->below, spd_request_lba(request),
        spd_request_blocks(request), spd_request_flags(request), spd_request_extents(request),
        status);
}

static int call_prefetch(struct workers *workers, spd_request *request, spd_status *status)
{
    return spd_device_prefetch(&workers->below, spd_request_lba(request),
        spd_request_blocks(request), spd_request_flags(request), status);
}

static int (*const calls[])(struct workers *workers, spd_request *request, spd_status *status) = {
    [SPD_READ] = call_read,
    [SPD_WRITE] = call_write,
    [SPD_FLUSH] = call_flush,
    [SPD_UNMAP] = call_unmap,
    [SPD_WRITE_ZEROES] = call_write_zeroes,
    [SPD_EXTENTS] = call_extents,
    [SPD_PREFETCH] = call_prefetch,
};

/* The library judges the result of a simple operation in the same way (device.h). */
static void judge(const spd_request *request, int error, spd_status *status)
{
    if (!error || status->scsi_status != SPD_STATUS_GOOD)
        return;
    if (error < 0 && error > -4096)
        spd_status_set_errno(
            status, error, spd_request_operation(request), spd_request_lba(request));
    else
        spd_status_set(status, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, NULL);
}

static void perform(struct workers *workers, spd_request *request)
{
    spd_status status = { 0 };

    if (spd_request_is_aborted(request))
        status = aborted;
    else
        judge(request, calls[spd_request_operation(request)](workers, request, &status), &status);
    spd_request_complete(request, &status);
}

/* The lock is held. NULL: the end. */
static spd_request *take(struct workers *workers)
{
    struct work *work;

    while (!workers->first && !workers->ended)
        monitor_wait(workers->monitor);
    work = workers->first;
    if (!work)
        return NULL;
    workers->first = work->next;
    if (!workers->first)
        workers->last = &workers->first;
    return work->request;
}

static void serve(void *argument)
{
    struct workers *workers = argument;
    spd_request *request;

    spd_device_thread_begin(&workers->below);
    monitor_lock(workers->monitor);
    while ((request = take(workers))) {
        monitor_unlock(workers->monitor);
        perform(workers, request);
        monitor_lock(workers->monitor);
    }
    monitor_unlock(workers->monitor);
    spd_device_thread_end(&workers->below);
}

static void workers_submit(spd_device *device, spd_request *request)
{
    struct workers *workers = device->context;
    struct work *work = spd_request_area(request);

    *work = (struct work){ .request = request };
    monitor_lock(workers->monitor);
    *workers->last = work;
    workers->last = &work->next;
    monitor_wake_one(workers->monitor);
    monitor_unlock(workers->monitor);
}

/* A request that waits for a thread ends at once: all threads may be in operations that hang. */
static void workers_abort(spd_device *device, spd_request *request)
{
    struct workers *workers = device->context;
    struct work **at, *work;

    monitor_lock(workers->monitor);
    for (at = &workers->first; (work = *at) && work->request != request; at = &work->next)
        continue;
    if (work) {
        *at = work->next;
        if (!*at)
            workers->last = at;
    }
    monitor_unlock(workers->monitor);
    if (work)
        spd_request_complete(request, &aborted);
    else
        spd_device_abort(&workers->below, request);
}

static void workers_stop(spd_device *device)
{
    spd_device_stop(&((struct workers *)device->context)->below);
}

void workers_init(struct workers *workers, const spd_device *below, uint32_t block_length)
{
    *workers = (struct workers){
        .ops = {
            .size = sizeof workers->ops,
            .submit = workers_submit,
            .abort = workers_abort,
            .stop = workers_stop,
            .submits = (below->ops->write_zeroes ? 1u << SPD_WRITE_ZEROES : 0) |
                (below->ops->extents ? 1u << SPD_EXTENTS : 0) |
                (below->ops->prefetch ? 1u << SPD_PREFETCH : 0),
            .request_size = sizeof(struct work),
        },
        .below = *below,
        .block_length = block_length,
    };
    workers->device = (spd_device){ &workers->ops, workers };
    workers->last = &workers->first;
}

bool workers_open(struct workers *workers, uint32_t count)
{
    workers->monitor = monitor_new();
    if (!workers->monitor)
        return false;
    for (; workers->count < count; workers->count++) {
        workers->threads[workers->count] = monitor_thread_new(serve, workers);
        if (!workers->threads[workers->count])
            return false;
    }
    return true;
}

void workers_close(struct workers *workers)
{
    if (!workers->monitor)
        return;
    monitor_lock(workers->monitor);
    workers->ended = true;
    monitor_wake_all(workers->monitor);
    monitor_unlock(workers->monitor);
    while (workers->count)
        monitor_thread_join(workers->threads[--workers->count]);
    monitor_delete(workers->monitor);
}
