/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { TRACE_LINE_MAX = 256 };

static const spd_ops *traced;
static uint32_t trace_mask;
static const char *trace_program;
static struct sink *trace_out;
static atomic_uint_fast64_t trace_hint; /* pairs the two lines of an operation */
static atomic_uint trace_threads;
static _Thread_local unsigned trace_thread;

static bool trace_wants(spd_operation operation)
{
    return trace_mask >> operation & 1;
}

__attribute__((format(printf, 2, 3)))
static void trace_line(uint64_t hint, const char *format, ...)
{
    char text[TRACE_LINE_MAX], line[TRACE_LINE_MAX + 64];
    va_list args;
    int length;

    if (!trace_thread)
        trace_thread = atomic_fetch_add(&trace_threads, 1) + 1;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    length = snprintf(line, sizeof line, "%.19s[TID=%04x]: %016" PRIx64 ": %s\n", trace_program,
        trace_thread, hint, text);
    sink_write(trace_out, line, (size_t)length);
}

/* error: what the operation returned, which counts while its status is GOOD. */
static void trace_response(uint64_t hint, const char *name, int error, const spd_status *status)
{
    char information[48] = "";

    if (status->scsi_status == 0 && error) {
        trace_line(hint, "<<%s Error=%d", name, error);
        return;
    }
    if (status->scsi_status == 0) {
        trace_line(hint, "<<%s Status=GOOD", name);
        return;
    }
    if (status->information_valid)
        snprintf(information, sizeof information, " Information=%" PRIx32 ":%" PRIx32,
            (uint32_t)(status->information >> 32), (uint32_t)status->information);
    trace_line(hint, "<<%s Status=%s SenseKey=%s ASC/ASCQ=%d/%d%s", name,
        spd_scsi_status_name(status->scsi_status), spd_sense_key_name(status->sense_key),
        status->asc, status->ascq, information);
}

static uint64_t trace_transfer(const char *name, uint64_t lba, uint32_t blocks, uint32_t flags)
{
    uint64_t hint = atomic_fetch_add(&trace_hint, 1) + 1;

    trace_line(hint, ">>%s BlockAddress=%" PRIx32 ":%" PRIx32 ", BlockCount=%" PRIu32 ", FUA=%d",
        name, (uint32_t)(lba >> 32), (uint32_t)lba, blocks, !!(flags & SPD_FUA));
    return hint;
}

static int trace_read(spd_unit *unit, void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    if (!trace_wants(SPD_READ))
        return traced->read(unit, buffer, lba, blocks, flags, status);

    uint64_t hint = trace_transfer("Read ", lba, blocks, flags);
    int error = traced->read(unit, buffer, lba, blocks, flags, status);
    trace_response(hint, "Read ", error, status);
    return error;
}

static int trace_write(spd_unit *unit, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    if (!trace_wants(SPD_WRITE))
        return traced->write(unit, buffer, lba, blocks, flags, status);

    uint64_t hint = trace_transfer("Write", lba, blocks, flags);
    int error = traced->write(unit, buffer, lba, blocks, flags, status);
    trace_response(hint, "Write", error, status);
    return error;
}

static int trace_flush(spd_unit *unit, uint64_t lba, uint32_t blocks, uint32_t flags,
    spd_status *status)
{
    if (!trace_wants(SPD_FLUSH))
        return traced->flush(unit, lba, blocks, flags, status);

    uint64_t hint = atomic_fetch_add(&trace_hint, 1) + 1;
    trace_line(hint, ">>Flush BlockAddress=%" PRIx32 ":%" PRIx32 ", BlockCount=%" PRIu32,
        (uint32_t)(lba >> 32), (uint32_t)lba, blocks);
    int error = traced->flush(unit, lba, blocks, flags, status);
    trace_response(hint, "Flush", error, status);
    return error;
}

static int trace_unmap(spd_unit *unit, const spd_range *ranges, uint32_t count, uint32_t flags,
    spd_status *status)
{
    if (!trace_wants(SPD_UNMAP))
        return traced->unmap(unit, ranges, count, flags, status);

    uint64_t hint = atomic_fetch_add(&trace_hint, 1) + 1;
    trace_line(hint, ">>Unmap Count=%" PRIu32, count);
    int error = traced->unmap(unit, ranges, count, flags, status);
    trace_response(hint, "Unmap", error, status);
    return error;
}

const spd_ops *trace_wrap(const spd_ops *ops, uint32_t mask, const char *program, struct sink *out)
{
    static spd_ops trace_ops;

    /* An operation that the device lacks stays NULL, as the library expects it. */
    trace_ops = *ops;
    trace_ops.read = ops->read ? trace_read : NULL;
    trace_ops.write = ops->write ? trace_write : NULL;
    trace_ops.flush = ops->flush ? trace_flush : NULL;
    trace_ops.unmap = ops->unmap ? trace_unmap : NULL;
    traced = ops;
    trace_mask = mask;
    trace_program = program;
    trace_out = out;
    return &trace_ops;
}
