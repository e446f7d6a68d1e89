/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * GET LBA STATUS (SBC-3 5.4), and the block operation like it: which blocks have space.
 *
 * Only the device knows that, and it says so by adding extents one after the other, each from the
 * end of the one before. So no device can report gaps, overlaps or blocks of another range. It may
 * stop early: the initiator asks again from there on.
 */

#include "scsi/internal.h"

/* The block operation has phases of its own. */
enum { START, HAVE_SCRATCH, HAVE_EXTENTS, BLOCK_HAS_SCRATCH, BLOCK_HAS_EXTENTS };
enum { HEADER = 8, DESCRIPTOR = 16, ALLOCATION_LENGTH = 10 };

/* The reply is at the begin of the scratch, and the extents follow. */
enum {
    EXTENTS_MAX = (SCSI_REPLY_LENGTH - HEADER) / DESCRIPTOR,
    EXTENTS_AT = SCSI_REPLY_LENGTH,
};
_Static_assert(EXTENTS_AT + sizeof(struct scsi_extents) +
    EXTENTS_MAX * sizeof(struct scsi_extent) <= SCSI_SCRATCH_LENGTH, "both fit");

bool scsi_extents_add(
    struct scsi_extents *extents, uint64_t blocks, enum scsi_provisioning state)
{
    uint64_t left = extents->end - extents->next;
    struct scsi_extent *last = &extents->list[extents->count];

    if (blocks > left)
        blocks = left;
    if (state != SCSI_DEALLOCATED && state != SCSI_ANCHORED)
        state = SCSI_MAPPED;
    if (!blocks)
        return left;
    if (extents->count && last[-1].state == state)
        last--;
    else if (extents->count == extents->room)
        return false;
    else
        extents->list[extents->count++] =
            (struct scsi_extent){ .lba = extents->next, .state = state };
    last->blocks += (uint32_t)blocks;
    extents->next += blocks;
    return extents->next != extents->end;
}

/* As many as the initiator has room for. */
static uint64_t room_of(const struct scsi_task *task)
{
    uint64_t length = task->transfer_length;

    return length < HEADER ? 0 : (length - HEADER) / DESCRIPTOR;
}

/* With room for at least one. */
static struct scsi_extents *new_extents(struct scsi_task *task, uint64_t room)
{
    struct scsi_extents *extents =
        (struct scsi_extents *)((uint8_t *)task->scratch + EXTENTS_AT);

    *extents = (struct scsi_extents){
        .next = task->lba,
        .end = task->lba + task->blocks,
        .room = room > EXTENTS_MAX ? EXTENTS_MAX : room ? (uint32_t)room : 1,
    };
    return extents;
}

/* VPD page B2h announces no anchored blocks (ANC_SUP), so that these are mapped. */
static bool is_hole(const struct scsi_extent *extent)
{
    return extent->state == SCSI_DEALLOCATED;
}

static enum scsi_step report(struct scsi_task *task, struct scsi_extents *extents)
{
    uint8_t *reply = task->scratch, *at = reply + HEADER;

    memset(reply, 0, SCSI_REPLY_LENGTH);
    for (uint32_t i = 0; i < extents->count;) {
        bool hole = is_hole(&extents->list[i]);
        uint64_t lba = extents->list[i].lba;
        uint32_t blocks = 0;

        for (; i < extents->count && is_hole(&extents->list[i]) == hole; i++)
            blocks += extents->list[i].blocks;
        be64_put(at, lba);
        be32_put(at + 8, blocks);
        at[12] = hole ? SCSI_DEALLOCATED : SCSI_MAPPED;
        at += DESCRIPTOR;
    }
    be32_put(reply, (uint32_t)(at - reply) - 4); /* PARAMETER DATA LENGTH */
    return scsi_reply(task, (uint64_t)(at - reply));
}

static enum scsi_step answer(struct scsi_task *task, struct scsi_extents *extents)
{
    if (!extents->count) /* nothing is known */
        scsi_extents_add(extents, UINT64_MAX, SCSI_MAPPED);
    if (task->phase == HAVE_SCRATCH || task->phase == HAVE_EXTENTS)
        return report(task, extents);
    scsi_finish(task);
    task->reply = extents;
    return SCSI_DONE;
}

enum scsi_step scsi_extents(struct scsi_task *task)
{
    uint64_t blocks = task->blocks ? task->blocks : 1;

    if (!scsi_range_ok(scsi_capacity(task->unit), task->lba, blocks))
        return scsi_fail_information(task, SCSI_LBA_OUT_OF_RANGE, task->lba);
    task->blocks = blocks;
    return scsi_ask(task, SCSI_SCRATCH, BLOCK_HAS_SCRATCH);
}

static enum scsi_step start(struct scsi_task *task)
{
    uint64_t capacity = scsi_capacity(task->unit);

    task->lba = be64_get(task->cdb + 2);
    if (!scsi_range_ok(capacity, task->lba, 1))
        return scsi_fail_information(task, SCSI_LBA_OUT_OF_RANGE, task->lba);
    task->blocks = capacity - task->lba < UINT32_MAX ? capacity - task->lba : UINT32_MAX;
    if (!scsi_transfer(task, SCSI_DATA_IN, be32_get(task->cdb + ALLOCATION_LENGTH)))
        return SCSI_DONE;
    task->buffer_length = 0; /* the reply is in the scratch */
    return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
}

/* A unit that is fully provisioned (LBPME = 0) has space for all blocks (SBC-3 4.7.2). A thin one
 * whose device says nothing does not know. Both are 0h. */
enum scsi_step scsi_get_lba_status(struct scsi_task *task)
{
    const struct scsi_unit_params *params = &task->unit->params;
    struct scsi_extents *extents;
    bool is_block = task->phase == BLOCK_HAS_SCRATCH;

    if (task->phase == START)
        return start(task);
    if (task->phase == HAVE_EXTENTS || task->phase == BLOCK_HAS_EXTENTS)
        return answer(task, task->op.extents);
    extents = new_extents(task, is_block ? EXTENTS_MAX : room_of(task));
    if (!params->unmap || !params->extents)
        return answer(task, extents);
    task->medium = true;
    task->op = (struct scsi_op){
        .lba = task->lba, .blocks = (uint32_t)task->blocks, .extents = extents };
    return scsi_ask(task, SCSI_EXTENTS, is_block ? BLOCK_HAS_EXTENTS : HAVE_EXTENTS);
}
