/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* begin and resume: from a CDB, or from a block operation, to its row; the checks that all commands
 * share; and the ends. */

#include "scsi/internal.h"

static enum scsi_step invalid_operation_code(struct scsi_task *task)
{
    return scsi_fail(task, SCSI_INVALID_OPERATION_CODE);
}

static enum scsi_step invalid_service_action(struct scsi_task *task)
{
    return scsi_fail_cdb(task, 1, 4);
}

/* Rows for commands that are not in the table, so that these, too, meet unit attentions first. */
static const struct scsi_row unknown_opcode = {
    .run = invalid_operation_code,
    .flags = SCSI_ROW_ALLOWED_WE | SCSI_ROW_ALLOWED_EA | SCSI_ROW_ALLOWED_RESERVED,
    .usage = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff },
};
static const struct scsi_row unknown_action = {
    .run = invalid_service_action,
    .flags = SCSI_ROW_ALLOWED_WE | SCSI_ROW_ALLOWED_EA | SCSI_ROW_ALLOWED_RESERVED,
    .usage = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff },
};

bool scsi_row_enabled(const struct scsi_row *row, const struct scsi_unit *unit)
{
    if (!row->length)
        return false;
    return !(row->flags & SCSI_ROW_NEEDS_UNMAP) || !unit || unit->params.unmap;
}

static SCSI_COLD const struct scsi_row *find_rare_row(const struct scsi_task *task)
{
    const struct scsi_row *row = &scsi_rows[task->cdb[0]];

    if (row->actions) {
        const struct scsi_row *end = row->actions + row->action_count;
        uint8_t action = task->cdb[1] & SCSI_ACTION_MASK;

        for (row = row->actions; row != end; row++)
            if ((row->usage[1] & SCSI_ACTION_MASK) == action)
                return row;
        return &unknown_action;
    }
    return scsi_row_enabled(row, task->unit) ? row : &unknown_opcode;
}

static inline const struct scsi_row *find_row(const struct scsi_task *task)
{
    const struct scsi_row *row = &scsi_rows[task->cdb[0]];

    /* Reads and writes are in the table as they are. */
    if ((row->flags & (SCSI_ROW_MEDIUM | SCSI_ROW_NEEDS_UNMAP)) == SCSI_ROW_MEDIUM)
        return row;
    return find_rare_row(task);
}

/* All 16 bytes at once: a row's usage has ones past the end of its CDB. */
static inline bool has_reserved_bits(const uint8_t *cdb, const uint8_t *usage)
{
    uint64_t c[2], u[2];

    memcpy(c, cdb, sizeof c);
    memcpy(u, usage, sizeof u);
    return ((c[0] & ~u[0]) | (c[1] & ~u[1])) != 0;
}

static SCSI_COLD enum scsi_step fail_reserved_bits(struct scsi_task *task, const uint8_t *usage)
{
    unsigned byte = 0, bit = 7;

    while (!(task->cdb[byte] & ~usage[byte]))
        byte++;
    while (!(task->cdb[byte] & ~usage[byte] & 1u << bit))
        bit--;
    return scsi_fail_cdb(task, byte, bit);
}

/* LBA and number of blocks sit in the same place in all CDBs of one length (SPC-4 4.2.2), and FUA
 * in all that have it. */
static inline void decode_range(struct scsi_task *task, uint8_t length)
{
    const uint8_t *cdb = task->cdb;

    task->flags = cdb[1] & SCSI_BLOCK_FUA;
    switch (length) {
    case 6:
        task->flags = 0;
        task->lba = be24_get(cdb + 1) & 0x1fffff;
        task->blocks = cdb[4] ? cdb[4] : 256;
        break;
    case 10:
        task->lba = be32_get(cdb + 2);
        task->blocks = be16_get(cdb + 7);
        break;
    case 12:
        task->lba = be32_get(cdb + 2);
        task->blocks = be32_get(cdb + 6);
        break;
    default:
        task->lba = be64_get(cdb + 2);
        task->blocks = be32_get(cdb + 10);
        break;
    }
}

enum scsi_step scsi_fail_blocks(struct scsi_task *task)
{
    static const uint8_t field[] = { [6] = 4, [10] = 7, [12] = 6, [16] = 10 };
    const struct scsi_row *row = task->row;

    return scsi_fail_cdb(task, field[row->length], SCSI_WHOLE_BYTE);
}

/* Checks for the medium; false when the task failed. has_cdb: only a CDB has the range. */
SCSI_HOT bool check_medium(struct scsi_task *task, const struct scsi_row *row, bool has_cdb)
{
    const struct scsi_unit *unit = task->unit;
    uint64_t capacity;

    task->medium = true;
    if (row->flags & SCSI_ROW_WRITES) {
        if (unit->params.write_protected) {
            scsi_fail(task, SCSI_WRITE_PROTECTED);
            return false;
        }
        if (scsi_mode(unit) & SCSI_MODE_SWP) {
            scsi_fail(task, SCSI_SOFTWARE_WRITE_PROTECTED);
            return false;
        }
    }
    if (!(row->flags & SCSI_ROW_RANGE))
        return true;
    if (has_cdb)
        decode_range(task, row->length);
    capacity = scsi_capacity(unit);
    if (!scsi_range_ok(capacity, task->lba, task->blocks)) {
        scsi_fail_information(task, SCSI_LBA_OUT_OF_RANGE,
            task->lba < capacity ? capacity : task->lba);
        return false;
    }
    if ((row->flags & SCSI_ROW_LIMITED) && task->blocks > unit->command_blocks) {
        scsi_fail_blocks(task);
        return false;
    }
    return true;
}

static uint64_t allocation_length(const struct scsi_task *task, const struct scsi_row *row)
{
    const uint8_t *field = task->cdb + row->allocation_at;

    switch (row->allocation_size) {
    case 1:
        return field[0];
    case 2:
        return be16_get(field);
    case 4:
        return be32_get(field);
    default:
        return SCSI_REPLY_LENGTH;
    }
}

enum { START, ENTERED, HAVE_SCRATCH };

/* The phases of every row with a builder: beside no exclusive task where it matters, and with
 * memory, it builds. It waits for memory last, so it holds memory no longer than it must.
 */
static SCSI_COLD enum scsi_step run_builder(struct scsi_task *task, const struct scsi_row *row)
{
    if (task->phase == START) {
        if (!scsi_transfer(task, SCSI_DATA_IN, allocation_length(task, row)))
            return SCSI_DONE;
        task->buffer_length = 0; /* the reply is in the scratch */
        if (row->flags & SCSI_ROW_ENTERS)
            return scsi_ask(task, SCSI_ENTER, ENTERED);
    }
    if (task->phase != HAVE_SCRATCH)
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    memset(task->scratch, 0, SCSI_REPLY_LENGTH);
    return row->build(task, task->scratch);
}

static inline bool has_attention(const struct scsi_task *task)
{
    return atomic_load_explicit(&task->unit->attention, memory_order_relaxed) !=
        atomic_load_explicit(&task->nexus->attention_seen, memory_order_relaxed);
}

/* True when a unit attention took the command's place. */
static SCSI_COLD bool report_attention(struct scsi_task *task)
{
    struct scsi_outcome attention;

    if (!scsi_attention_take(task, &attention))
        return false;
    scsi_fail_outcome(task, &attention);
    return true;
}

/* Sets up a task of which only the row is known. */
SCSI_HOT void reset(struct scsi_task *task, const struct scsi_row *row)
{
    task->row = row;
    task->phase = 0;
    task->done = 0;
    task->direction = row->direction;
    task->transfer_length = 0;
    task->buffer_length = 0;
    task->exclusive = task->attribute == SCSI_ORDERED || (row->flags & SCSI_ROW_EXCLUSIVE);
    task->medium = false;
    task->outcome = (struct scsi_outcome){ 0 };
}

/* Checks for the unit; false when the task failed. */
SCSI_HOT bool check_unit(struct scsi_task *task, const struct scsi_row *row)
{
    if (has_attention(task) && !(row->flags & SCSI_ROW_NO_ATTENTION) && report_attention(task))
        return false;
    task->reservation = atomic_load_explicit(&task->unit->reservation, memory_order_relaxed);
    if (scsi_reservation_type(task->reservation) &&
        scsi_reservation_conflict(task, task->reservation)) {
        scsi_fail_conflict(task);
        return false;
    }
    return true;
}

enum scsi_step scsi_begin(struct scsi_task *task)
{
    const struct scsi_row *row = find_row(task);

    reset(task, row);
    if (!task->unit) {
        if (!(row->flags & SCSI_ROW_NO_UNIT))
            return scsi_fail(task, SCSI_LUN_NOT_SUPPORTED);
    } else if (!check_unit(task, row)) {
        return SCSI_DONE;
    }
    if (has_reserved_bits(task->cdb, row->usage))
        return fail_reserved_bits(task, row->usage);
    if (task->cdb_length < row->length)
        return scsi_fail(task, SCSI_INVALID_FIELD_IN_CDB);
    if ((row->flags & SCSI_ROW_MEDIUM) && !check_medium(task, row, true))
        return SCSI_DONE;
    return row->build ? run_builder(task, row) : row->run(task);
}

void scsi_task_refuse(struct scsi_task *task, const struct scsi_outcome *outcome)
{
    reset(task, &unknown_opcode);
    scsi_fail_outcome(task, outcome);
}

static const struct scsi_block_row unknown_operation = { &unknown_opcode, invalid_operation_code };

static inline const struct scsi_block_row *find_operation(
    const struct scsi_unit *unit, uint8_t number)
{
    if (number < SCSI_BLOCK_OPERATIONS && scsi_row_enabled(scsi_block_rows[number].row, unit))
        return &scsi_block_rows[number];
    return &unknown_operation;
}

enum scsi_step scsi_begin_block(struct scsi_task *task, const struct scsi_block *block)
{
    const struct scsi_block_row *operation = find_operation(task->unit, block->operation);

    reset(task, operation->row);
    task->direction = SCSI_NO_DATA;
    task->expected_direction = SCSI_ANY_DATA;
    task->expected_length =
        operation->has_data ? (uint64_t)block->blocks << task->unit->block_shift : 0;
    task->flags = block->flags;
    task->lba = block->lba;
    task->ranges = block->ranges;
    task->blocks = operation->has_list ? block->range_count : block->blocks;
    if (!check_unit(task, operation->row) ||
        ((operation->row->flags & SCSI_ROW_MEDIUM) && !check_medium(task, operation->row, false)))
        return SCSI_DONE;
    return operation->begin(task);
}

/* Keeps the sense to report at the end of the command: that of the last operation (SPC-4 4.5.6
 * leaves the choice). An error takes its place. */
static SCSI_COLD enum scsi_step resume_completed(struct scsi_task *task)
{
    const struct scsi_row *row = task->row;
    enum scsi_step step = row->build ? run_builder(task, row) : row->run(task);

    if (step == SCSI_DONE && task->status == SCSI_GOOD)
        scsi_report_completed(task);
    return step;
}

enum scsi_step scsi_resume(struct scsi_task *task, const struct scsi_outcome *outcome)
{
    const struct scsi_row *row = task->row;

    if (outcome) {
        if (!scsi_outcome_completed(outcome))
            return scsi_fail_outcome(task, outcome);
        if (outcome->status != SCSI_GOOD || task->outcome.status == SCSI_GOOD)
            task->outcome = *outcome;
    }
    if (task->outcome.status != SCSI_GOOD)
        return resume_completed(task);
    return row->build ? run_builder(task, row) : row->run(task);
}

uint8_t scsi_operation_code(const struct scsi_task *task)
{
    return ((const struct scsi_row *)task->row)->usage[0];
}

bool scsi_uses_medium(const uint8_t *cdb)
{
    return scsi_rows[cdb[0]].flags & SCSI_ROW_MEDIUM;
}

bool scsi_always_answered(const struct scsi_task *task)
{
    return ((const struct scsi_row *)task->row)->flags & SCSI_ROW_ALWAYS_ANSWERED;
}

/* RFC 7143 11.4.5.1: what was missing is the residual. */
SCSI_COLD bool scsi_fail_short(struct scsi_task *task)
{
    scsi_fail(task, SCSI_INVALID_FIELD_IN_INFORMATION_UNIT);
    task->residual = task->transfer_length - scsi_expected(task);
    task->overflow = true;
    task->underflow = false;
    return false;
}

enum scsi_step scsi_reply(struct scsi_task *task, uint64_t length)
{
    if (length < task->transfer_length)
        task->transfer_length = length;
    scsi_finish(task);
    task->reply = task->scratch;
    return SCSI_DONE;
}
