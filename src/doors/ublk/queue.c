/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A queue of the device: a thread, a ring, and the requests that come by it. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doors/ublk/door.h"

enum { PAGE = 4096, ROOM = 8 /* entries of the ring for the poller */ };
static const uint64_t POLLER = UINT64_MAX; /* user_data; that of other entries is their tag */

static struct ublk_queue *queue_of(const struct spd_loop *loop)
{
    return (struct ublk_queue *)(void *)((char *)loop - offsetof(struct ublk_queue, loop));
}

static uint32_t depth_of(const struct ublk_queue *queue)
{
    return queue->door->info.depth;
}

/* The ring. */

/* The ring has room for every tag and the poller, unless something submits twice. */
static struct io_uring_sqe *entry_of(struct ublk_queue *queue)
{
    struct io_uring_sqe *entry;

    while (!(entry = io_uring_get_sqe(&queue->ring)))
        io_uring_submit(&queue->ring);
    return entry;
}

static void submit(struct ublk_queue *queue, uint32_t operation, uint16_t tag, int32_t result)
{
    struct ublk_io_command command = { .queue_id = queue->number, .tag = tag, .result = result,
        .address = (uintptr_t)queue->commands[tag].data.base };
    struct io_uring_sqe *entry = entry_of(queue);

    memset(entry, 0, offsetof(struct io_uring_sqe, addr3));
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = queue->door->device;
    entry->off = operation; /* cmd_op, and zeros */
    entry->user_data = tag;
    memcpy((char *)entry + offsetof(struct io_uring_sqe, addr3), &command, sizeof command);
}

/* Nobody asks us any more. */
static void lose(struct ublk_queue *queue, int error)
{
    struct ublk_door *door = queue->door;

    if (atomic_load(&door->stopping))
        return;
    if (error == -UBLK_NOBODY_ASKED)
        spd_unit_fail(door->base.door.unit, spd_fail(SPD_ERROR_SYSTEM,
            "/dev/ublkb%u: another program has removed the device", door->info.dev_id));
    else
        spd_unit_fail(door->base.door.unit,
            ublk_control_fail(door->info.dev_id, "a request cannot be fetched", error));
}

/* Requests. */

static void begin(struct ublk_command *command)
{
    struct ublk_queue *queue = command->queue;
    struct scsi_unit *unit = spd_unit_scsi(queue->part->door.unit);
    struct scsi_task *task = &command->request.task;
    struct ublk_descriptor descriptor = queue->descriptors[command->tag];
    struct scsi_block block;

    if (!ublk_command_block(unit, &descriptor, queue->door->info.io_bytes_max, &block)) {
        submit(queue, UBLK_COMMIT_AND_FETCH, command->tag, -EIO);
        return;
    }
    command->data.length = block.operation == SCSI_BLOCK_READ || block.operation == SCSI_BLOCK_WRITE
        ? (size_t)descriptor.sectors << UBLK_SECTOR_SHIFT : 0;
    command->range = (struct scsi_range){ .lba = block.lba, .blocks = block.blocks };
    block.ranges = &command->range;
    block.range_count = 1;
    task->unit = unit;
    task->nexus = &queue->nexus;
    task->attribute = SCSI_SIMPLE;
    command->aborted = false;
    command->running = true;
    queue->running++;
    spd_request_start_block(&command->request, &block);
}

static bool map(struct spd_request *request)
{
    request->task.data = &((struct ublk_command *)request)->data;
    request->task.data_count = 1;
    return true;
}

static void later(struct spd_request *request)
{
    spd_loop_post(&((struct ublk_command *)request)->queue->loop, request);
}

static void done(struct spd_request *request)
{
    spd_loop_done(&((struct ublk_command *)request)->queue->loop, request);
}

static void end(struct ublk_command *command)
{
    command->running = false;
    command->queue->running--;
}

static void mailed(struct spd_loop *loop, struct spd_request *request)
{
    struct ublk_command *command = (struct ublk_command *)request;

    spd_request_release(request);
    end(command);
    /* The kernel's block layer does not try again what others abort, as it does for SCSI disks. */
    if (command->aborted)
        begin(command);
    else
        submit(queue_of(loop), UBLK_COMMIT_AND_FETCH, command->tag,
            ublk_command_result(&request->task.outcome, (uint32_t)command->data.length));
}

/* Task management of other doors. */

static void abort_before(struct ublk_queue *queue, uint32_t round)
{
    for (uint32_t i = 0; i < depth_of(queue); i++) {
        struct ublk_command *command = &queue->commands[i];

        if (!command->running || command->aborted ||
            !spd_request_is_before(&command->request, round))
            continue;
        command->aborted = true;
        if (spd_request_cancel(&command->request)) {
            end(command);
            begin(command);
        }
    }
}

static bool changes(const struct ublk_queue *queue)
{
    for (uint32_t i = 0; i < depth_of(queue); i++) {
        const struct ublk_command *command = &queue->commands[i];

        if (command->running && command->aborted && !spd_request_is_left(&command->request))
            return true;
    }
    return false;
}

static void look(struct ublk_queue *queue)
{
    uint32_t round = spd_round(&queue->part->door);

    if (round != queue->round) {
        abort_before(queue, round);
        queue->owes_report = true;
        queue->round = round;
    }
    if (queue->owes_report && !changes(queue)) {
        queue->owes_report = false;
        spd_round_report(&queue->part->door, round);
    }
}

/* Turns. */

static void take(struct ublk_queue *queue, uint64_t tag, int result)
{
    if (tag >= depth_of(queue) || queue->commands[tag].running) {
        spd_log(SPD_LOG_ERROR, "/dev/ublkb%u: the kernel sends a request with the tag %llu",
            queue->door->info.dev_id, (unsigned long long)tag);
        return;
    }
    if (result < 0)
        lose(queue, -result);
    else
        begin(&queue->commands[tag]);
}

/* True: the poller has events. */
static bool reap(struct ublk_queue *queue)
{
    struct io_uring_cqe *completion;
    unsigned head, count = 0;
    bool polled = false;

    io_uring_for_each_cqe(&queue->ring, head, completion) {
        count++;
        if (completion->user_data == POLLER)
            polled = true;
        else
            take(queue, completion->user_data, completion->res);
    }
    io_uring_cq_advance(&queue->ring, count);
    if (polled)
        queue->polls = false;
    return polled;
}

/* The kernel refuses a bad fetch at once; those that it keeps have no end yet. */
static int first_error(struct ublk_queue *queue)
{
    struct io_uring_cqe *completion;
    unsigned head;

    io_uring_for_each_cqe(&queue->ring, head, completion) {
        if (completion->user_data != POLLER && completion->res < 0)
            return -completion->res;
    }
    return 0;
}

/* The thread that does it is the one that may use the ring. The library of Debian 12 declares a
 * function for it, and lacks that. */
static int enable_ring(const struct ublk_queue *queue)
{
    return syscall(__NR_io_uring_register, queue->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
               0) == 0 ? 0 : -errno;
}

static void send_fetches(struct ublk_queue *queue)
{
    struct ublk_door *door = queue->door;
    int error = enable_ring(queue);

    io_uring_register_ring_fd(&queue->ring); /* without it each call takes a little longer */
    for (uint16_t tag = 0; !error && tag < depth_of(queue); tag++)
        submit(queue, UBLK_FETCH, tag, 0);
    if (!error)
        error = io_uring_submit_and_get_events(&queue->ring);
    error = error < 0 ? -error : first_error(queue);
    queue->fetches = true;
    os_mutex_lock(&door->lock);
    door->ready++;
    if (error)
        door->failed = error;
    os_cond_broadcast(&door->changed);
    os_mutex_unlock(&door->lock);
}

static bool wait_in_ring(struct spd_loop *loop, int timeout)
{
    struct ublk_queue *queue = queue_of(loop);
    struct io_uring_cqe *first;

    if (!queue->fetches)
        send_fetches(queue);
    if (!queue->polls) {
        struct io_uring_sqe *entry = entry_of(queue);

        io_uring_prep_poll_add(entry, loop->poller.epoll, OS_POLL_IN);
        entry->user_data = POLLER;
        queue->polls = true;
    }
    if (timeout == 0) {
        io_uring_submit_and_get_events(&queue->ring);
    } else if (timeout < 0) {
        io_uring_submit_and_wait(&queue->ring, 1);
    } else {
        struct __kernel_timespec time = { .tv_sec = timeout / 1000,
            .tv_nsec = timeout % 1000 * 1000000LL };

        io_uring_submit_and_wait_timeout(&queue->ring, &first, 1, &time, NULL);
    }
    return reap(queue);
}

static bool settle(struct spd_loop *loop)
{
    look(queue_of(loop));
    return false;
}

/* The device has stopped, so requests come no more. */
static void stop(struct spd_loop *loop)
{
    (void)loop;
}

static bool is_empty(const struct spd_loop *loop)
{
    return queue_of(loop)->running == 0;
}

/* Life. */

static bool make_commands(struct ublk_queue *queue)
{
    static const struct spd_request_ops ops = { .map = map, .later = later, .done = done };
    size_t stride = queue->door->info.io_bytes_max, depth = depth_of(queue);

    queue->commands = calloc(depth, sizeof *queue->commands);
    queue->buffers = os_pages_alloc(depth * stride);
    if (!queue->commands || !queue->buffers)
        return false;
    for (uint32_t i = 0; i < depth; i++) {
        struct ublk_command *command = &queue->commands[i];

        command->queue = queue;
        command->tag = (uint16_t)i;
        command->data.base = queue->buffers + i * stride;
        command->request.unit = queue->part->door.unit;
        command->request.ops = &ops;
        command->request.stream = queue->number;
    }
    return true;
}

static size_t descriptors_length(uint32_t depth)
{
    return (depth * sizeof(struct ublk_descriptor) + PAGE - 1) / PAGE * PAGE;
}

static int make_ring(struct ublk_queue *queue)
{
    int error = io_uring_queue_init(depth_of(queue) + ROOM, &queue->ring,
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    off_t offset = (off_t)(queue->number * descriptors_length(UBLK_DEPTH_MAX));
    void *descriptors;

    if (error)
        return spd_fail(SPD_ERROR_SYSTEM, "cannot make a ring of io_uring: %s", strerror(-error));
    queue->has_ring = true;
    descriptors = mmap(NULL, descriptors_length(depth_of(queue)), PROT_READ,
        MAP_SHARED | MAP_POPULATE, queue->door->device, offset);
    if (descriptors == MAP_FAILED)
        return ublk_control_fail(queue->door->info.dev_id, "mapping its requests", errno);
    queue->descriptors = descriptors;
    return 0;
}

int ublk_queue_open(struct ublk_queue *queue)
{
    static const struct spd_loop_ops ops = {
        .mailed = mailed, .settle = settle, .stop = stop, .is_empty = is_empty,
        .wait = wait_in_ring };
    int error = spd_loop_open(&queue->loop, &ops);

    if (error)
        return error;
    queue->has_loop = true;
    scsi_nexus_init(&queue->nexus, spd_unit_scsi(queue->part->door.unit), &queue->door->port);
    queue->nexus.no_attentions = true; /* the kernel is no initiator here */
    if (!make_commands(queue))
        return spd_fail(SPD_ERROR_NO_MEMORY, "the requests of a ublk device");
    return make_ring(queue);
}

int ublk_queue_start(struct ublk_queue *queue)
{
    return spd_loop_start(&queue->loop, "spd-ublk");
}

void ublk_queue_join(struct ublk_queue *queue)
{
    if (queue->loop.started) {
        spd_loop_stop(&queue->loop);
        spd_loop_join(&queue->loop);
    }
    if (queue->descriptors)
        munmap((void *)queue->descriptors, descriptors_length(depth_of(queue)));
    queue->descriptors = NULL;
    if (queue->has_ring)
        io_uring_queue_exit(&queue->ring);
    queue->has_ring = false;
}

void ublk_queue_close(struct ublk_queue *queue)
{
    ublk_queue_join(queue);
    for (uint32_t i = 0; queue->commands && i < depth_of(queue); i++)
        spd_request_free(&queue->commands[i].request);
    free(queue->commands);
    if (queue->buffers)
        os_pages_free(queue->buffers, (size_t)depth_of(queue) * queue->door->info.io_bytes_max);
    if (queue->has_loop)
        spd_loop_close(&queue->loop);
}
