/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A device serves blocks. This header has the operations of a device, their errors, the requests of
 * asynchronous devices, and filters above other devices. spd.h makes a disk of a device, and
 * includes this header.
 */

#ifndef SPD_DEVICE_H
#define SPD_DEVICE_H

#include "base.h"
#include "sense.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Status of an operation, as a SCSI disk reports it. All zero is GOOD. With CHECK CONDITION and
 * sense key 0h NO SENSE, 1h RECOVERED ERROR or Fh COMPLETED, the operation has been done. A read
 * has then filled its buffer, and the initiator gets data and sense.
 */
typedef struct spd_status {
    uint8_t scsi_status; /* SPD_STATUS_... (sense.h) */
    uint8_t sense_key;   /* SPD_SENSE_... */
    uint8_t asc;         /* additional sense code and qualifier: SPD_ASC_... */
    uint8_t ascq;
    uint8_t information_valid; /* 1: information is the LBA that failed */
    uint8_t reserved[3]; /* zeros; spd_status_set_errno() notes a value here for the log */
    uint64_t information;
} spd_status;

typedef enum spd_operation {
    SPD_READ = 1,
    SPD_WRITE = 2,
    SPD_FLUSH = 3,
    SPD_UNMAP = 4,
    SPD_WRITE_ZEROES = 5,
    SPD_EXTENTS = 6,
    SPD_PREFETCH = 7,
} spd_operation;

/* CHECK CONDITION with this key (SPD_SENSE_...) and code (SPD_ASC_..., which is both asc and ascq);
 * lba may be NULL (no INFORMATION). Replaces all of *status. */
SPD_API void SPD_CALL spd_status_set(spd_status *status, uint8_t sense_key, uint8_t asc,
    uint8_t ascq, const uint64_t *lba);

/* BUSY: the trouble may pass, and the initiator tries again after a while. Replaces all of *status.
 * Not for a failed flush that may have lost written data: a later flush that succeeds would hide
 * the loss. */
SPD_API void SPD_CALL spd_status_set_busy(spd_status *status);

/* Translates an errno for a disk; on Windows also an error of Winsock. A negative errno value
 * means the same. 0 makes the status GOOD.
 *
 *     EIO, EBADMSG, EILSEQ, ENODATA, EUCLEAN   MEDIUM ERROR with the LBA: UNRECOVERED READ ERROR
 *                                              for a read, WRITE ERROR for all else
 *     ETIMEDOUT, ETIME, ECONNREFUSED,          BUSY, as of spd_status_set_busy(); of a flush MEDIUM
 *     ECONNRESET, ECONNABORTED, ENOTCONN,      ERROR, WRITE ERROR: another flush that succeeds
 *     ESHUTDOWN, EPIPE, ENETDOWN, ENETRESET,   would hide what the first has lost
 *     ENETUNREACH, EHOSTDOWN, EHOSTUNREACH,
 *     ENOLINK, EPROTO, EINPROGRESS, EALREADY,
 *     EAGAIN, EBUSY, ENOMEM, ENOBUFS, EMFILE,
 *     ENFILE, ENOLCK, EDEADLK, EADDRINUSE,
 *     EADDRNOTAVAIL, EINTR, ECANCELED
 *     ENOSPC, EDQUOT, EFBIG                    DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT
 *     EROFS; EPERM and EACCES, not of a read   DATA PROTECT, WRITE PROTECTED
 *     ENOENT, ENODEV, ENXIO, ENOMEDIUM,        NOT READY, MANUAL INTERVENTION REQUIRED
 *     ESTALE; EPERM and EACCES of a read
 *     all others                               HARDWARE ERROR, INTERNAL TARGET FAILURE
 */
SPD_API void SPD_CALL spd_status_set_errno(spd_status *status, int errnum, spd_operation operation,
    uint64_t lba);

/* For the lines of a program: the name of a SCSI status, as "CHECK_CONDITION", and of a sense key,
 * as "MEDIUM_ERROR". Static; "UNKNOWN" for a value that SAM-5 5.3.1 or SPC-4 4.5.6 does not
 * have. */
SPD_API const char *SPD_CALL spd_scsi_status_name(uint8_t scsi_status);
SPD_API const char *SPD_CALL spd_sense_key_name(uint8_t sense_key);

/*
 * A device: its operations, and a pointer for them. Every operation gets the device as its first
 * argument. This structure never changes; spd_ops may grow.
 *
 * A device may have another one below it ("Filters").
 */
typedef struct spd_device {
    const struct spd_ops *ops;
    void *context;
} spd_device;

/*
 * Operations of a device. A device is simple or asynchronous.
 *
 * Simple: read, write, flush, unmap. Each does its work before it returns. They run in parallel and
 * in no particular order, on the dispatcher threads or on the door's thread (see SPD_NEVER_BLOCKS
 * and SPD_TRY_FIRST in spd.h). Ranges are always within the unit, and have 1 block to
 * max_transfer_length bytes. `buffer` is one piece of blocks * block_length bytes, of no particular
 * alignment. `buffer`, `ranges` and `status` are valid until the operation returns. `status` is
 * GOOD on entry; leave it for success. An operation returns one of these:
 *   0                      status is the answer, GOOD or an error.
 *   -EIO                   or another negative errno value: if status is GOOD,
 *                          spd_status_set_errno() makes the answer, with the first LBA of the
 *                          operation. Otherwise status is the answer.
 *   SPD_ERROR_WOULD_BLOCK  or -EAGAIN, when flags has SPD_NOWAIT: nothing was changed, and the
 *                          operation is called again, without that flag.
 * With a GOOD status any other value is a line in the log, and the initiator gets HARDWARE ERROR,
 * INTERNAL TARGET FAILURE.
 *
 * Asynchronous: only submit. The library calls it on a door's thread or on the thread that
 * completes the former request, and on several at once. submit starts the work and returns without
 * blocking. spd_request_complete() ends the request, from any thread, also from within submit.
 *
 * flush and unmap may be NULL: flush then does nothing, and unmap needs SPD_UNMAP_SUPPORTED clear.
 * write may be NULL with SPD_WRITE_PROTECTED. The library does without the operations after stop.
 * An asynchronous device names those of them that it takes in `submits`.
 */
enum {
    SPD_FUA = 1u << 0,    /* read: from the medium; write: durable before completion. A command of
                           * several operations has, with SPD_CACHE, one flush instead */
    SPD_NOWAIT = 1u << 1, /* do not block; see SPD_TRY_FIRST */
    SPD_MAY_UNMAP = 1u << 2, /* write zeroes: the space of the blocks may be given back */
    SPD_FAST_ONLY = 1u << 3, /* write zeroes: refuse rather than take as long as a write of other
                              * data. The refusal is CHECK CONDITION with ILLEGAL REQUEST, INVALID
                              * COMMAND OPERATION CODE */
};

typedef struct spd_range {
    uint64_t lba;
    uint32_t blocks;
    uint32_t reserved;
} spd_range;

typedef struct spd_vec {
    void *base;
    size_t length;
} spd_vec; /* same layout as POSIX struct iovec */

/* The space that a device has for a block, as in SBC-3 4.7. */
typedef enum spd_provisioning {
    SPD_MAPPED = 0,      /* space and data, or it is not known */
    SPD_DEALLOCATED = 1, /* no space: as after an unmap. With SPD_UNMAP_ZEROS it reads as zeros */
    SPD_ANCHORED = 2,    /* space, but no data: it reads as a deallocated one */
} spd_provisioning;

typedef struct spd_ops {
    size_t size; /* sizeof(spd_ops) */
    int (SPD_CALL *read)(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
        uint32_t flags, spd_status *status);
    int (SPD_CALL *write)(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
        uint32_t flags, spd_status *status);
    /* Makes blocks durable; blocks == 0 means from lba to the end of the medium. Flushes overlap
     * each other and writes with SPD_FUA. Some systems report an error of write-back to one flush
     * only: the device has to report it to all flushes whose data was written before. */
    int (SPD_CALL *flush)(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_status *status);
    /* count ranges, 1 or more, each of at least 1 block; they may overlap each other. Together they
     * have at most 256 MiB, which may be more than max_transfer_length. Longer unmaps come in
     * several calls. */
    int (SPD_CALL *unmap)(spd_device *device, const spd_range *ranges, uint32_t count,
        uint32_t flags, spd_status *status);
    void (SPD_CALL *submit)(spd_device *device, spd_request *request);
    /* May be NULL. Nobody waits for the data or status of this request any more: its initiator has
     * aborted it or is gone, or the unit stops. The device has the request: submit has returned, or
     * a filter has it back. In a simple device the operation runs, or is about to, on a dispatcher
     * thread. The work may end early, with any status. The request must still complete (the
     * operation return), once. Until then a write or an unmap holds up its initiator's next steps,
     * and every request holds up the end of the unit.
     *
     * Called at most once for a request, from any thread of the library, beside the operations. The
     * call may also come from within spd_request_complete() of another request. Must not block. The
     * request is valid until abort returns, even if it completes meanwhile, and may be completed
     * from within abort. Lock order: as for submit. */
    void (SPD_CALL *abort)(spd_device *device, spd_request *request);
    /* May be NULL. The unit stops: no new commands from now on, and running ones are aborted.
     * Operations that wait for something outside, such as a server, should end soon. The last flush
     * is called after that. Called once for a unit that was started, from the thread that shuts it
     * down, beside operations. Must not block. */
    void (SPD_CALL *stop)(spd_device *device);
    /* May be NULL; for an asynchronous filter. The device below has ended the request that this
     * filter has passed on by spd_request_pass(), with this status, which is valid until this
     * returns. The filter has the request again. It ends it by spd_request_complete(), now or
     * later, with this or another status, or passes it on once more. Without this operation the
     * request ends with the status. Called from any thread, also from within spd_request_pass().
     * Must not block. */
    void (SPD_CALL *returned)(spd_device *device, spd_request *request, const spd_status *status);
    /* May be NULL; for a simple device, beside read and write. The library calls them instead where
     * the door has the data in several pieces. count is 2 or more, and the pieces have any length
     * and alignment, together blocks * block_length bytes. Without these operations the library
     * copies such data to one buffer, or from it. The list, and the data of a write, must not be
     * changed. */
    int (SPD_CALL *readv)(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
        uint32_t blocks, uint32_t flags, spd_status *status);
    int (SPD_CALL *writev)(spd_device *device, const spd_vec *vec, uint32_t count, uint64_t lba,
        uint32_t blocks, uint32_t flags, spd_status *status);
    /* May be NULL: then the library writes zeros, in many operations. The blocks read as zeros from
     * now on. With SPD_MAY_UNMAP they may lose their space, as by unmap; otherwise a later write of
     * them needs no more space than if write had written them. The blocks have at most 256 MiB and
     * max_unmap_blocks, which may be more than max_transfer_length. Initiators ask for zeros by
     * WRITE SAME (SBC-3 5.43). If it fails in the middle, blocks before information may be
     * zeros. */
    int (SPD_CALL *write_zeroes)(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_status *status);
    /* May be NULL: then all blocks are mapped. Tells which of the blocks, 1 or more, have space, by
     * calls of spd_extents_add(). The operation may stop early, to bound its time, and is called
     * again for the rest. A unit without SPD_UNMAP_SUPPORTED never calls it. Writes run at the same
     * time: a block that is written meanwhile may be described as before or as afterwards.
     * Initiators ask by GET LBA STATUS (SBC-3 5.4), for example to copy a disk without its
     * holes. */
    int (SPD_CALL *extents)(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_extents *extents, spd_status *status);
    /* May be NULL: then the library drops the hint. The blocks, 1 or more, will be read soon. A
     * device with a cache begins to fetch them, and does not wait for them. They may be all blocks
     * of the unit, and the device may fetch a part only. Initiators send PRE-FETCH (SBC-3 5.8),
     * whose answer is an error of this operation. */
    int (SPD_CALL *prefetch)(spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_status *status);
    /* Asynchronous devices: the operations, other than reads, writes, flushes and unmaps, that
     * submit takes: 1 << SPD_WRITE_ZEROES and so on. The device gets no others, nor any that come
     * with later versions of this header. */
    uint32_t submits;
    uint32_t reserved; /* 0 */
    /* May be NULL; for a simple device that keeps something for each thread, such as a connection.
     * Called on each dispatcher thread of the unit, before its first operation and after its last
     * one. Operations also run on other threads, without these calls: the door's with
     * SPD_NEVER_BLOCKS and SPD_NOWAIT, threads that a program lends, and that of the last flush. */
    void (SPD_CALL *thread_begin)(spd_device *device);
    void (SPD_CALL *thread_end)(spd_device *device);
    /* For queues (below), and called on the thread of the queue; all may be NULL.
     * Before its first request. 0, or an spd_error or negative errno value: spd_unit_start() then
     * fails. */
    int (SPD_CALL *queue_begin)(spd_device *device, spd_queue *queue);
    /* After its last request, if queue_begin has returned 0. */
    void (SPD_CALL *queue_end)(spd_device *device, spd_queue *queue);
    /* In place of submit: has 1 to SPD_BATCH_MAX requests at once. The list is valid until this
     * returns. All else is as with submit, which a filter above the device still calls. */
    void (SPD_CALL *submit_many)(spd_device *device, spd_queue *queue,
        spd_request *const *requests, uint32_t count);
    /* The device may have ended requests: see spd_queue_watch(). Completes them. Must not block. */
    void (SPD_CALL *poll)(spd_device *device, spd_queue *queue);
    uint32_t queue_size;   /* bytes of the device's area of each queue, at most SPD_AREA_MAX */
    uint32_t request_size; /* the same of each request of an asynchronous device, also without
                            * queues */
} spd_ops;

/* Zeros, and ops->size, which is sizeof(spd_ops) of the program's header. */
SPD_API void SPD_CALL spd_ops_init(spd_ops *ops, size_t size);

/*
 * Requests of an asynchronous device: valid from submit until spd_request_complete(). A request of
 * a simple device is valid while the operation runs.
 */
/* The simple device's request on the calling thread, which abort will name. NULL outside of
 * operations, in the last flush, and if an operation may not block: with SPD_NEVER_BLOCKS and
 * SPD_NOWAIT. */
SPD_API spd_request *SPD_CALL spd_request_current(void);
/* Whether the request was aborted: 1, else 0. A simple operation that stores its request for abort
 * asks afterwards, since abort may have been called before. An operation that takes long may also
 * ask now and then. */
SPD_API int SPD_CALL spd_request_is_aborted(const spd_request *request);
SPD_API spd_operation SPD_CALL spd_request_operation(const spd_request *request);
/* Unmap: those of the first range. Flush: 0 blocks mean to the end of the medium. */
SPD_API uint64_t SPD_CALL spd_request_lba(const spd_request *request);
SPD_API uint32_t SPD_CALL spd_request_blocks(const spd_request *request);
/* SPD_FUA; for SPD_WRITE_ZEROES also SPD_MAY_UNMAP and SPD_FAST_ONLY. */
SPD_API uint32_t SPD_CALL spd_request_flags(const spd_request *request);
/* Read and write: the memory to fill or to read, in the door's own buffers. It has *count pieces,
 * whose lengths add up to blocks * block_length; NULL and 0 for other operations. Owned by the
 * library; do not write into the data of a write. */
SPD_API const spd_vec *SPD_CALL spd_request_data(const spd_request *request, uint32_t *count);
/* Copy `length` bytes between a buffer and scattered data, from byte `offset` of the data on. The
 * data is that of spd_request_data(), readv or writev. spd_vec_put() copies into the pieces, and
 * fills them with zeros if buffer is NULL. spd_vec_get() copies out of them. Both copy no more than
 * the pieces have, and return the number of bytes that they have copied. Any thread. */
SPD_API size_t SPD_CALL spd_vec_put(const spd_vec *vec, uint32_t count, size_t offset,
    const void *buffer, size_t length);
SPD_API size_t SPD_CALL spd_vec_get(const spd_vec *vec, uint32_t count, size_t offset, void *buffer,
    size_t length);
/* Unmap, as for the operation above; NULL and 0 for other operations. Owned by the library. */
SPD_API const spd_range *SPD_CALL spd_request_ranges(const spd_request *request, uint32_t *count);
/* SPD_EXTENTS: for spd_extents_add(), until the request is completed; NULL for other operations. */
SPD_API spd_extents *SPD_CALL spd_request_extents(const spd_request *request);
/* The next blocks, from the first of the operation on, are in this state. Blocks that the operation
 * did not ask about are cut off, and 0 blocks change nothing. 1: more is wanted. 0: all blocks are
 * described, or there is no room for more, and the operation may return. Calls for one operation do
 * not overlap. */
SPD_API int SPD_CALL spd_extents_add(spd_extents *extents, uint64_t blocks,
    spd_provisioning state);
/* A pointer for the device that has the request, between submit and complete; NULL at submit. A
 * filter that has passed a request on finds its own pointer again in returned. */
SPD_API void SPD_CALL spd_request_set_context(spd_request *request, void *context);
SPD_API void *SPD_CALL spd_request_context(const spd_request *request);
/* Ends a request of an asynchronous device, exactly once; status NULL is GOOD. The request must not
 * be touched afterwards: a filter above may have it now. This function may call submit, abort or
 * returned for other requests, so hold no lock that those take. */
SPD_API void SPD_CALL spd_request_complete(spd_request *request, const spd_status *status);

/* Whose memory spd_request_data() is. */
typedef enum spd_buffer_kind {
    SPD_BUFFER_OF_DOOR = 0, /* ordinary memory of the library, until the request is completed */
} spd_buffer_kind;

/* Later versions may have other kinds, for devices that ask for them. */
SPD_API spd_buffer_kind SPD_CALL spd_request_buffer_kind(const spd_request *request);
/* The device's own memory for this request: request_size bytes, aligned for any type. The library
 * keeps it with the memory of the request. It is zeroed once; later it has the bytes that an
 * earlier request has left. NULL if request_size is 0. */
SPD_API void *SPD_CALL spd_request_area(const spd_request *request);
/* As spd_request_complete() for each of the requests, of one or more units. statuses has one for
 * each; NULL: all are GOOD. Doors get them together, so that their answers cost few system calls.
 * Within an operation on the thread of a queue, single completions go together as well. */
SPD_API void SPD_CALL spd_requests_complete(spd_request *const *requests,
    const spd_status *statuses, uint32_t count);

/*
 * Queues, for an asynchronous device. A queue is one stream of requests, with a thread of the
 * library that is made for it. It is what rings of io_uring, connections to a server or hardware
 * queues are to a device. spd_params.queues is their number. Without queues, submit is called on
 * the threads that have the requests, which are mostly the doors' own.
 *
 *     static int begin(spd_device *device, spd_queue *queue)
 *     {
 *         struct connection *connection = spd_queue_area(queue, device);
 *         ... connect ...
 *         return spd_queue_watch(queue, connection->socket);
 *     }
 *
 * All requests of one initiator's session go to one queue, in the order in which the library begins
 * them. Sessions are spread over the queues. The thread hands over all requests that have come
 * meanwhile by one call of submit_many, or by calls of submit. The last flush goes to queue 0. A
 * device may complete requests within these operations, later, and on any thread.
 */
enum {
    SPD_QUEUES_MAX = 64, /* for one unit, with those of doors */
    SPD_BATCH_MAX = 64,  /* requests of one submit_many */
    SPD_AREA_MAX = 1 << 20,
};

/*
 * With SPD_DOOR_QUEUES each thread of a door has a queue as well, and the requests that come there
 * go to it. The device has them at the end of the turn in which they came, and ends them on the
 * same thread: nothing is handed over. Such a queue begins with its first request, and ends with
 * the unit at the latest. If its queue_begin fails, the queues with threads get the requests; they
 * also get those of a door without an event loop, and the last flush. The operations must not
 * block, since the door serves all its initiators on this thread.
 */

/* The number of the queue: from 0 on for those with threads. The numbers of doors' queues come
 * after these, below SPD_QUEUES_MAX, and may leave some out. */
SPD_API uint32_t SPD_CALL spd_queue_index(const spd_queue *queue);
/* The system's number of the CPU on which its thread runs, with SPD_BIND_QUEUES; otherwise, or if
 * the system does not allow it, -1. */
SPD_API int SPD_CALL spd_queue_cpu(const spd_queue *queue);
/* The device's own memory: queue_size bytes, zeroed at first, aligned to 64 bytes. NULL if
 * queue_size is 0. device: the operation's. */
SPD_API void *SPD_CALL spd_queue_area(const spd_queue *queue, const spd_device *device);
/* The queue from which the device has the request. NULL: the unit has none. */
SPD_API spd_queue *SPD_CALL spd_request_queue(const spd_request *request);
/* Only in queue_begin, and once: from now on poll is called whenever the descriptor is readable
 * (on Windows the socket), until it is not. Close it in queue_end. If a device has poll and does
 * not call this function, poll is called again and again while the device has requests of this
 * queue. The queue's thread then does not sleep. SPD_ERROR_SYSTEM. */
SPD_API int SPD_CALL spd_queue_watch(spd_queue *queue, intptr_t descriptor);

/*
 * Filters. A filter is a device above another device, the device below. A filter does its own work,
 * and has the device below do the rest. A unit gets only the device on top, and a filter looks like
 * any other device from above.
 *
 *     static int count_read(spd_device *device, void *buffer, ...)
 *     {
 *         struct counter *counter = device->context;
 *
 *         counter->reads++;
 *         return spd_device_read(&counter->below, buffer, ...);
 *     }
 *
 * A simple filter calls the device below by spd_device_read() and its like, within its own
 * operation. An asynchronous one passes the request on by spd_request_pass() and returns; its
 * operation `returned` is called when the device below ends it. A filter may be both; spd_ops_fit()
 * keeps the operations that the device below has. The devices of a stack are all simple or all
 * asynchronous. An operation that a filter lacks is never called below it.
 */
enum { SPD_FILTERS_MAX = 8 }; /* asynchronous ones above a device */

/* Removes a filter's operations that the device below lacks, also from submits, so that the library
 * knows the operations of the stack. abort and stop stay. Adds the sizes of its areas, so call it
 * once. */
SPD_API void SPD_CALL spd_ops_fit(spd_ops *ops, const spd_device *below);

/* The operations of a simple device, as a filter above it calls them. The filter chooses ranges
 * within the device, and gets an answer as from the operation itself. status must be GOOD before. A
 * flush that the device lacks does nothing; any other operation is refused: CHECK CONDITION with
 * ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE. */
SPD_API int SPD_CALL spd_device_read(spd_device *device, void *buffer, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status);
SPD_API int SPD_CALL spd_device_write(spd_device *device, const void *buffer, uint64_t lba,
    uint32_t blocks, uint32_t flags, spd_status *status);
SPD_API int SPD_CALL spd_device_flush(spd_device *device, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status);
SPD_API int SPD_CALL spd_device_unmap(spd_device *device, const spd_range *ranges, uint32_t count,
    uint32_t flags, spd_status *status);
/* A filter has these operations if the device below has them. If the device below lacks them, one
 * piece goes to read or write, and more pieces are refused. */
SPD_API int SPD_CALL spd_device_readv(spd_device *device, const spd_vec *vec, uint32_t count,
    uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status);
SPD_API int SPD_CALL spd_device_writev(spd_device *device, const spd_vec *vec, uint32_t count,
    uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status);
/* A filter has this operation if the device below has it: otherwise it is refused. */
SPD_API int SPD_CALL spd_device_write_zeroes(spd_device *device, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status);
/* If the device lacks the operation, all blocks are mapped. */
SPD_API int SPD_CALL spd_device_extents(spd_device *device, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_extents *extents, spd_status *status);
/* If the device lacks the operation, the hint is dropped. */
SPD_API int SPD_CALL spd_device_prefetch(spd_device *device, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status);

/* For the operation abort of a filter: tells the device below, if it is a simple device with abort.
 * The library itself tells the asynchronous device of a stack that has the request. */
SPD_API void SPD_CALL spd_device_abort(spd_device *below, spd_request *request);
/* For the operation stop of a filter: stops the device below. */
SPD_API void SPD_CALL spd_device_stop(spd_device *below);
/* For these operations of a filter: tell the device below, if it has them. */
SPD_API void SPD_CALL spd_device_thread_begin(spd_device *below);
SPD_API void SPD_CALL spd_device_thread_end(spd_device *below);

/* For these operations of a filter: tell the device below, if it has them. A filter has them if the
 * device below has them. spd_device_queue_begin() returns 0 if the device below has none. */
SPD_API int SPD_CALL spd_device_queue_begin(spd_device *below, spd_queue *queue);
SPD_API void SPD_CALL spd_device_queue_end(spd_device *below, spd_queue *queue);
SPD_API void SPD_CALL spd_device_poll(spd_device *below, spd_queue *queue);

/* An asynchronous filter has this request, and hands it to the device below, whose submit is called
 * within. Until `returned` is called the filter must not touch the request. An aborted request is
 * not handed over, but returned at once with ABORTED COMMAND. Called in submit and in returned, or
 * later and on any thread. A filter that passes a request on within returned, to try again, does so
 * only a few times. *below stays as long as the unit. At most SPD_FILTERS_MAX devices can have
 * passed one request on. */
SPD_API void SPD_CALL spd_request_pass(spd_request *request, spd_device *below);
/* The same for several requests of one queue, as a filter has them in submit_many: the device below
 * has them together. */
SPD_API void SPD_CALL spd_requests_pass(spd_request *const *requests, uint32_t count,
    spd_device *below);

#ifdef __cplusplus
}
#endif

#endif
