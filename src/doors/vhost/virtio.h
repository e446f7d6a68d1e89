/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The numbers of virtio (VIRTIO 1.2), by its names. All of them are little-endian in memory. */

#ifndef VHOST_VIRTIO_H
#define VHOST_VIRTIO_H

#include <endian.h>
#include <stdatomic.h>
#include <stdint.h>

/* Feature bits that do not depend on the device (VIRTIO 1.2 6). */
enum virtio_feature {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24, /* legacy; a front end may insist on it */
    VHOST_F_LOG_ALL = 26,
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VHOST_F_PROTOCOL_FEATURES = 30,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_RING_PACKED = 34,
};

/* A descriptor (VIRTIO 1.2 2.7.5, 2.8.1). */
enum {
    VIRTIO_DESC_LENGTH = 16,
    VIRTIO_DESC_F_NEXT = 0x1,
    VIRTIO_DESC_F_WRITE = 0x2,
    VIRTIO_DESC_F_INDIRECT = 0x4,
    VIRTIO_DESC_F_AVAIL = 0x80,   /* packed rings */
    VIRTIO_DESC_F_USED = 0x8000,
};

enum {
    VIRTIO_AVAIL_F_NO_INTERRUPT = 1,
    VIRTIO_USED_F_NO_NOTIFY = 1,
    VIRTIO_QUEUE_SIZE_MAX = 32768,
};

/* Event suppression of packed rings (VIRTIO 1.2 2.8.10). */
enum { VIRTIO_EVENT_ENABLE = 0, VIRTIO_EVENT_DISABLE = 1, VIRTIO_EVENT_DESC = 2 };

/* The block device (VIRTIO 1.2 5.2). */
enum virtio_blk_feature {
    VIRTIO_BLK_F_SIZE_MAX = 1,
    VIRTIO_BLK_F_SEG_MAX = 2,
    VIRTIO_BLK_F_RO = 5,
    VIRTIO_BLK_F_BLK_SIZE = 6,
    VIRTIO_BLK_F_FLUSH = 9,
    VIRTIO_BLK_F_TOPOLOGY = 10,
    VIRTIO_BLK_F_MQ = 12,
    VIRTIO_BLK_F_DISCARD = 13,
    VIRTIO_BLK_F_WRITE_ZEROES = 14,
};

enum virtio_blk_type {
    VIRTIO_BLK_T_IN = 0,
    VIRTIO_BLK_T_OUT = 1,
    VIRTIO_BLK_T_FLUSH = 4,
    VIRTIO_BLK_T_GET_ID = 8,
    VIRTIO_BLK_T_DISCARD = 11,
    VIRTIO_BLK_T_WRITE_ZEROES = 13,
    VIRTIO_BLK_TYPES,
};

enum virtio_blk_status { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

enum {
    VIRTIO_BLK_SECTOR_SHIFT = 9,
    VIRTIO_BLK_SECTOR = 512,
    VIRTIO_BLK_HEADER = 16,
    VIRTIO_BLK_SEGMENT = 16,
    VIRTIO_BLK_SEGMENT_F_UNMAP = 0x1,
    VIRTIO_BLK_ID_LENGTH = 20,
};

/* Its configuration: offsets of the fields (VIRTIO 1.2 5.2.4). */
enum {
    VIRTIO_BLK_CAPACITY = 0,             /* 64 bits */
    VIRTIO_BLK_SIZE_MAX = 8,
    VIRTIO_BLK_SEG_MAX = 12,
    VIRTIO_BLK_BLK_SIZE = 20,
    VIRTIO_BLK_PHYSICAL_BLOCK_EXP = 24,  /* 8 bits */
    VIRTIO_BLK_MIN_IO_SIZE = 26,         /* 16 bits */
    VIRTIO_BLK_OPT_IO_SIZE = 28,
    VIRTIO_BLK_WRITEBACK = 32,           /* 8 bits */
    VIRTIO_BLK_NUM_QUEUES = 34,          /* 16 bits */
    VIRTIO_BLK_MAX_DISCARD_SECTORS = 36,
    VIRTIO_BLK_MAX_DISCARD_SEG = 40,
    VIRTIO_BLK_DISCARD_SECTOR_ALIGNMENT = 44,
    VIRTIO_BLK_MAX_WRITE_ZEROES_SECTORS = 48,
    VIRTIO_BLK_MAX_WRITE_ZEROES_SEG = 52,
    VIRTIO_BLK_WRITE_ZEROES_MAY_UNMAP = 56, /* 8 bits */
    VIRTIO_BLK_CONFIG_LENGTH = 60,
};

/* Words of a ring, which the other side reads and writes at the same time. A store comes after
 * everything before it. */
static inline uint16_t virtio_load(const _Atomic uint16_t *place, memory_order order)
{
    return le16toh(atomic_load_explicit(place, order));
}

static inline void virtio_store(_Atomic uint16_t *place, uint16_t value)
{
    atomic_store_explicit(place, htole16(value), memory_order_release);
}

#endif
