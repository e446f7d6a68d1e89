/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The ring of entries in the shared memory. It knows offsets and lengths, and no SCSI.
 *
 * Whatever the memory has, nothing outside of it is touched: each number is read once, and checked
 * before its use. An entry whose length makes no sense ends the ring, since nobody knows where the
 * next one begins. Any other fault is in the entry alone, and the command gets an error.
 *
 * Answers go out in any order. The kernel takes entries in the order of the ring, and finds the
 * command of an answer by its id. So an answer overwrites the oldest entry, whose request has been
 * read before.
 *
 * Threads take turns at a ring.
 */

#ifndef DOORS_TCMU_RING_H
#define DOORS_TCMU_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/scsi.h"

/* An entry that was read, and that the mailbox's tail has not passed. */
struct tcmu_slot {
    uint32_t offset; /* in the ring */
    bool answers;    /* it waits for an answer, anybody's */
};

struct tcmu_ring {
    uint8_t *memory;
    size_t size;
    uint32_t begin;  /* the ring: its offset in the memory, and its length */
    uint32_t length;
    uint32_t next;   /* offset in the ring of the first entry that was not read */
    uint32_t tail;   /* as the mailbox has it */
    bool broken;
    struct tcmu_slot *slots; /* a ring of its own, the oldest first */
    uint32_t slot_room, slot_first, slot_count;
};

enum tcmu_kind {
    TCMU_NOTHING,     /* no entry is there, or there is no slot for it */
    TCMU_IS_COMMAND,
    TCMU_IS_TASKS,
    TCMU_IS_BROKEN,
};

/* An entry, in private memory. */
struct tcmu_entry {
    uint16_t id;
    bool faulty;        /* the command's data or CDB cannot be read */
    uint8_t cdb[SCSI_CDB_MAX];
    uint8_t cdb_length; /* bytes that the entry has room for: as many as the CDB, or more */
    struct scsi_vec *vecs; /* in: room for vec_room of them. They point into the data area */
    uint32_t vec_room, vec_count;
    uint64_t length;    /* bytes of the data */

    uint8_t function;   /* task management */
    uint32_t id_count;
    uint32_t ids;       /* where they are: tcmu_ring_id() */
};

struct tcmu_answer {
    uint16_t id;
    uint8_t status;
    uint32_t read_length; /* bytes of data-in; 0 tells the kernel nothing */
    const uint8_t *sense;
    uint8_t sense_length;
};

/* The memory stays the caller's until tcmu_ring_close(), and is writable. commands: how many may be
 * without an answer at once. NULL, or what is wrong, for "the kernel's ring ...". */
const char *tcmu_ring_open(struct tcmu_ring *ring, void *memory, size_t size, uint32_t commands);
void tcmu_ring_close(struct tcmu_ring *ring);

/* Reads the next command or notice; passes over everything else. The caller answers each command,
 * once. A notice's ids stay until tcmu_ring_publish(). */
enum tcmu_kind tcmu_ring_next(struct tcmu_ring *ring, struct tcmu_entry *entry);
uint16_t tcmu_ring_id(const struct tcmu_ring *ring, const struct tcmu_entry *entry, uint32_t index);

void tcmu_ring_answer(struct tcmu_ring *ring, const struct tcmu_answer *answer);

/* Lets the kernel have the answers so far. True: there were some, and the kernel must be woken. */
bool tcmu_ring_publish(struct tcmu_ring *ring);

#endif
