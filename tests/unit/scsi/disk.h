/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A memory disk that takes the engine's steps, checks that every one keeps its promises, and logs
 * them. A broken promise aborts the program, so that the unit tests and the fuzzer can share it.
 */

#ifndef TESTS_SCSI_DISK_H
#define TESTS_SCSI_DISK_H

#include <stdio.h>
#include <stdlib.h>

#include "scsi/scsi.h"

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

enum {
    DISK_LOG_MAX = 1024,
    DISK_NEXUSES = 4,
    DISK_PIECE = 777, /* bytes in one piece of a scatter list: crosses blocks in every way */
};

struct disk_step {
    enum scsi_step step;
    struct scsi_op op;
    struct scsi_range ranges[4]; /* the first of an UNMAP */
};

struct disk {
    struct scsi_unit unit;
    struct scsi_port port;
    struct scsi_nexus nexus[DISK_NEXUSES];
    struct scsi_task task;
    uint8_t *medium;         /* medium_blocks of them; what lies beyond reads as zeros */
    uint64_t medium_blocks;
    uint8_t *data;           /* data-out or data-in of the last command, at its exact size */
    uint8_t *scratch;
    struct scsi_vec *vec;
    struct disk_step log[DISK_LOG_MAX]; /* block operations only */
    unsigned log_count;
    struct scsi_range *ranges; /* the block operation's copy, at its exact size */
    void (*describe)(struct scsi_extents *extents); /* a device of the test's; NULL: blocks of
                                                     * zeros are deallocated */
    void (*meanwhile)(struct disk *disk); /* once, while the command waits to be admitted */
    uint64_t steps;
    uint64_t steps_max;      /* the command is abandoned (not DONE) after so many; 0: never */
    unsigned fail_at;        /* this operation, counted from 1, ends with fail_with; 0: none */
    struct scsi_outcome fail_with;
};

/* 8 MiB of 512-byte blocks, 4 KiB physical, thin, with cache; ops of at most 64 KiB. */
struct scsi_unit_params disk_params(void);

/* The nexuses have no attention pending. */
void disk_open(struct disk *disk, const struct scsi_unit_params *params, uint64_t medium_blocks);
void disk_close(struct disk *disk);

/* Nexus n begins (again), with its power-on attention pending; its initiator is always the same. */
void disk_nexus(struct disk *disk, unsigned n);

/* Runs one command of nexus n on a LUN (unit NULL: none there). `out` is the data-out, of
 * `expected` bytes, or NULL. True when it reached SCSI_DONE. */
bool disk_run(struct disk *disk, unsigned n, struct scsi_unit *unit, const uint8_t *cdb,
    enum scsi_direction direction, const void *out, uint64_t expected);

/* The same for a block operation; `out` is the data of a write. The ranges are copied. */
bool disk_run_block(
    struct disk *disk, unsigned n, const struct scsi_block *block, const void *out);

/* The initiator's data-in: task.moved_length bytes. */
const uint8_t *disk_reply(const struct disk *disk);

#endif
