/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { TRACE_LINE_MAX = 256 };

static const char *const names[] = {
    [SPD_READ] = "Read ",
    [SPD_WRITE] = "Write",
    [SPD_FLUSH] = "Flush",
    [SPD_UNMAP] = "Unmap",
    [SPD_WRITE_ZEROES] = "Zero ",
    [SPD_EXTENTS] = "Extents",
    [SPD_PREFETCH] = "Prefetch",
};

/* Threads are numbered in the order in which they first log, for all traces of the process. */
static atomic_uint trace_threads;
static _Thread_local unsigned trace_thread;

static bool trace_wants(const struct trace *trace, spd_operation operation)
{
    return trace->mask >> operation & 1;
}

static uint64_t next_hint(struct trace *trace)
{
    return atomic_fetch_add(&trace->hint, 1) + 1;
}

__attribute__((format(printf, 3, 4)))
static void trace_line(struct trace *trace, uint64_t hint, const char *format, ...)
{
    char text[TRACE_LINE_MAX], line[TRACE_LINE_MAX + 64];
    va_list args;
    int length;

    if (!trace_thread)
        trace_thread = atomic_fetch_add(&trace_threads, 1) + 1;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    length = snprintf(line, sizeof line, "%.19s[TID=%04x]: %016" PRIx64 ": %s\n", trace->program,
        trace_thread, hint, text);
    sink_write(trace->out, line, (size_t)length);
}

/* error: what the operation returned, which counts while its status is GOOD. */
static void trace_response(struct trace *trace, uint64_t hint, spd_operation operation, int error,
    const spd_status *status)
{
    const char *name = names[operation];
    char information[48] = "";

    if (status->scsi_status == 0 && error) {
        trace_line(trace, hint, "<<%s Error=%d", name, error);
        return;
    }
    if (status->scsi_status == 0) {
        trace_line(trace, hint, "<<%s Status=GOOD", name);
        return;
    }
    if (status->information_valid)
        snprintf(information, sizeof information, " Information=%" PRIx32 ":%" PRIx32,
            (uint32_t)(status->information >> 32), (uint32_t)status->information);
    trace_line(trace, hint, "<<%s Status=%s SenseKey=%s ASC/ASCQ=%d/%d%s", name,
        spd_scsi_status_name(status->scsi_status), spd_sense_key_name(status->sense_key),
        status->asc, status->ascq, information);
}

/* blocks: of an unmap, the number of its ranges. */
static uint64_t trace_request(struct trace *trace, spd_operation operation, uint64_t lba,
    uint32_t blocks, uint32_t flags)
{
    uint64_t hint = next_hint(trace);
    char address[48], fua[16] = "";

    if (operation == SPD_UNMAP) {
        trace_line(trace, hint, ">>%s Count=%" PRIu32, names[operation], blocks);
        return hint;
    }
    snprintf(address, sizeof address, "%" PRIx32 ":%" PRIx32, (uint32_t)(lba >> 32), (uint32_t)lba);
    if (operation != SPD_FLUSH && operation < SPD_EXTENTS)
        snprintf(fua, sizeof fua, ", FUA=%d", !!(flags & SPD_FUA));
    trace_line(trace, hint, ">>%s BlockAddress=%s, BlockCount=%" PRIu32 "%s", names[operation],
        address, blocks, fua);
    return hint;
}

static int trace_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_READ))
        return spd_device_read(&trace->below, buffer, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_READ, lba, blocks, flags);
    error = spd_device_read(&trace->below, buffer, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_READ, error, status);
    return error;
}

static int trace_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_WRITE))
        return spd_device_write(&trace->below, buffer, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_WRITE, lba, blocks, flags);
    error = spd_device_write(&trace->below, buffer, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_WRITE, error, status);
    return error;
}

static int trace_readv(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_READ))
        return spd_device_readv(&trace->below, vec, count, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_READ, lba, blocks, flags);
    error = spd_device_readv(&trace->below, vec, count, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_READ, error, status);
    return error;
}

static int trace_writev(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_WRITE))
        return spd_device_writev(&trace->below, vec, count, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_WRITE, lba, blocks, flags);
    error = spd_device_writev(&trace->below, vec, count, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_WRITE, error, status);
    return error;
}

static int trace_flush(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_FLUSH))
        return spd_device_flush(&trace->below, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_FLUSH, lba, blocks, flags);
    error = spd_device_flush(&trace->below, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_FLUSH, error, status);
    return error;
}

static int trace_unmap(spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags,
    spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_UNMAP))
        return spd_device_unmap(&trace->below, ranges, count, flags, status);
    hint = trace_request(trace, SPD_UNMAP, 0, count, flags);
    error = spd_device_unmap(&trace->below, ranges, count, flags, status);
    trace_response(trace, hint, SPD_UNMAP, error, status);
    return error;
}

static int trace_write_zeroes(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_WRITE_ZEROES))
        return spd_device_write_zeroes(&trace->below, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_WRITE_ZEROES, lba, blocks, flags);
    error = spd_device_write_zeroes(&trace->below, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_WRITE_ZEROES, error, status);
    return error;
}

static int trace_extents(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_extents *extents, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_EXTENTS))
        return spd_device_extents(&trace->below, lba, blocks, flags, extents, status);
    hint = trace_request(trace, SPD_EXTENTS, lba, blocks, flags);
    error = spd_device_extents(&trace->below, lba, blocks, flags, extents, status);
    trace_response(trace, hint, SPD_EXTENTS, error, status);
    return error;
}

static int trace_prefetch(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    struct trace *trace = device->context;
    uint64_t hint;
    int error;

    if (!trace_wants(trace, SPD_PREFETCH))
        return spd_device_prefetch(&trace->below, lba, blocks, flags, status);
    hint = trace_request(trace, SPD_PREFETCH, lba, blocks, flags);
    error = spd_device_prefetch(&trace->below, lba, blocks, flags, status);
    trace_response(trace, hint, SPD_PREFETCH, error, status);
    return error;
}

/* The request's context is the hint: 0, it is not logged. */
static void trace_begin(struct trace *trace, spd_request *request)
{
    spd_operation operation = spd_request_operation(request);
    uint32_t count = spd_request_blocks(request);
    uint64_t hint;

    if (trace_wants(trace, operation)) {
        if (operation == SPD_UNMAP)
            spd_request_ranges(request, &count);
        hint = trace_request(trace, operation, spd_request_lba(request), count,
            spd_request_flags(request));
        spd_request_set_context(request, (void *)(uintptr_t)hint);
    }
}

static void trace_submit(spd_device *device, spd_request *request)
{
    struct trace *trace = device->context;

    trace_begin(trace, request);
    spd_request_pass(request, &trace->below);
}

static void trace_submit_many(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct trace *trace = device->context;

    (void)queue;
    for (uint32_t i = 0; i < count; i++)
        trace_begin(trace, requests[i]);
    spd_requests_pass(requests, count, &trace->below);
}

static int trace_queue_begin(spd_device *device, spd_queue *queue)
{
    return spd_device_queue_begin(&((struct trace *)device->context)->below, queue);
}

static void trace_queue_end(spd_device *device, spd_queue *queue)
{
    spd_device_queue_end(&((struct trace *)device->context)->below, queue);
}

static void trace_poll(spd_device *device, spd_queue *queue)
{
    spd_device_poll(&((struct trace *)device->context)->below, queue);
}

static void trace_returned(spd_device *device, spd_request *request, const spd_status *status)
{
    uintptr_t hint = (uintptr_t)spd_request_context(request);

    if (hint)
        trace_response(device->context, hint, spd_request_operation(request), 0, status);
    spd_request_complete(request, status);
}

static void trace_abort(spd_device *device, spd_request *request)
{
    struct trace *trace = device->context;

    spd_device_abort(&trace->below, request);
}

static void trace_stop(spd_device *device)
{
    struct trace *trace = device->context;

    spd_device_stop(&trace->below);
}

static void trace_thread_begin(spd_device *device)
{
    struct trace *trace = device->context;

    spd_device_thread_begin(&trace->below);
}

static void trace_thread_end(spd_device *device)
{
    struct trace *trace = device->context;

    spd_device_thread_end(&trace->below);
}

void trace_init(struct trace *trace, const spd_device *below, uint32_t mask, const char *program,
    struct sink *out)
{
    *trace = (struct trace){
        .ops = {
            .size = sizeof trace->ops,
            .read = trace_read,
            .write = trace_write,
            .flush = trace_flush,
            .unmap = trace_unmap,
            .submit = trace_submit,
            .abort = trace_abort,
            .stop = trace_stop,
            .returned = trace_returned,
            .readv = trace_readv,
            .writev = trace_writev,
            .write_zeroes = trace_write_zeroes,
            .extents = trace_extents,
            .prefetch = trace_prefetch,
            .submits = 1 << SPD_WRITE_ZEROES | 1 << SPD_EXTENTS | 1 << SPD_PREFETCH,
            .thread_begin = trace_thread_begin,
            .thread_end = trace_thread_end,
            .queue_begin = trace_queue_begin,
            .queue_end = trace_queue_end,
            .submit_many = trace_submit_many,
            .poll = trace_poll,
        },
        .below = *below,
        .mask = mask,
        .program = program,
        .out = out,
    };
    trace->device = (spd_device){ &trace->ops, trace };
    spd_ops_fit(&trace->ops, below);
}
