/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The numbers and structures of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst), by
 * the protocol's names. All of them are in the byte order of the machine. */

#ifndef VHOST_PROTOCOL_H
#define VHOST_PROTOCOL_H

#include <stdint.h>

enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES = 2,
    VHOST_SET_OWNER = 3,
    VHOST_RESET_OWNER = 4,
    VHOST_SET_MEM_TABLE = 5,
    VHOST_SET_LOG_BASE = 6,
    VHOST_SET_LOG_FD = 7,
    VHOST_SET_VRING_NUM = 8,
    VHOST_SET_VRING_ADDR = 9,
    VHOST_SET_VRING_BASE = 10,
    VHOST_GET_VRING_BASE = 11,
    VHOST_SET_VRING_KICK = 12,
    VHOST_SET_VRING_CALL = 13,
    VHOST_SET_VRING_ERR = 14,
    VHOST_GET_PROTOCOL_FEATURES = 15,
    VHOST_SET_PROTOCOL_FEATURES = 16,
    VHOST_GET_QUEUE_NUM = 17,
    VHOST_SET_VRING_ENABLE = 18,
    VHOST_SET_BACKEND_REQ_FD = 21,
    VHOST_GET_CONFIG = 24,
    VHOST_SET_CONFIG = 25,
    VHOST_GET_INFLIGHT_FD = 31,
    VHOST_SET_INFLIGHT_FD = 32,
    VHOST_RESET_DEVICE = 34,
    VHOST_GET_MAX_MEM_SLOTS = 36,
    VHOST_ADD_MEM_REG = 37,
    VHOST_REM_MEM_REG = 38,
    VHOST_REQUESTS,
};

/* Messages of the back end, on the channel of VHOST_SET_BACKEND_REQ_FD. */
enum { VHOST_BACKEND_CONFIG_CHANGE = 2 };

enum {
    VHOST_VERSION = 0x1, /* flags of a message */
    VHOST_VERSION_MASK = 0x3,
    VHOST_REPLY = 0x4,
    VHOST_NEED_REPLY = 0x8,
};

/* Bits of the protocol's features. */
enum vhost_protocol_feature {
    VHOST_P_MQ = 0,
    VHOST_P_LOG_SHMFD = 1,
    VHOST_P_REPLY_ACK = 3,
    VHOST_P_BACKEND_REQ = 5,
    VHOST_P_CONFIG = 9,
    VHOST_P_INFLIGHT_SHMFD = 12,
    VHOST_P_RESET_DEVICE = 13,
    VHOST_P_CONFIGURE_MEM_SLOTS = 15,
};

enum {
    VHOST_INDEX_MASK = 0xff, /* the index in a number with a descriptor of a ring */
    VHOST_NO_DESCRIPTOR = 0x100,
    VHOST_RING_LOG = 0x1,    /* flags of vhost_ring_address */
    VHOST_TABLE_REGIONS = 8,
    VHOST_CONFIG_MAX = 256,
    VHOST_LOG_PAGE = 4096,
    VHOST_DESCRIPTORS = 8,   /* with one message */
};

struct vhost_header {
    uint32_t request, flags, size;
};

struct vhost_ring_state {
    uint32_t index, number;
};

struct vhost_ring_address {
    uint32_t index, flags;
    uint64_t descriptors, used, available, log;
};

struct vhost_memory_region {
    uint64_t guest, size, user, offset;
};

struct vhost_memory_table {
    uint32_t count, padding;
    struct vhost_memory_region regions[VHOST_TABLE_REGIONS];
};

struct vhost_memory_slot {
    uint64_t padding;
    struct vhost_memory_region region;
};

struct vhost_log_area {
    uint64_t size, offset;
};

struct vhost_config {
    uint32_t offset, size, flags;
    uint8_t bytes[VHOST_CONFIG_MAX];
};

struct vhost_inflight_area {
    uint64_t size, offset;
    uint16_t queues, queue_size;
};

union vhost_payload {
    uint64_t number;
    struct vhost_ring_state state;
    struct vhost_ring_address address;
    struct vhost_memory_table table;
    struct vhost_memory_slot slot;
    struct vhost_log_area log;
    struct vhost_config config;
    struct vhost_inflight_area inflight;
};

#endif
