/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "memory.h"

#include <stdatomic.h>
#include <string.h>

#include "doors/tcmu/protocol.h"

_Alignas(4096) uint8_t memory[MEMORY];

void put16(size_t at, uint16_t value)
{
    memcpy(memory + at, &value, sizeof value);
}

void put32(size_t at, uint32_t value)
{
    memcpy(memory + at, &value, sizeof value);
}

void put64(size_t at, uint64_t value)
{
    memcpy(memory + at, &value, sizeof value);
}

uint16_t get16(size_t at)
{
    uint16_t value;

    memcpy(&value, memory + at, sizeof value);
    return value;
}

uint32_t get32(size_t at)
{
    uint32_t value;

    memcpy(&value, memory + at, sizeof value);
    return value;
}

void memory_reset(void)
{
    memset(memory, 0, sizeof memory);
    put16(MAILBOX_VERSION, TCMU_VERSION);
    put16(MAILBOX_FLAGS, TCMU_CAN_REORDER | TCMU_CAN_READ_LENGTH | TCMU_CAN_NOTIFY_TASKS);
    put32(MAILBOX_RING, RING);
    put32(MAILBOX_RING_SIZE, RING_SIZE);
}

void begin_at(uint32_t offset)
{
    put32(MAILBOX_HEAD, offset);
    put32(MAILBOX_TAIL, offset);
}

size_t head_place(void)
{
    return RING + get32(MAILBOX_HEAD);
}

void move_head(uint32_t length)
{
    /* The loop may read it on its own thread. */
    atomic_store_explicit((_Atomic uint32_t *)(void *)(memory + MAILBOX_HEAD),
        (get32(MAILBOX_HEAD) + length) % RING_SIZE, memory_order_release);
}

/* No entry goes across the end: a pad fills the rest. */
static void pad(uint32_t length)
{
    uint32_t rest = RING_SIZE - get32(MAILBOX_HEAD);

    if (length <= rest)
        return;
    put32(head_place() + ENTRY_LENGTH, rest | TCMU_PAD);
    move_head(rest);
}

size_t put_entry(uint32_t opcode, uint32_t length)
{
    size_t at;

    pad(length);
    at = head_place();
    memset(memory + at, 0, length);
    put32(at + ENTRY_LENGTH, length | opcode);
    move_head(length);
    return at;
}

size_t put_command(uint16_t id, const struct vec64 *vecs, uint32_t count)
{
    size_t at = put_entry(TCMU_COMMAND, ENTRY);

    put16(at + ENTRY_ID, id);
    put32(at + COMMAND_VECS, count);
    put64(at + COMMAND_CDB, at + CDB_AT);
    for (uint32_t i = 0; i < count; i++) {
        put64(at + COMMAND_VEC + (size_t)i * VEC_SIZE, vecs[i].base);
        put64(at + COMMAND_VEC + (size_t)i * VEC_SIZE + 8, vecs[i].length);
    }
    for (uint8_t i = 0; i < 10; i++)
        memory[at + CDB_AT + i] = (uint8_t)(0x10 + i);
    return at;
}
