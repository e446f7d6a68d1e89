/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The ublk door: the unit is /dev/ublkbN, a block device of this host.
 *
 * Linux' ublk driver hands the block device's requests to us. They come by io_uring: each queue of
 * the device has a thread with a loop and a ring, in which a command per tag waits for a request.
 * The answer to a request is the next such command. So a batch of answers, and the wait for more
 * requests, is one system call. A tag has a buffer of its own, to and from which the kernel copies.
 *
 * The device is made in open(), since its number is part of its name, and begins to serve in
 * start(). It is stopped and deleted in the end. If the process is killed instead, the kernel keeps
 * the device and all of its requests for the next server of the same unit: recovery.
 *
 * HACKING.md has the order of the files.
 */

#ifndef DOORS_UBLK_DOOR_H
#define DOORS_UBLK_DOOR_H

#include <liburing.h>

#include "doors/ublk/config.h"
#include "doors/ublk/control.h"
#include "doors/ublk/protocol.h"
#include "lib/door.h"
#include "lib/loop.h"

enum {
    UBLK_IO_BYTES_MAX = 512 << 10, /* the longest request, and so the length of a tag's buffer */
};

struct ublk_queue;

/* A part of the door: door.h, spd_door.part. */
struct ublk_part {
    struct spd_door door;
    struct ublk_queue *queue;
};

/* A tag. The kernel has it from a fetch to its end, the door from then to its commit. */
struct ublk_command {
    struct spd_request request;
    struct ublk_queue *queue;
    struct scsi_vec data;
    struct scsi_range range;
    uint16_t tag;
    bool running; /* the library has it */
    bool aborted; /* by another door's task management: it runs once more */
};

struct ublk_queue {
    struct ublk_door *door;
    struct ublk_part *part; /* the door's own, or more */
    struct ublk_part more;
    struct spd_loop loop;
    struct io_uring ring;
    struct scsi_nexus nexus;
    const struct ublk_descriptor *descriptors; /* the kernel's, by tag */
    struct ublk_command *commands;             /* by tag */
    uint8_t *buffers;
    uint32_t running; /* commands */
    uint32_t round;
    uint16_t number;
    bool has_loop, has_ring;
    bool fetches; /* the first fetches are sent */
    bool polls;   /* the ring waits for the poller of the loop */
    bool owes_report;
};

struct ublk_door {
    struct ublk_part base;
    struct ublk_control control;
    struct ublk_config config;
    struct ublk_info info;
    struct scsi_port port;
    int device; /* /dev/ublkcN; -1 */
    bool made;     /* the kernel has the device, and nobody else will delete it */
    bool recovers; /* the device is that of a server that has died */
    bool live;     /* it has started */
    atomic_bool stopping;
    os_mutex lock;
    os_cond changed;
    /* Within the lock: queues whose first fetches are sent; errno of one whose were refused. */
    uint32_t ready;
    int failed;
    uint16_t queue_count;
    struct ublk_queue *queues;
};

extern const struct spd_door_ops ublk_door_ops;

/* command.c: a request of the kernel, checked. False: it has no sense. */
bool ublk_command_block(const struct scsi_unit *unit, const struct ublk_descriptor *descriptor,
    uint32_t bytes_max, struct scsi_block *block);
/* The result for the kernel: bytes, or a negative errno that means something to the block layer. */
int32_t ublk_command_result(const struct scsi_outcome *outcome, uint32_t bytes);

/* params.c: what the kernel has to know of the unit. 0 or a spd_error. */
int ublk_params_make(const struct scsi_unit *unit, uint32_t io_bytes_max,
    struct ublk_params *params);
/* A number that distinguishes the unit, for ublk_info.server_flags; never 0. */
uint64_t ublk_params_identity(const struct scsi_unit *unit);

/* find.c: the device that a server of this unit left behind, with which door->recovers; or none. It
 * removes what is in the way of door->config. 0 or a spd_error with its detail. */
int ublk_find(struct ublk_door *door);

/* device.c. 0 or a spd_error with its detail. */
/* Finds or makes the device: door->info, door->device. */
int ublk_device_open(struct ublk_door *door);
/* All fetches are sent: requests come from now on, some before this returns. */
int ublk_device_start(struct ublk_door *door);
/* Requests come until this returns. */
void ublk_device_stop(struct ublk_door *door);
/* Queues have no rings any more. */
void ublk_device_close(struct ublk_door *door);

/* queue.c. Zeroed but for door, part and number. 0 or a spd_error with its detail. */
int ublk_queue_open(struct ublk_queue *queue);
/* Makes its thread, which sends its fetches and counts it in door->ready. */
int ublk_queue_start(struct ublk_queue *queue);
/* Its requests have ended and no more come: ends its thread and its ring. */
void ublk_queue_join(struct ublk_queue *queue);
void ublk_queue_close(struct ublk_queue *queue);

#endif
