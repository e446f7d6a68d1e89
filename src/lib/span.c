/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Finds the data of an operation in the scatter list of its command. */

#include "lib/span.h"

#include <string.h>

#include "lib/unit.h"

bool spd_span_find(
    const struct spd_request *request, struct scsi_vec *scratch, struct spd_span *span)
{
    const struct scsi_task *task = &request->task;
    const struct scsi_vec *data = task->data;
    uint32_t left = task->data_count;
    uint64_t offset = task->op.offset, covered;

    if (task->op.buffer == SCSI_BUFFER_SCRATCH) {
        *scratch = (struct scsi_vec){ task->scratch, task->scratch ? SCSI_SCRATCH_LENGTH : 0 };
        data = scratch;
        left = 1;
    }
    for (; left && offset >= data->length; data++, left--)
        offset -= data->length;
    span->length = (size_t)task->op.blocks << request->unit->block_shift;
    span->first = data;
    span->skip = (size_t)offset;
    span->count = 0;
    for (covered = 0; left && covered < offset + span->length; left--)
        covered += data[span->count++].length;
    return covered >= offset + span->length;
}

void spd_span_copy(const struct spd_span *span, unsigned char *buffer, bool into_span)
{
    size_t left = span->length, skip = span->skip;

    for (const struct scsi_vec *piece = span->first; left; piece++, skip = 0) {
        size_t part = piece->length - skip < left ? piece->length - skip : left;
        unsigned char *at = (unsigned char *)piece->base + skip;

        memcpy(into_span ? at : buffer, into_span ? buffer : at, part);
        buffer += part;
        left -= part;
    }
}

bool spd_span_cut(struct spd_request *request, const struct spd_span *span)
{
    enum { INLINE = sizeof request->op_vec_inline / sizeof request->op_vec_inline[0] };
    struct spd_vec *pieces = request->op_vec_inline;
    size_t left = span->length, total = 0;

    for (uint32_t i = 0; i < span->count; i++)
        total += span->first[i].length;
    request->op_vec_count = span->count;
    if (total == span->length && request->task.op.buffer == SCSI_BUFFER_DATA) {
        request->op_vec = (const spd_vec *)span->first;
        return true;
    }
    if (span->count > INLINE) {
        if (span->count > SPD_LIST_LENGTH / sizeof *pieces)
            return false;
        pieces = spd_pool_take(&request->unit->lists);
        request->op_vec_borrowed = pieces;
        if (!pieces)
            return false;
    }
    for (uint32_t i = 0; i < span->count; i++) {
        size_t skip = i ? 0 : span->skip;
        size_t length = span->first[i].length - skip;

        pieces[i].base = (unsigned char *)span->first[i].base + skip;
        pieces[i].length = length < left ? length : left;
        left -= pieces[i].length;
    }
    request->op_vec = pieces;
    return true;
}
