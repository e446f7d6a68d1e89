/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/tcmu/ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "doors/tcmu/protocol.h"

/* Shared memory. The fence keeps the compiler from reading the memory again later. */

static void load(const struct tcmu_ring *ring, size_t at, void *to, size_t length)
{
    memcpy(to, ring->memory + at, length);
    atomic_signal_fence(memory_order_seq_cst);
}

static uint16_t load16(const struct tcmu_ring *ring, size_t at)
{
    uint16_t value;

    load(ring, at, &value, sizeof value);
    return value;
}

static uint32_t load32(const struct tcmu_ring *ring, size_t at)
{
    uint32_t value;

    load(ring, at, &value, sizeof value);
    return value;
}

static uint64_t load64(const struct tcmu_ring *ring, size_t at)
{
    uint64_t value;

    load(ring, at, &value, sizeof value);
    return value;
}

static void store(const struct tcmu_ring *ring, size_t at, const void *from, size_t length)
{
    memcpy(ring->memory + at, from, length);
}

/* The kernel moves the head after it has written the entries before it. */
static uint32_t load_head(const struct tcmu_ring *ring)
{
    return atomic_load_explicit(
        (_Atomic uint32_t *)(void *)(ring->memory + MAILBOX_HEAD), memory_order_acquire);
}

static void store_tail(const struct tcmu_ring *ring, uint32_t tail)
{
    atomic_store_explicit(
        (_Atomic uint32_t *)(void *)(ring->memory + MAILBOX_TAIL), tail, memory_order_release);
}

/* Slots. */

static void add_slot(struct tcmu_ring *ring, uint32_t offset, bool answers)
{
    uint32_t place = (ring->slot_first + ring->slot_count++) % ring->slot_room;

    ring->slots[place] = (struct tcmu_slot){ offset, answers };
}

static void drop_slot(struct tcmu_ring *ring)
{
    ring->slot_first = (ring->slot_first + 1) % ring->slot_room;
    ring->slot_count--;
}

/* The oldest entry waits for an answer afterwards, or there is none. */
static void pass_over(struct tcmu_ring *ring)
{
    while (ring->slot_count && !ring->slots[ring->slot_first].answers)
        drop_slot(ring);
}

/* Entries. */

static size_t place_of(const struct tcmu_ring *ring, uint32_t offset)
{
    return (size_t)ring->begin + offset;
}

static bool is_position(const struct tcmu_ring *ring, uint32_t offset)
{
    return offset < ring->length && offset % ENTRY_HEADER == 0;
}

/* Bytes of the ring that have entries to read. */
static uint32_t unread(const struct tcmu_ring *ring, uint32_t head)
{
    return head >= ring->next ? head - ring->next : ring->length - ring->next + head;
}

/* The vector points into the data area, which follows the ring. */
static bool read_vec(const struct tcmu_ring *ring, size_t at, struct scsi_vec *vec)
{
    uint64_t base = load64(ring, at), length = load64(ring, at + 8);

    if (base < (uint64_t)ring->begin + ring->length || base > ring->size ||
        length > ring->size - base)
        return false;
    *vec = (struct scsi_vec){ ring->memory + base, (size_t)length };
    return true;
}

static bool read_vecs(
    const struct tcmu_ring *ring, size_t at, uint32_t length, struct tcmu_entry *entry)
{
    uint32_t count = load32(ring, at + COMMAND_VECS);

    entry->vec_count = 0;
    entry->length = 0;
    if (count > (length - COMMAND_VEC) / VEC_SIZE || count > entry->vec_room)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_vec(ring, at + COMMAND_VEC + (size_t)i * VEC_SIZE, &entry->vecs[i]))
            return false;
        entry->length += entry->vecs[i].length;
    }
    entry->vec_count = count;
    return true;
}

/* The CDB is in the entry, behind its vectors. */
static bool read_cdb(
    const struct tcmu_ring *ring, size_t at, uint32_t length, struct tcmu_entry *entry)
{
    uint64_t from = load64(ring, at + COMMAND_CDB);
    uint64_t room;

    memset(entry->cdb, 0, sizeof entry->cdb);
    entry->cdb_length = 0;
    if (from < at + COMMAND_VEC || from >= at + length)
        return false;
    room = at + length - from;
    entry->cdb_length = room < SCSI_CDB_MAX ? (uint8_t)room : SCSI_CDB_MAX;
    load(ring, (size_t)from, entry->cdb, entry->cdb_length);
    return true;
}

static bool read_command(
    const struct tcmu_ring *ring, size_t at, uint32_t length, struct tcmu_entry *entry)
{
    if (length < ANSWER_END)
        return false;
    entry->id = load16(ring, at + ENTRY_ID);
    entry->faulty = !read_cdb(ring, at, length, entry) || !read_vecs(ring, at, length, entry);
    return true;
}

static bool read_tasks(
    const struct tcmu_ring *ring, size_t at, uint32_t length, struct tcmu_entry *entry)
{
    if (length < TASKS_IDS)
        return false;
    load(ring, at + TASKS_FUNCTION, &entry->function, 1);
    entry->id_count = load32(ring, at + TASKS_COUNT);
    entry->ids = (uint32_t)(at + TASKS_IDS);
    return entry->id_count <= (length - TASKS_IDS) / sizeof(uint16_t);
}

/* Reads an entry; TCMU_NOTHING if it needs no attention. */
static enum tcmu_kind read_entry(
    struct tcmu_ring *ring, size_t at, uint32_t word, struct tcmu_entry *entry)
{
    uint32_t length = word & ~(uint32_t)ENTRY_OPCODE_MASK;
    uint8_t flags = TCMU_UNKNOWN_OPCODE;

    switch (word & ENTRY_OPCODE_MASK) {
    case TCMU_PAD:
        return TCMU_NOTHING;
    case TCMU_COMMAND:
        return read_command(ring, at, length, entry) ? TCMU_IS_COMMAND : TCMU_IS_BROKEN;
    case TCMU_TASKS:
        return read_tasks(ring, at, length, entry) ? TCMU_IS_TASKS : TCMU_IS_BROKEN;
    default:
        store(ring, at + ENTRY_FLAGS, &flags, sizeof flags);
        return TCMU_NOTHING;
    }
}

static enum tcmu_kind take_entry(
    struct tcmu_ring *ring, uint32_t available, struct tcmu_entry *entry)
{
    size_t at = place_of(ring, ring->next);
    uint32_t word = load32(ring, at + ENTRY_LENGTH);
    uint32_t length = word & ~(uint32_t)ENTRY_OPCODE_MASK;
    enum tcmu_kind kind;

    if (length < ENTRY_HEADER || length > available || length > ring->length - ring->next)
        return TCMU_IS_BROKEN;
    kind = read_entry(ring, at, word, entry);
    if (kind == TCMU_IS_BROKEN)
        return kind;
    add_slot(ring, ring->next, kind == TCMU_IS_COMMAND);
    ring->next = (ring->next + length) % ring->length;
    pass_over(ring);
    return kind;
}

enum tcmu_kind tcmu_ring_next(struct tcmu_ring *ring, struct tcmu_entry *entry)
{
    uint32_t head = ring->broken ? ring->next : load_head(ring);
    enum tcmu_kind kind = TCMU_NOTHING;

    if (!is_position(ring, head))
        kind = TCMU_IS_BROKEN;
    while (kind == TCMU_NOTHING && head != ring->next && ring->slot_count < ring->slot_room)
        kind = take_entry(ring, unread(ring, head), entry);
    ring->broken |= kind == TCMU_IS_BROKEN;
    return kind;
}

uint16_t tcmu_ring_id(const struct tcmu_ring *ring, const struct tcmu_entry *entry, uint32_t index)
{
    return load16(ring, entry->ids + (size_t)index * sizeof(uint16_t));
}

/* Answers. */

void tcmu_ring_answer(struct tcmu_ring *ring, const struct tcmu_answer *answer)
{
    uint8_t sense[ANSWER_SENSE_SIZE] = { 0 };
    uint8_t flags = answer->read_length ? TCMU_HAS_READ_LENGTH : 0;
    size_t at = place_of(ring, ring->slots[ring->slot_first].offset);

    if (answer->sense_length)
        memcpy(sense, answer->sense, answer->sense_length);
    store(ring, at + ENTRY_ID, &answer->id, sizeof answer->id);
    store(ring, at + ENTRY_FLAGS, &flags, sizeof flags);
    store(ring, at + ANSWER_STATUS, &answer->status, sizeof answer->status);
    store(ring, at + ANSWER_READ_LENGTH, &answer->read_length, sizeof answer->read_length);
    store(ring, at + ANSWER_SENSE, sense, sizeof sense);
    drop_slot(ring);
    pass_over(ring);
}

bool tcmu_ring_publish(struct tcmu_ring *ring)
{
    uint32_t tail = ring->slot_count ? ring->slots[ring->slot_first].offset : ring->next;

    if (tail == ring->tail)
        return false;
    ring->tail = tail;
    store_tail(ring, tail);
    return true;
}

/* Life. */

static const char *judge(const struct tcmu_ring *ring)
{
    uint16_t needed = TCMU_CAN_REORDER | TCMU_CAN_READ_LENGTH;

    if (load16(ring, MAILBOX_VERSION) != TCMU_VERSION)
        return "has another version than 2";
    if ((load16(ring, MAILBOX_FLAGS) & needed) != needed)
        return "does not take answers in any order, with their lengths: a newer kernel does";
    if (ring->begin < MAILBOX_SIZE || ring->begin % ENTRY_HEADER || ring->length < ANSWER_END ||
        ring->length % ENTRY_HEADER || (uint64_t)ring->begin + ring->length > ring->size)
        return "is not within its memory";
    if (!is_position(ring, ring->tail))
        return "has an impossible tail";
    return NULL;
}

const char *tcmu_ring_open(struct tcmu_ring *ring, void *memory, size_t size, uint32_t commands)
{
    const char *wrong;

    *ring = (struct tcmu_ring){ .memory = memory, .size = size };
    if (size < MAILBOX_SIZE || size > UINT32_MAX)
        return "has memory of an impossible size";
    ring->begin = load32(ring, MAILBOX_RING);
    ring->length = load32(ring, MAILBOX_RING_SIZE);
    ring->tail = ring->next = load32(ring, MAILBOX_TAIL);
    wrong = judge(ring);
    if (wrong)
        return wrong;
    /* Between two commands there is hardly ever more than one other entry. */
    ring->slot_room = 2 * commands + 1;
    ring->slots = calloc(ring->slot_room, sizeof *ring->slots);
    return ring->slots ? NULL : "needs memory, and there is none";
}

void tcmu_ring_close(struct tcmu_ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}
