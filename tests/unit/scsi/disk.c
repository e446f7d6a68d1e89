/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <string.h>

#include "disk.h"

static const uint8_t designators[] = {
    /* iSCSI, UTF-8, target port, SCSI name string */
    0x53, 0x98, 0x00, 0x14, 'i', 'q', 'n', '.', '2', '0', '2', '6', '-', '0', '1', '.', 't', ',',
    't', ',', '0', 'x', '1', 0,
};
static const uint64_t luns[] = { 0 };

struct scsi_unit_params disk_params(void)
{
    return (struct scsi_unit_params){
        .guid = { 0x8a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x4a, 0x6b, 0x9c, 0x7d, 0x10, 0x21, 0x32,
            0x43, 0x54, 0x65 },
        .block_count = 16384,
        .block_length = 512,
        .physical_block_length = 4096,
        .max_transfer_length = 65536,
        .max_command_length = 1 << 20,
        .unmap_granularity = 8,
        .max_unmap_ranges = 16,
        .product_id = "Reference Disk  ",
        .product_revision = "1.0 ",
        .cache = true,
        .unmap = true,
        .unmap_zeros = true,
    };
}

void disk_nexus(struct disk *disk, unsigned n)
{
    /* An initiator by its world wide name: the TransportID of a SAS port (SPC-4 7.6.4.7). */
    static const uint8_t ids[DISK_NEXUSES][24] = {
        { 0x06, [4] = 0x30, 0, 0, 0, 0, 0, 0, 0x0a },
        { 0x06, [4] = 0x30, 0, 0, 0, 0, 0, 0, 0x0b },
        { 0x06, [4] = 0x30, 0, 0, 0, 0, 0, 0, 0x0c },
        { 0x06, [4] = 0x30, 0, 0, 0, 0, 0, 0, 0x0d },
    };

    scsi_nexus_init(&disk->nexus[n], &disk->unit, &disk->port);
    scsi_nexus_name(&disk->nexus[n], ids[n], sizeof ids[n]);
}

void disk_open(struct disk *disk, const struct scsi_unit_params *params, uint64_t medium_blocks)
{
    memset(disk, 0, sizeof *disk);
    CHECK(scsi_unit_check(params) == SCSI_PARAM_OK);
    scsi_unit_init(&disk->unit, params);
    disk->port = (struct scsi_port){
        .designators = designators,
        .designators_length = sizeof designators,
        .version_descriptor = 0x0960,
        .relative_port = 7,
        .task_management = { SCSI_TM_ABORT_TASK | SCSI_TM_ABORT_TASK_SET | SCSI_TM_LUN_RESET, 0 },
        .luns = luns,
        .lun_count = 1,
    };
    disk->medium_blocks = medium_blocks;
    disk->medium = calloc(medium_blocks ? medium_blocks : 1, params->block_length);
    disk->scratch = aligned_alloc(16, SCSI_SCRATCH_LENGTH);
    CHECK(disk->medium && disk->scratch);
    for (unsigned n = 0; n < DISK_NEXUSES; n++) {
        disk_nexus(disk, n);
        /* TEST UNIT READY takes the power-on attention. */
        disk_run(disk, n, &disk->unit, (uint8_t[SCSI_CDB_MAX]){ 0 }, SCSI_NO_DATA, NULL, 0);
    }
}

void disk_close(struct disk *disk)
{
    free(disk->medium);
    free(disk->scratch);
    free(disk->data);
    free(disk->vec);
    free(disk->ranges);
    memset(disk, 0, sizeof *disk);
}

/* The buffer that the task asks for, cut into pieces. */
static void map(struct disk *disk, const void *out)
{
    struct scsi_task *task = &disk->task;
    uint64_t length = task->buffer_length, at = 0;

    if (task->data)
        return;
    CHECK(length <= UINT64_C(1) << 28);
    disk->data = malloc(length ? length : 1);
    disk->vec = calloc(length / DISK_PIECE + 2, sizeof *disk->vec);
    CHECK(disk->data && disk->vec);
    if (task->direction == SCSI_DATA_OUT)
        memcpy(disk->data, out, length);
    else
        memset(disk->data, 0xa5, length);
    while (at < length) {
        uint64_t piece = length - at < DISK_PIECE ? length - at : DISK_PIECE;

        disk->vec[task->data_count++] = (struct scsi_vec){ disk->data + at, piece };
        at += piece;
    }
    task->data = disk->vec;
}

static void move(struct disk *disk, bool write)
{
    const struct scsi_op *op = &disk->task.op;
    const struct scsi_unit_params *params = &disk->unit.params;
    uint64_t capacity = disk->unit.block_count;
    uint64_t length = (uint64_t)op->blocks * params->block_length;
    uint8_t *buffer = op->buffer == SCSI_BUFFER_DATA ? disk->data : disk->scratch;
    uint64_t room = op->buffer == SCSI_BUFFER_DATA ? disk->task.buffer_length : SCSI_SCRATCH_LENGTH;

    CHECK(op->blocks > 0 && length <= params->max_transfer_length);
    CHECK(op->lba < capacity && op->blocks <= capacity - op->lba);
    CHECK(op->offset <= room && length <= room - op->offset);
    for (uint64_t i = 0; i < op->blocks; i++) {
        uint64_t lba = op->lba + i;
        uint8_t *at = buffer + op->offset + i * params->block_length;

        if (lba >= disk->medium_blocks) {
            if (!write)
                memset(at, 0, params->block_length);
        } else if (write) {
            memcpy(disk->medium + lba * params->block_length, at, params->block_length);
        } else {
            memcpy(at, disk->medium + lba * params->block_length, params->block_length);
        }
    }
}

static void unmap(struct disk *disk)
{
    const struct scsi_op *op = &disk->task.op;
    const uint8_t *ranges = (const uint8_t *)op->ranges;
    uint64_t capacity = disk->unit.block_count, total = 0;
    uint32_t limit = disk->unit.params.max_op_ranges;

    if (!limit)
        limit = disk->unit.params.max_unmap_ranges;
    CHECK(disk->unit.params.unmap);
    CHECK(op->range_count > 0 && op->range_count <= (limit ? limit : SCSI_UNMAP_RANGES_MAX));
    /* A sanitizer knows where the block operation's copy ends. */
    CHECK(disk->ranges || (ranges >= disk->scratch && op->range_count * sizeof *op->ranges <=
        (size_t)(disk->scratch + SCSI_SCRATCH_LENGTH - ranges)));
    for (uint32_t i = 0; i < op->range_count; i++) {
        const struct scsi_range *range = &op->ranges[i];

        CHECK(range->blocks > 0);
        total += range->blocks;
        CHECK(total <= SCSI_UNMAP_OP_MAX / disk->unit.params.block_length);
        CHECK(!disk->unit.params.max_unmap_blocks || total <= disk->unit.params.max_unmap_blocks);
        CHECK(range->lba < capacity && range->blocks <= capacity - range->lba);
        for (uint64_t b = 0; b < range->blocks && range->lba + b < disk->medium_blocks; b++)
            memset(disk->medium + (range->lba + b) * disk->unit.params.block_length, 0,
                disk->unit.params.block_length);
    }
}

static void write_zeroes(struct disk *disk)
{
    const struct scsi_op *op = &disk->task.op;
    uint64_t capacity = disk->unit.block_count;
    uint32_t length = disk->unit.params.block_length, most = disk->unit.params.max_unmap_blocks;

    CHECK(disk->unit.params.write_zeroes);
    CHECK(op->blocks > 0 && op->blocks <= SCSI_UNMAP_OP_MAX / length);
    CHECK(!most || op->blocks <= most);
    CHECK(op->lba < capacity && op->blocks <= capacity - op->lba);
    CHECK(!(op->flags & ~(SCSI_BLOCK_MAY_UNMAP | SCSI_BLOCK_FAST_ONLY)));
    CHECK(!(op->flags & SCSI_BLOCK_MAY_UNMAP) || disk->unit.params.unmap_zeros);
    for (uint64_t b = 0; b < op->blocks && op->lba + b < disk->medium_blocks; b++)
        memset(disk->medium + (op->lba + b) * length, 0, length);
}

static bool is_zero(const struct disk *disk, uint64_t lba)
{
    uint32_t length = disk->unit.params.block_length;

    for (uint32_t i = 0; lba < disk->medium_blocks && i < length; i++)
        if (disk->medium[lba * length + i])
            return false;
    return true;
}

static void describe(struct disk *disk)
{
    const struct scsi_op *op = &disk->task.op;
    const uint8_t *at = (const uint8_t *)op->extents;
    uint64_t capacity = disk->unit.block_count;
    bool more = true;

    CHECK(disk->unit.params.extents && disk->unit.params.unmap && disk->task.medium);
    CHECK(op->blocks > 0 && op->lba < capacity && op->blocks <= capacity - op->lba);
    CHECK(at >= disk->scratch && op->extents->room > 0 && sizeof *op->extents +
        op->extents->room * sizeof op->extents->list[0] <=
        (size_t)(disk->scratch + SCSI_SCRATCH_LENGTH - at));
    if (disk->describe)
        disk->describe(op->extents);
    else
        for (uint64_t lba = op->lba; more; lba++)
            more = scsi_extents_add(
                op->extents, 1, is_zero(disk, lba) ? SCSI_DEALLOCATED : SCSI_MAPPED);
}

static void prefetch(struct disk *disk)
{
    const struct scsi_op *op = &disk->task.op;
    uint64_t capacity = disk->unit.block_count;

    CHECK(disk->unit.params.prefetch && op->blocks > 0);
    CHECK(op->lba < capacity && op->blocks <= capacity - op->lba);
}

/* A block operation; returns its outcome. */
static const struct scsi_outcome *operate(struct disk *disk, enum scsi_step step)
{
    const struct scsi_op *op = &disk->task.op;
    static const struct scsi_outcome good;
    const struct scsi_outcome *outcome = &good;

    if (disk->log_count < DISK_LOG_MAX) {
        struct disk_step *entry = &disk->log[disk->log_count];

        *entry = (struct disk_step){ .step = step, .op = *op };
        if (step == SCSI_UNMAP)
            memcpy(entry->ranges, op->ranges,
                (op->range_count < 4 ? op->range_count : 4) * sizeof entry->ranges[0]);
    }
    disk->log_count++;
    if (disk->log_count == disk->fail_at)
        outcome = &disk->fail_with;
    if (!scsi_outcome_completed(outcome))
        return outcome;
    if (step == SCSI_UNMAP)
        unmap(disk);
    else if (step == SCSI_WRITE_ZEROES)
        write_zeroes(disk);
    else if (step == SCSI_EXTENTS)
        describe(disk);
    else if (step == SCSI_PREFETCH)
        prefetch(disk);
    else if (step == SCSI_FLUSH)
        CHECK(op->lba < disk->unit.block_count &&
            op->blocks <= disk->unit.block_count - op->lba);
    else
        move(disk, step == SCSI_WRITE);
    return outcome;
}

static void check_done(const struct disk *disk)
{
    const struct scsi_task *task = &disk->task;

    CHECK(task->moved_length <= task->expected_length);
    CHECK(!(task->overflow && task->underflow));
    CHECK(task->sense_length <= SCSI_SENSE_MAX);
    CHECK((task->status == SCSI_CHECK_CONDITION) == (task->sense_length != 0));
    CHECK(task->status == task->outcome.status);
    if (task->reply) {
        CHECK(task->direction != SCSI_DATA_OUT && task->status == SCSI_GOOD);
        CHECK(task->direction == SCSI_DATA_IN || task->moved_length == 0);
        CHECK((const uint8_t *)task->reply >= disk->scratch);
        CHECK(task->moved_length <= (size_t)(disk->scratch + SCSI_SCRATCH_LENGTH -
            (const uint8_t *)task->reply));
    } else if (task->moved_length) {
        CHECK(task->direction == SCSI_DATA_OUT || task->moved_length <= task->buffer_length);
    }
}

/* Runs what is to happen meanwhile, which may be other commands. */
static void pause(struct disk *disk)
{
    void (*meanwhile)(struct disk *disk) = disk->meanwhile;
    struct scsi_task task = disk->task;
    uint8_t *data = disk->data, *scratch = disk->scratch;
    struct scsi_range *ranges = disk->ranges;
    struct scsi_vec *vec = disk->vec;
    unsigned log_count = disk->log_count;

    if (!meanwhile)
        return;
    disk->meanwhile = NULL;
    disk->data = NULL;
    disk->vec = NULL;
    disk->ranges = NULL;
    disk->scratch = aligned_alloc(16, SCSI_SCRATCH_LENGTH);
    CHECK(disk->scratch);
    meanwhile(disk);
    free(disk->data);
    free(disk->vec);
    free(disk->ranges);
    free(disk->scratch);
    disk->task = task;
    disk->data = data;
    disk->vec = vec;
    disk->ranges = ranges;
    disk->scratch = scratch;
    disk->log_count = log_count;
}

/* Those who wait for a scratch have their data already, and keep nobody from the medium. */
static void give_scratch(struct disk *disk)
{
    struct scsi_task *task = &disk->task;

    CHECK(task->direction != SCSI_DATA_OUT || !task->buffer_length || task->data);
    CHECK(!disk->log_count && !task->scratch);
    task->scratch = disk->scratch;
}

/* Garbage where the engine promises not to look before it has written. */
static struct scsi_task *new_task(struct disk *disk, unsigned n, struct scsi_unit *unit)
{
    struct scsi_task *task = &disk->task;

    free(disk->data);
    free(disk->vec);
    free(disk->ranges);
    disk->data = NULL;
    disk->vec = NULL;
    disk->ranges = NULL;
    disk->log_count = 0;
    disk->steps = 0;
    memset(task, 0xcc, sizeof *task);
    memset(disk->scratch, 0xcc, SCSI_SCRATCH_LENGTH);
    task->unit = unit;
    task->nexus = &disk->nexus[n];
    task->attribute = SCSI_SIMPLE;
    task->data = NULL;
    task->data_count = 0;
    task->scratch = NULL;
    return task;
}

/* From its first step to its end. */
static bool run(struct disk *disk, enum scsi_step step, const void *out)
{
    struct scsi_task *task = &disk->task;

    while (step != SCSI_DONE) {
        const struct scsi_outcome *outcome = NULL;
        struct scsi_outcome refusal;

        if (disk->steps_max && disk->steps++ == disk->steps_max)
            return false;
        if (step == SCSI_SCRATCH)
            give_scratch(disk);
        else if (step == SCSI_DATA || ((step == SCSI_READ || step == SCSI_WRITE) &&
            task->op.buffer == SCSI_BUFFER_DATA))
            map(disk, out);
        if (step != SCSI_SCRATCH && step != SCSI_DATA) {
            pause(disk);
            if (!scsi_admit(task, &refusal))
                outcome = &refusal;
            else if (step != SCSI_ENTER)
                outcome = operate(disk, step);
        }
        step = scsi_resume(task, outcome);
    }
    check_done(disk);
    return true;
}

bool disk_run(struct disk *disk, unsigned n, struct scsi_unit *unit, const uint8_t *cdb,
    enum scsi_direction direction, const void *out, uint64_t expected)
{
    struct scsi_task *task = new_task(disk, n, unit);

    memcpy(task->cdb, cdb, 16);
    memset(task->cdb + 16, 0, sizeof task->cdb - 16);
    task->cdb_length = 16;
    task->expected_direction = (uint8_t)direction;
    task->expected_length = expected;
    return run(disk, scsi_begin(task), out);
}

bool disk_run_block(
    struct disk *disk, unsigned n, const struct scsi_block *block, const void *out)
{
    struct scsi_task *task = new_task(disk, n, &disk->unit);
    struct scsi_block copy = *block;
    size_t length = block->range_count * sizeof *block->ranges;

    if (block->operation == SCSI_BLOCK_UNMAP) {
        copy.ranges = disk->ranges = malloc(length ? length : 1);
        CHECK(copy.ranges);
        if (length)
            memcpy(copy.ranges, block->ranges, length);
    }
    return run(disk, scsi_begin_block(task, &copy), out);
}

const uint8_t *disk_reply(const struct disk *disk)
{
    return disk->task.reply ? disk->task.reply : disk->data;
}
