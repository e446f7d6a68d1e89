/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct filter *enter(spd_device *device, spd_operation operation)
{
    struct filter *filter = device->context;

    atomic_fetch_add(&filter->calls[operation], 1);
    return filter;
}

static bool is_done(struct filter *filter, spd_operation operation, spd_status *status)
{
    return filter->on_call && filter->on_call(filter, operation, status);
}

static int filter_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_READ);

    if (is_done(filter, SPD_READ, status))
        return 0;
    return spd_device_read(&filter->below, buffer, lba, blocks, flags, status);
}

static int filter_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_WRITE);

    if (is_done(filter, SPD_WRITE, status))
        return 0;
    return spd_device_write(&filter->below, buffer, lba, blocks, flags, status);
}

static int filter_readv(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_READ);

    if (is_done(filter, SPD_READ, status))
        return 0;
    return spd_device_readv(&filter->below, vec, count, lba, blocks, flags, status);
}

static int filter_writev(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_WRITE);

    if (is_done(filter, SPD_WRITE, status))
        return 0;
    return spd_device_writev(&filter->below, vec, count, lba, blocks, flags, status);
}

static int filter_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_FLUSH);

    return spd_device_flush(&filter->below, lba, blocks, flags, status);
}

static int filter_unmap(spd_device *device, const spd_range *ranges, uint32_t count,
    uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_UNMAP);

    return spd_device_unmap(&filter->below, ranges, count, flags, status);
}

static int filter_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_WRITE_ZEROES);

    return spd_device_write_zeroes(&filter->below, lba, blocks, flags, status);
}

static int filter_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    struct filter *filter = enter(device, SPD_EXTENTS);

    return spd_device_extents(&filter->below, lba, blocks, flags, extents, status);
}

static int filter_prefetch(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct filter *filter = enter(device, SPD_PREFETCH);

    return spd_device_prefetch(&filter->below, lba, blocks, flags, status);
}

/* Each device finds its own pointer, and only while it has the request. The pointer also counts the
 * attempts: its distance from the filter is their number. */
static unsigned tries_of(struct filter *filter, spd_request *request)
{
    uintptr_t distance = (uintptr_t)spd_request_context(request) - (uintptr_t)filter;

    assert_true(distance < sizeof *filter);
    return (unsigned)distance;
}

void filter_pass(struct filter *filter, spd_request *request)
{
    spd_request_set_context(request, (char *)filter + tries_of(filter, request) + 1);
    spd_request_pass(request, &filter->below);
}

static void filter_submit(spd_device *device, spd_request *request)
{
    struct filter *filter = enter(device, spd_request_operation(request));

    assert_null(spd_request_context(request));
    spd_request_set_context(request, filter);
    if (!filter->on_submit || !filter->on_submit(filter, request))
        filter_pass(filter, request);
}

static void filter_returned(spd_device *device, spd_request *request, const spd_status *status)
{
    struct filter *filter = device->context;
    unsigned tries = tries_of(filter, request);

    atomic_fetch_add(&filter->returns, 1);
    if (filter->on_return && filter->on_return(filter, request, status))
        return;
    if (tries < filter->tries && !spd_request_is_aborted(request))
        filter_pass(filter, request);
    else
        spd_request_complete(request, status);
}

static void filter_abort(spd_device *device, spd_request *request)
{
    struct filter *filter = device->context;

    if (filter->ops.submit)
        tries_of(filter, request);
    atomic_fetch_add(&filter->aborts, 1);
    if (filter->on_abort)
        filter->on_abort(filter, request);
    spd_device_abort(&filter->below, request);
}

static void filter_stop(spd_device *device)
{
    struct filter *filter = device->context;

    atomic_fetch_add(&filter->stops, 1);
    spd_device_stop(&filter->below);
}

void filter_init(struct filter *filter, const spd_device *below)
{
    memset(filter, 0, sizeof *filter);
    filter->ops = (spd_ops){
        .size = sizeof filter->ops,
        .read = filter_read,
        .write = filter_write,
        .flush = filter_flush,
        .unmap = filter_unmap,
        .submit = filter_submit,
        .abort = filter_abort,
        .stop = filter_stop,
        .returned = filter_returned,
        .readv = filter_readv,
        .writev = filter_writev,
        .write_zeroes = filter_write_zeroes,
        .extents = filter_extents,
        .prefetch = filter_prefetch,
        .submits = 1 << SPD_WRITE_ZEROES | 1 << SPD_EXTENTS | 1 << SPD_PREFETCH,
    };
    filter->below = *below;
    filter->device = (spd_device){ &filter->ops, filter };
    spd_ops_fit(&filter->ops, below);
}
