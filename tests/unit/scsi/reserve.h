/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PERSISTENT RESERVE IN and OUT in one line; nexus n's key is always KEY(n). */

#ifndef TESTS_SCSI_RESERVE_H
#define TESTS_SCSI_RESERVE_H

#include "test.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE };
enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8, RESERVED = 0xf };

#define KEY(n) (UINT64_C(0x1122334455667700) + (n))

static inline void reserve_out(struct disk *disk, unsigned n, uint8_t action, uint8_t type,
    uint64_t key, uint64_t action_key)
{
    const uint8_t list[24] = { B64(key), B64(action_key) };

    assert_true(disk_run(disk, n, &disk->unit, CDB(0x5f, action, type, 0, 0, B32(24)),
        SCSI_DATA_OUT, list, sizeof list));
}

static inline const uint8_t *reserve_in(struct disk *disk, uint8_t action)
{
    return in(disk, CDB(0x5e, action, 0, 0, 0, 0, 0, B16(0xffff)), 0xffff);
}

static inline void assert_conflict(const struct disk *disk)
{
    assert_int_equal(disk->task.status, SCSI_RESERVATION_CONFLICT);
    assert_int_equal(disk->task.sense_length, 0);
    assert_int_equal(disk->task.moved_length, 0);
}

static inline void enroll(struct disk *disk, unsigned n)
{
    reserve_out(disk, n, REGISTER, 0, 0, KEY(n));
    assert_good(disk);
}

/* Nexus n registers and reserves. */
static inline void hold(struct disk *disk, unsigned n, uint8_t type)
{
    enroll(disk, n);
    reserve_out(disk, n, RESERVE, type, KEY(n), 0);
    assert_good(disk);
}

/* TEST UNIT READY of nexus n ends in this unit attention; 0: in none. */
static inline void assert_attention(struct disk *disk, unsigned n, unsigned code)
{
    assert_true(disk_run(disk, n, &disk->unit, CDB(0x00), SCSI_NO_DATA, NULL, 0));
    if (code)
        assert_sense(disk, 0x6, code);
    else
        assert_good(disk);
}

/* The registered keys, in any order: bit n is KEY(n). */
static inline unsigned registered(struct disk *disk)
{
    const uint8_t *reply = reserve_in(disk, 0);
    unsigned keys = 0;

    assert_good(disk);
    for (uint32_t at = 8; at < 8 + be32_get(reply + 4); at += 8)
        keys |= 1u << (be64_get(reply + at) - KEY(0));
    return keys;
}

/* Type of the reservation, 0 for none. */
static inline uint8_t reserved(struct disk *disk)
{
    const uint8_t *reply = reserve_in(disk, 1);

    assert_good(disk);
    return be32_get(reply + 4) ? reply[21] : 0;
}

static inline uint64_t holders_key(struct disk *disk)
{
    return be64_get(reserve_in(disk, 1) + 8);
}

static inline uint32_t generation(struct disk *disk)
{
    return be32_get(reserve_in(disk, 0));
}

#endif
