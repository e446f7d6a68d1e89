/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A file is a disk, by rings of io_uring: each queue of the device has one. */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/stat.h>

#include <spd/spd.h>

enum { BLOCK = 512, QUEUES = 2, RING = 256 };

static int file;

static int begin(spd_device *device, spd_queue *queue)
{
    struct io_uring *ring = spd_queue_area(queue, device);
    int error = io_uring_queue_init(RING, ring, 0);

    return error ? error : spd_queue_watch(queue, ring->ring_fd);
}

static void end(spd_device *device, spd_queue *queue)
{
    io_uring_queue_exit(spd_queue_area(queue, device));
}

static void prepare(struct io_uring_sqe *entry, spd_request *request)
{
    uint64_t offset = spd_request_lba(request) * BLOCK;
    int sync = spd_request_flags(request) & SPD_FUA ? RWF_DSYNC : 0;
    uint32_t count;
    const struct iovec *pieces = (const struct iovec *)spd_request_data(request, &count);

    switch (spd_request_operation(request)) {
    case SPD_READ:
        io_uring_prep_readv(entry, file, pieces, count, offset);
        break;
    case SPD_WRITE:
        io_uring_prep_writev2(entry, file, pieces, count, offset, sync);
        break;
    default: /* a flush, since the unit has no other operations */
        io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    }
    io_uring_sqe_set_data(entry, request);
}

/* All that has come goes to the system with one call; again if that has no memory just now. The
 * ring has room for more than a batch. */
static void submit(
    spd_device *device, spd_queue *queue, spd_request *const *requests, uint32_t count)
{
    struct io_uring *ring = spd_queue_area(queue, device);

    for (uint32_t i = 0; i < count; i++)
        prepare(io_uring_get_sqe(ring), requests[i]);
    while (io_uring_sq_ready(ring))
        io_uring_submit(ring);
}

/* Fewer bytes than asked for: somebody has cut the file. */
static void judge(spd_request *request, int result, spd_status *status)
{
    spd_operation operation = spd_request_operation(request);
    int64_t length = operation == SPD_FLUSH ? 0 : (int64_t)spd_request_blocks(request) * BLOCK;

    *status = (spd_status){0};
    if (result != length)
        spd_status_set_errno(
            status, result < 0 ? result : EIO, operation, spd_request_lba(request));
}

/* The ring has entries that are done: their requests end together. */
static void poll_ring(spd_device *device, spd_queue *queue)
{
    struct io_uring *ring = spd_queue_area(queue, device);
    struct io_uring_cqe *entries[SPD_BATCH_MAX];
    spd_request *requests[SPD_BATCH_MAX];
    spd_status statuses[SPD_BATCH_MAX];
    unsigned count = io_uring_peek_batch_cqe(ring, entries, SPD_BATCH_MAX);

    for (unsigned i = 0; i < count; i++) {
        requests[i] = io_uring_cqe_get_data(entries[i]);
        judge(requests[i], entries[i]->res, &statuses[i]);
    }
    io_uring_cq_advance(ring, count);
    spd_requests_complete(requests, statuses, count);
}

int main(int argc, char **argv)
{
    static const spd_ops ops = {sizeof ops, .queue_begin = begin, .queue_end = end,
        .submit_many = submit, .poll = poll_ring, .queue_size = sizeof(struct io_uring)};
    const char *name = argc > 2 ? argv[2] : "iscsi://127.0.0.1:0/iqn.2026-01.org.example:uring";
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit = NULL;
    struct stat found;
    int error = spd_reserve_descriptors();

    file = argc > 1 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    if (error || file < 0 || fstat(file, &found) || found.st_size < BLOCK)
        return fprintf(stderr, "usage: uringdisk FILE [NAME]; FILE has whole blocks\n"), 2;
    params.block_count = (uint64_t)found.st_size / BLOCK;
    params.queues = QUEUES;
    params.flags |= SPD_DOOR_QUEUES;
    error = spd_unit_create(name, &params, &(spd_device){&ops, NULL}, &unit);
    if (!error && !(error = spd_unit_shutdown_on_signal(unit)) &&
        !(error = spd_unit_start(unit, 0))) {
        printf("serving %s\n", spd_unit_door_uri(unit, 0));
        fflush(stdout);
        error = spd_unit_wait(unit);
    }
    if (error)
        fprintf(stderr, "%s: %s %s\n", name, spd_strerror(error), spd_error_detail());
    spd_unit_delete(unit);
    return error != 0;
}
