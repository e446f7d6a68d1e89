/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The interface of Linux' ublk driver, as of Linux 6.12: numbers and layouts, all in the byte order
 * of the host. The header of Debian 12's kernel lacks much of it, so these definitions are our own.
 * Documentation/block/ublk.rst of the kernel describes what they mean.
 */

#ifndef DOORS_UBLK_PROTOCOL_H
#define DOORS_UBLK_PROTOCOL_H

#include <stdint.h>
#include <sys/ioctl.h>

#define UBLK_CONTROL_PATH "/dev/ublk-control"

enum {
    UBLK_DEPTH_MAX = 4096,  /* commands of a queue, which the kernel calls tags */
    UBLK_QUEUES_MAX = 4096,
    UBLK_SECTOR_SHIFT = 9,  /* units of the interface, whatever the blocks are */
    UBLK_FEATURES_LENGTH = 8,
    UBLK_NOBODY_ASKED = -19, /* -ENODEV: the end of a command when the device goes away */
};

/* The command of a control SQE. dev_id -1 at ADD_DEV: any number. */
struct ublk_control_command {
    uint32_t dev_id;
    uint16_t queue_id; /* 0xffff: the command concerns no queue */
    uint16_t length;   /* bytes at address, with the path */
    uint64_t address;
    uint64_t data;
    uint16_t path_length; /* bytes of the path of /dev/ublkcN, with its NUL, before the
                           * data of an unprivileged device's command */
    uint16_t pad;
    uint32_t reserved;
};
_Static_assert(sizeof(struct ublk_control_command) == 32, "as the kernel has it");

/* The command of an SQE for /dev/ublkcN. */
struct ublk_io_command {
    uint16_t queue_id;
    uint16_t tag;
    int32_t result; /* commit: bytes or a negative errno */
    uint64_t address; /* the tag's buffer; 0 with UBLK_F_USER_COPY */
};
_Static_assert(sizeof(struct ublk_io_command) == 16, "as the kernel has it");

#define UBLK_GET_DEV_INFO _IOR('u', 0x02, struct ublk_control_command)
#define UBLK_ADD_DEV _IOWR('u', 0x04, struct ublk_control_command)
#define UBLK_DEL_DEV _IOWR('u', 0x05, struct ublk_control_command)
#define UBLK_START_DEV _IOWR('u', 0x06, struct ublk_control_command)
#define UBLK_STOP_DEV _IOWR('u', 0x07, struct ublk_control_command)
#define UBLK_SET_PARAMS _IOWR('u', 0x08, struct ublk_control_command)
#define UBLK_GET_PARAMS _IOR('u', 0x09, struct ublk_control_command)
#define UBLK_START_USER_RECOVERY _IOWR('u', 0x10, struct ublk_control_command)
#define UBLK_END_USER_RECOVERY _IOWR('u', 0x11, struct ublk_control_command)
#define UBLK_GET_DEV_INFO2 _IOR('u', 0x12, struct ublk_control_command)
#define UBLK_GET_FEATURES _IOR('u', 0x13, struct ublk_control_command)
#define UBLK_DEL_DEV_ASYNC _IOR('u', 0x14, struct ublk_control_command)
#define UBLK_UPDATE_SIZE _IOWR('u', 0x15, struct ublk_control_command)

#define UBLK_FETCH _IOWR('u', 0x20, struct ublk_io_command)
#define UBLK_COMMIT_AND_FETCH _IOWR('u', 0x21, struct ublk_io_command)

/* Features, and flags of a device. */
#define UBLK_F_USER_RECOVERY (UINT64_C(1) << 3)
#define UBLK_F_USER_RECOVERY_REISSUE (UINT64_C(1) << 4)
#define UBLK_F_UNPRIVILEGED_DEV (UINT64_C(1) << 5)
#define UBLK_F_CMD_IOCTL_ENCODE (UINT64_C(1) << 6)
#define UBLK_F_USER_COPY (UINT64_C(1) << 7)
#define UBLK_F_UPDATE_SIZE (UINT64_C(1) << 10)

enum ublk_state {
    UBLK_DEAD = 0,     /* never started, or its server has ended and it cannot be recovered */
    UBLK_LIVE = 1,
    UBLK_QUIESCED = 2, /* it waits for another server */
    UBLK_FAIL_IO = 3,  /* the same, and its commands fail meanwhile */
};

struct ublk_info {
    uint16_t queues;
    uint16_t depth;
    uint16_t state; /* enum ublk_state */
    uint16_t pad0;
    uint32_t io_bytes_max;
    uint32_t dev_id;
    int32_t server_pid;
    uint32_t pad1;
    uint64_t flags;        /* UBLK_F_*; ADD_DEV drops those that the kernel does not know */
    uint64_t server_flags; /* kept for the server */
    uint32_t owner_uid;
    uint32_t owner_gid;
    uint64_t reserved1;
    uint64_t reserved2;
};
_Static_assert(sizeof(struct ublk_info) == 64, "as the kernel has it");

enum ublk_attribute {
    UBLK_ATTRIBUTE_READ_ONLY = 1 << 0,
    UBLK_ATTRIBUTE_ROTATIONAL = 1 << 1,
    UBLK_ATTRIBUTE_VOLATILE_CACHE = 1 << 2,
    UBLK_ATTRIBUTE_FUA = 1 << 3, /* only with a cache */
};

enum ublk_params_type {
    UBLK_PARAMS_BASIC = 1 << 0,
    UBLK_PARAMS_DISCARD = 1 << 1,
};

/* Shifts are of powers of two in bytes. */
struct ublk_params {
    uint32_t length; /* this structure's */
    uint32_t types;  /* enum ublk_params_type: those parts that are valid */
    struct {
        uint32_t attributes; /* enum ublk_attribute */
        uint8_t logical_shift;
        uint8_t physical_shift;
        uint8_t io_optimal_shift;
        uint8_t io_minimal_shift;
        uint32_t max_sectors;
        uint32_t chunk_sectors;
        uint64_t sectors; /* the capacity */
        uint64_t virtual_boundary_mask;
    } basic;
    struct {
        uint32_t alignment;
        uint32_t granularity; /* bytes */
        uint32_t max_sectors; /* 0: no discard */
        uint32_t max_write_zeroes_sectors;
        uint16_t max_segments; /* 1 */
        uint16_t reserved;
    } discard;
};
_Static_assert(sizeof(struct ublk_params) == 64, "as the kernel has it");

/* A request of the kernel, by tag, in memory that it shares with the server. */
struct ublk_descriptor {
    uint32_t op_flags; /* enum ublk_op, and enum ublk_io_flag */
    uint32_t sectors;
    uint64_t sector;
    uint64_t address;
};
_Static_assert(sizeof(struct ublk_descriptor) == 24, "as the kernel has it");

enum ublk_op {
    UBLK_OP_READ = 0,
    UBLK_OP_WRITE = 1,
    UBLK_OP_FLUSH = 2,
    UBLK_OP_DISCARD = 3,
    UBLK_OP_WRITE_ZEROES = 5,
    UBLK_OPS,
    UBLK_OP_MASK = 0xff,
};

enum ublk_io_flag {
    UBLK_IO_FUA = 1 << 13,
    UBLK_IO_NO_UNMAP = 1 << 15,
};

/* Where /dev/ublkcN has the data of a command of UBLK_F_USER_COPY. */
#define UBLK_DATA_OFFSET UINT64_C(0x80000000)
enum { UBLK_DATA_TAG_SHIFT = 25, UBLK_DATA_QUEUE_SHIFT = 41 };

#endif
