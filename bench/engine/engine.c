/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Runs begin, admit and resume of a command, or of a block operation, over and over, under an
 * instruction counter:
 *   engine-cost nothing|read(16)|write(16)|block-read|block-write COUNT
 * `nothing` does all but call the engine; the difference is the engine's. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/scsi.h"

static const struct scsi_unit_params params = {
    .guid = { 1 },
    .block_count = 1 << 20,
    .block_length = 512,
    .physical_block_length = 4096,
    .max_transfer_length = 1 << 20,
    .max_command_length = 16 << 20,
    .product_id = "Cost            ",
    .product_revision = "1.0 ",
    .cache = true,
};

static struct scsi_unit unit;
static struct scsi_nexus nexus;
static struct scsi_task task;

static const struct kind {
    const char *name;
    uint8_t opcode;
    uint8_t operation; /* enum scsi_block_operation; 0: a command */
    bool skipped;
} kinds[] = {
    { "nothing", .opcode = 0x88, .skipped = true },
    { "read(16)", .opcode = 0x88 },
    { "write(16)", .opcode = 0x8a },
    { "block-read", .operation = SCSI_BLOCK_READ },
    { "block-write", .operation = SCSI_BLOCK_WRITE },
};

static void announce(uint8_t opcode)
{
    static const uint8_t cdb[16] = { [7] = 0x01, [12] = 0x00, [13] = 0x08 };

    memcpy(task.cdb, cdb, sizeof cdb);
    task.cdb[0] = opcode;
    task.cdb_length = 16;
    task.unit = &unit;
    task.nexus = &nexus;
    task.attribute = SCSI_SIMPLE;
    task.expected_direction = opcode == 0x88 ? SCSI_DATA_IN : SCSI_DATA_OUT;
    task.expected_length = 8 * 512;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    fprintf(stderr, "engine-cost: what is %s?\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    const struct kind kind = *find_kind(argc > 1 ? argv[1] : "read(16)");
    const struct scsi_block block = { .operation = kind.operation, .lba = 1 << 16, .blocks = 8 };
    struct scsi_outcome outcome;
    long count = argc > 2 ? atol(argv[2]) : 1;

    scsi_unit_init(&unit, &params);
    scsi_nexus_init(&nexus, &unit, NULL);
    announce(0x00); /* TEST UNIT READY takes the power-on attention */
    scsi_begin(&task);
    for (long i = 0; i < count; i++) {
        enum scsi_step step;

        announce(kind.opcode);
        if (kind.skipped)
            continue;
        step = kind.operation ? scsi_begin_block(&task, &block) : scsi_begin(&task);
        if (step == SCSI_DONE || !scsi_admit(&task, &outcome) ||
            scsi_resume(&task, NULL) != SCSI_DONE || task.status != SCSI_GOOD) {
            fprintf(stderr, "engine-cost: the command did not end as it should\n");
            return 1;
        }
    }
    return 0;
}
