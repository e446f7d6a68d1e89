/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * WinSpd: an ordinary program is a disk.
 *
 * A program fills in the parameters of a storage unit, and the operations of its device, which
 * serves the blocks. The program creates the unit behind a door (a URI such as
 * iscsi://127.0.0.1:3260/iqn.2026-01.org.example:disk) and starts the unit. From then on SCSI
 * initiators see a disk, and the library calls the operations.
 *
 *     spd_params params = SPD_PARAMS_INIT;
 *     params.block_count = 1 << 20;
 *     spd_device device = { &ops, NULL };
 *     spd_unit_create("iscsi://127.0.0.1:3260/iqn.2026-01.org.example:disk", &params, &device,
 *         &unit);
 *     spd_unit_start(unit, 0);
 *     spd_unit_wait(unit);
 *     spd_unit_delete(unit);
 *
 * Conventions. Functions that can fail return 0 or a negative spd_error. A call that fails leaves
 * nothing half done, and spd_error_detail() names the value at fault. Strings are UTF-8 and
 * NUL-terminated unless said otherwise. Blocks are the unit's own logical blocks; lengths are
 * bytes. Pointers that are passed in are read during the call and not kept, unless said otherwise.
 * NULL is allowed only where a comment says so. Structures that may grow begin with their size, so
 * that a program built against an older header keeps working.
 *
 * Threads. Every function may be called from any thread, and different units are independent. The
 * comment of a function names calls that may not overlap with it. The library's threads block all
 * signals.
 *
 * Misuse. A call that breaks this contract ends the process with abort(), if the program would hang
 * or lose data afterwards. A line on standard error, and to the function of spd_log_set(), names
 * the function and the fault. The library notices, in release builds as well:
 *   - NULL for a pointer that may not be NULL;
 *   - a unit that was deleted, or that was created before fork() where the child is calling;
 *   - spd_unit_wait(), spd_unit_wait_for() and spd_unit_delete() within an operation of the unit,
 *     and spd_unit_shutdown_on_signal(NULL) within any;
 *   - spd_unit_delete() while another thread deletes the unit or waits for it, and within the
 *     function of spd_log_set();
 *   - a request that is completed or passed on twice, or after fork(), or that is a simple
 *     device's. A second completion goes unnoticed where the first has let the library reuse the
 *     memory, or a filter have the request back.
 */

#ifndef SPD_SPD_H
#define SPD_SPD_H

#include "base.h"
#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of WinSpd. It is written here alone: scripts/version reads it for everything else. */
#define SPD_VERSION_MAJOR 0
#define SPD_VERSION_MINOR 1
#define SPD_VERSION_PATCH 0

/* The library's version, major << 16 | minor. */
SPD_API uint32_t SPD_CALL spd_version(void);

/* For a program that opens a file before it creates a unit: opens the null device as each of the
 * descriptors 0 to 2 that is closed. Otherwise the program's file may become standard output or
 * error, and get messages. spd_unit_create() does the same for files that the library opens.
 * SPD_ERROR_SYSTEM. */
SPD_API int SPD_CALL spd_reserve_descriptors(void);

/* For a program that a service manager starts: takes the listening sockets that LISTEN_FDS
 * announces to this process, by the protocol of sd_listen_fds(3). A door uses the socket that
 * listens at exactly its own address, and opens none. Call it before there are other threads, since
 * it removes the variables LISTEN_* from the environment. Returns the number of sockets, 0 also on
 * Windows, or SPD_ERROR_SYSTEM: a descriptor is no listening stream socket, or there are more than
 * 64. */
SPD_API int SPD_CALL spd_inherit_sockets(void);

/*
 * Parameters of a storage unit. Fill them with SPD_PARAMS_INIT, then change some.
 */
enum {
    SPD_WRITE_PROTECTED = 1u << 0, /* writes and unmaps fail with DATA PROTECT, and never reach the
                                    * device */
    SPD_CACHE = 1u << 1,           /* there is a volatile write cache: flush is needed and called.
                                    * Without it every read and write carries SPD_FUA */
    SPD_UNMAP_SUPPORTED = 1u << 2, /* thin provisioning: unmapped data need not be kept */
    SPD_NEVER_BLOCKS = 1u << 3,    /* operations only touch memory: they are called on the door's
                                    * own thread, which saves a hand-off. An operation that blocks
                                    * stalls the door */
    SPD_TRY_FIRST = 1u << 4,       /* simple operations are first called on the door's thread with
                                    * SPD_NOWAIT; those that return SPD_ERROR_WOULD_BLOCK are called
                                    * again on a dispatcher thread, without it */
    SPD_EJECT_DISABLED = 1u << 5,  /* START STOP UNIT must not eject the medium. At present no
                                    * command ejects; clients of the unix: door see the flag */
    SPD_UNMAP_ZEROS = 1u << 6,     /* with SPD_UNMAP_SUPPORTED: an unmapped block reads as zeros
                                    * until it is written. Initiators learn it, and then zero blocks
                                    * by unmapping them */
    SPD_BIND_QUEUES = 1u << 7,     /* the thread of each queue runs on one CPU; the queues take the
                                    * CPUs of the process in turn */
    SPD_DOOR_QUEUES = 1u << 8,     /* each thread of a door has a queue of its own (device.h), which
                                    * saves a hand-off. An operation that blocks stalls the door */
};

enum { SPD_GRACE_MAX = 3600 };

typedef struct spd_params {
    size_t size;                    /* sizeof(spd_params) */
    uint8_t guid[16];               /* the disk's identity and serial number, RFC 4122 byte order;
                                     * all zero: a random one. Keep it stable for stable device
                                     * names */
    uint64_t block_count;           /* >= 1; block_count * block_length <= 2^63 */
    uint32_t block_length;          /* bytes, a power of two from 512 to 65536; default 512. Linux
                                     * shows a disk with blocks longer than 4096 as one of 0
                                     * bytes */
    uint32_t physical_block_length; /* bytes, a power of two >= block_length, at most 32768 of them;
                                     * 0: max(4096, block_length) */
    uint32_t max_transfer_length;   /* bytes, the most that one operation moves: a multiple of
                                     * block_length, at most 16 MiB; 0: 1 MiB */
    uint32_t unmap_granularity;     /* bytes, a multiple of block_length; 0: not reported */
    uint32_t flags;                 /* SPD_WRITE_PROTECTED | ...; default SPD_CACHE */
    uint32_t queue_depth;           /* commands that an initiator may have running at once, 1 to
                                     * 4096; 0: 256 */
    char product_id[17];            /* printable ASCII, at most 16 characters; default
                                     * "WinSpd Disk" */
    char product_revision[5];       /* printable ASCII, at most 4 characters; default "1.0" */
    uint32_t grace;                 /* seconds, at most SPD_GRACE_MAX, for which the Windows driver
                                     * keeps the disk of a program that has died. A new unit of the
                                     * same user with the same parameters takes the disk over, with
                                     * the waiting requests. Only for contents that outlive the
                                     * program; other doors refuse a grace. Default 0: the disk goes
                                     * at once */
    uint32_t reserved;              /* 0 */
    uint8_t wwn[16];                /* the world wide name, by which systems tell disks apart: an
                                     * NAA identifier (SPC-4 7.8.6.6), and then zeros */
    uint32_t wwn_length;            /* bytes of wwn: 8 with NAA 2h, 3h or 5h, 16 with NAA 6h; 0: a
                                     * name of NAA 3h is made of the guid */
    uint32_t max_unmap_blocks;      /* the most blocks of an unmap command, or of an operation that
                                     * writes zeroes, to bound its time; at least the granularity;
                                     * 0: no limit */
    uint32_t slow_call;             /* milliseconds: the log has lines about an operation that takes
                                     * longer, while it runs and at its end; default 5000; 0:
                                     * none */
    uint32_t rotation_rate;         /* rotations a minute, 1025 to 65534, for systems that treat
                                     * rotating disks in another way; 0 or 1: the medium does not
                                     * rotate */
    char vendor_id[9];              /* printable ASCII, at most 8 characters; empty: "WinSpd".
                                     * Initiators see this and the rotation rate over iSCSI; the
                                     * other doors' protocols have no place for them */
    uint8_t reserved_2[7];          /* 0 */
    uint32_t queues;                /* an asynchronous device's, at most SPD_QUEUES_MAX (device.h);
                                     * 0: none, but one if its ops have operations of queues */
    uint32_t reserved_3;            /* 0 */
} spd_params;

#define SPD_PARAMS_INIT \
    { sizeof(spd_params), {0}, 0, 512, 0, 0, 0, SPD_CACHE, 0, "WinSpd Disk", "1.0", 0, 0, {0}, \
        0, 0, 5000, 0, "", {0}, 0, 0 }

/* A function with the effect of SPD_PARAMS_INIT: fills in the defaults of the first size bytes.
 * size is sizeof(spd_params) of the header with which the program was built; params->size is set to
 * it. */
SPD_API void SPD_CALL spd_params_init(spd_params *params, size_t size);

/*
 * An inbox between units and threads of the program: an asynchronous device for runtimes (.NET,
 * Java, Python) whose code must run on their own threads. Mono, for example, stops all threads by a
 * signal when it collects garbage, and the library's threads block all signals. The inbox is the
 * device's context, and the ops have spd_inbox_submit as submit:
 *
 *     spd_inbox_create(&inbox);
 *     ops.submit = spd_inbox_submit;
 *     device = (spd_device){ &ops, inbox };
 *     spd_unit_create(name, &params, &device, &unit);
 *     on each thread: while ((request = spd_inbox_take(inbox))) ... spd_request_complete(request);
 *     spd_unit_wait(unit);
 *     spd_inbox_end(inbox);
 *     join the threads, spd_unit_delete(unit), spd_inbox_delete(inbox)
 */
/* Makes an empty inbox, to be deleted with spd_inbox_delete(). After SPD_ERROR_NO_MEMORY *inbox is
 * NULL. */
SPD_API int SPD_CALL spd_inbox_create(spd_inbox **inbox);
/* Only for spd_ops.submit: puts the request into the inbox that is the device's context. Several
 * units may have one inbox. */
SPD_API void SPD_CALL spd_inbox_submit(spd_device *device, spd_request *request);
/* Waits for the request that has been in the inbox for longest, and takes it. The caller then has
 * the request as submit would; any number of threads may call at once. An aborted request comes,
 * too, and must be completed. NULL: the inbox has ended, and is empty. */
SPD_API spd_request *SPD_CALL spd_inbox_take(spd_inbox *inbox);
/* No more requests will come: takers return. Call it after spd_unit_wait() has returned for all
 * units of the inbox, as the last flush is a request as well. */
SPD_API void SPD_CALL spd_inbox_end(spd_inbox *inbox);
/* Ends the inbox, waits until no thread is in spd_inbox_take(), and frees the inbox; NULL does
 * nothing. Its units have been deleted, and no thread begins to take from it any more. */
SPD_API void SPD_CALL spd_inbox_delete(spd_inbox *inbox);

/*
 * Life cycle: create, (add doors,) start, ... shutdown, wait, delete. Create, add, start and delete
 * of one unit do not overlap; everything else may.
 *
 * A unit belongs to the process that has created it. A child of fork() may create units of its own,
 * and may do nothing with those of its parent. A program that becomes a daemon forks first.
 */

/* Creates a unit. device_name chooses its door; NULL means this system's best door
 * (SPD_ERROR_DOOR_MISSING if it has none). Otherwise it is a URI:
 *
 *     iscsi://HOST[:PORT]/IQN    an iSCSI target; spd-names(7) lists the query parameters
 *     tcmu:NAME                  a disk of this Linux system, /dev/sdX
 *     unix:PATH                  the WinSpd transaction protocol on a Unix socket
 *
 * Units of a process that name the same iSCSI address and port share it, as LUNs of one target or
 * as targets of their own.
 *
 * Checks everything and binds the address, but serves nothing yet. It copies params, the device and
 * its ops, and keeps the device's context: operations get the copy. *unit is NULL on failure;
 * otherwise delete it with spd_unit_delete().
 *
 * Errors of params are SIZE, BLOCK_COUNT, BLOCK_LENGTH, PHYSICAL_BLOCK_LENGTH, TRANSFER_LENGTH,
 * UNMAP, TEXT, FLAGS, QUEUE_DEPTH, GRACE, WWN, ROTATION_RATE and QUEUES. Errors of ops are SIZE,
 * OPS and UNMAP. Errors of the name are URI, SCHEME, DOOR_MISSING, URI_PARAMETER, ADDRESS,
 * ADDRESS_IN_USE, ACCESS, ANONYMOUS and SECRET. Errors of the system are NO_MEMORY and SYSTEM. */
SPD_API int SPD_CALL spd_unit_create(const char *device_name, const spd_params *params,
    const spd_device *device, spd_unit **unit);

/* Adds a door to the same unit, at most 16; before spd_unit_start(), else SPD_ERROR_STATE. Errors
 * are as above; the unit then stays unchanged. */
SPD_API int SPD_CALL spd_unit_add_door(spd_unit *unit, const char *device_name);

/* Starts the doors and `threads` dispatcher threads, at most 1024. 0 means eight, or one per usable
 * CPU if there are more CPUs, and a further thread. No initiator gets this further thread in
 * addition to all the others. A device that never blocks or is asynchronous has no such threads.
 * Initiators take turns on them. Operations may be called before this returns. After STATE (it was
 * started or shut down before), and after THREADS for too many, the unit stays unchanged. After any
 * other error the unit has stopped and can only be deleted. */
SPD_API int SPD_CALL spd_unit_start(spd_unit *unit, uint32_t threads);

/* Stops the doors: no new commands from now on. Waiting requests are aborted, and spd_unit_wait()
 * waits for the requests that the device has. Returns at once; it is safe to call it twice, and
 * from an operation. Do not call it from a signal handler (see spd_unit_shutdown_on_signal). */
SPD_API void SPD_CALL spd_unit_shutdown(spd_unit *unit);

/* Waits until the unit was shut down and all its threads have ended. Last of all, with SPD_CACHE
 * set and SPD_WRITE_PROTECTED clear, the device's flush is called (lba 0, blocks 0), or submitted,
 * on the calling thread. An asynchronous device must complete its requests. Returns 0 after an
 * orderly shutdown, otherwise the error that stopped the unit. SPD_ERROR_FLUSH: the last flush
 * failed, and spd_error_detail() says why. SPD_ERROR_STATE: the unit was never started. Several
 * threads may wait. Not from an operation. */
SPD_API int SPD_CALL spd_unit_wait(spd_unit *unit);

/* Waits as spd_unit_wait() does, but after the shutdown for at most so many seconds.
 * SPD_ERROR_HANGS: the device has not ended some operations; the detail names the oldest. The unit
 * stays unchanged, so the program may wait again. Otherwise the program should end at once (_Exit),
 * since spd_unit_delete() would wait. The last flush is called on a thread of the library;
 * SPD_ERROR_THREADS: the system made no such thread. */
SPD_API int SPD_CALL spd_unit_wait_for(spd_unit *unit, uint32_t seconds);

/* Shuts down, waits and frees; NULL does nothing. Takes back spd_unit_shutdown_on_signal(). Not
 * from an operation. Only operations may still use the unit: threads that wait for it have
 * returned. */
SPD_API void SPD_CALL spd_unit_delete(spd_unit *unit);

/* From now on SIGINT, SIGTERM and SIGHUP (console events on Windows) shut this unit down, and all
 * other units of the process for which this function was called. After such a signal, a call shuts
 * its unit down at once. A SIGINT or SIGTERM that comes a second later, or after that, has its
 * former effect, so that a device that hangs can still be ended. Two at once, as timeout(1) sends
 * them, count once. Further SIGHUPs have no effect, since a terminal that closes sends several.
 * SIGHUP is left alone if it is ignored, as under nohup(1). SIGPIPE is ignored: a reader that has
 * gone must not end a disk before its last flush. NULL ends this for all units and restores the
 * handlers. But after one of these signals, later signals act as before this call, since others of
 * the kind may come while the program ends. In a child of fork() signals act as they did
 * before. */
SPD_API int SPD_CALL spd_unit_shutdown_on_signal(spd_unit *unit);

/* Copies the first params->size bytes of the effective parameters, with defaults filled in and the
 * present capacity. The caller has set params->size. SPD_ERROR_SIZE. */
SPD_API int SPD_CALL spd_unit_params(const spd_unit *unit, spd_params *params);

/* The present capacity in blocks: spd_unit_resize() changes it. */
SPD_API uint64_t SPD_CALL spd_unit_block_count(const spd_unit *unit);

/* The URI by which initiators find door `index`, with the LUN and the port that was chosen for 0.
 * scsitool(1), QEMU and libiscsi take it unchanged. NULL past the last. Valid as
 * long as the unit. */
SPD_API const char *SPD_CALL spd_unit_door_uri(const spd_unit *unit, uint32_t index);

/* The device name that makes door `index` again: the name of spd_unit_create() or
 * spd_unit_add_door(), with its parameters. It has the port that was chosen, and %HH for bytes that
 * cannot be printed. NULL past the last. Valid as long as the unit. */
SPD_API const char *SPD_CALL spd_unit_door_name(const spd_unit *unit, uint32_t index);

/* The error of the last call that failed to change this unit, on any thread, or the error that
 * stopped it; 0: none. Copies its spd_error_detail() as well, cut to size bytes; detail may be NULL
 * if size is 0. */
SPD_API int SPD_CALL spd_unit_last_error(const spd_unit *unit, char *detail, size_t size);

/* Changes the capacity, from 1 block to 2^63 bytes, else SPD_ERROR_BLOCK_COUNT. SCSI initiators get
 * a CAPACITY DATA HAS CHANGED unit attention; the other doors tell theirs as their protocols can.
 * The device must already serve the new range when growing. Running tasks may still reach the old
 * end. */
SPD_API int SPD_CALL spd_unit_resize(spd_unit *unit, uint64_t block_count);

/*
 * Statistics, since the unit was created. Counting goes on while they are read, so related sums may
 * differ by the running operations.
 */
enum { SPD_LATENCY_BUCKETS = 148 };

typedef struct spd_operation_statistics {
    size_t size;            /* sizeof(spd_operation_statistics), set by the caller */
    uint64_t operations;    /* ended ones, well or not */
    uint64_t errors;        /* operations that were not completed: their status was neither GOOD nor
                             * CHECK CONDITION with NO SENSE, RECOVERED ERROR or COMPLETED */
    uint64_t bytes;         /* moved or unmapped by the others */
    uint64_t latency_total; /* nanoseconds, from the device's call to its completion */
    /* Four buckets for each power of two, up to 275 s; the last one also has all that took longer.
     * Bucket i counts latencies below spd_latency_bound(i) that are not in an earlier bucket. */
    uint64_t latency[SPD_LATENCY_BUCKETS];
} spd_operation_statistics;

typedef struct spd_statistics {
    size_t size;       /* sizeof(spd_statistics), set by the caller */
    uint64_t commands; /* SCSI commands finished, of any kind */
    uint64_t aborted;  /* commands that ended early: by their initiator or by a shutdown */
} spd_statistics;

/* Zeros, and the size, which is that of the program's header. */
SPD_API void SPD_CALL spd_statistics_init(spd_statistics *statistics, size_t size);
SPD_API void SPD_CALL spd_operation_statistics_init(spd_operation_statistics *statistics,
    size_t size);

/* Both fill in statistics->size bytes; SPD_ERROR_SIZE when that size is impossible. */
SPD_API int SPD_CALL spd_unit_statistics(const spd_unit *unit, spd_statistics *statistics);
/* SPD_ERROR_NOT_SUPPORTED: the library does not know the operation. */
SPD_API int SPD_CALL spd_unit_operation_statistics(const spd_unit *unit, spd_operation operation,
    spd_operation_statistics *statistics);

/* Nanoseconds, above all latencies of the bucket; 2^64-1 for the last bucket and beyond. A bound is
 * at most 5/4 of any latency from 4 ns on in its bucket. */
SPD_API uint64_t SPD_CALL spd_latency_bound(uint32_t bucket);
/* The bound of the bucket with the latency that `percent` of the operations did not exceed; percent
 * is from 0 to 100. 0: there was no operation, or statistics->size is that of an earlier header. */
SPD_API uint64_t SPD_CALL spd_latency_percentile(const spd_operation_statistics *statistics,
    double percent);

/* A session of an initiator, or of another user of a disk. */
typedef struct spd_session {
    size_t size;      /* sizeof(spd_session), set by the library */
    uint64_t id;      /* a number of this process, from 1; none comes twice */
    const char *uri;  /* spd_unit_door_uri() of the door; of several units at one place, one's */
    const char *what; /* "session", "front end", ...: what the door calls it */
    const char *who;  /* address or process, and name, fit to print: the peer may choose the text */
    uint64_t seconds; /* since its begin */
} spd_session;
typedef void (SPD_CALL *spd_session_function)(void *context, const spd_session *session);

/* Calls the function for each session of all units of the process, the latest first, and returns
 * their number. The function may be NULL. It gets context, and must not call this library; its
 * argument is valid until it returns. Any thread. */
SPD_API uint32_t SPD_CALL spd_sessions(spd_session_function function, void *context);

/* Cuts the connection of the session of this id. Its door then ends the session; the initiator may
 * come again at once. SPD_ERROR_STATE: there is no such session. SPD_ERROR_NOT_SUPPORTED: it has no
 * connection, such as that of a driver. Any thread. */
SPD_API int SPD_CALL spd_session_drop(uint64_t id);

/*
 * Helpers.
 */

/* Sets the function that gets messages. text is a line without its end, fit to print: control
 * characters and bytes that are no UTF-8 are \xHH in it. level: 0 error, 1 warning, 2 information,
 * 3 debug. Until the first call all but debug lines go to standard error, with the time; NULL
 * discards all.
 *
 * The function is called on a thread of the library, one line at a time. No I/O waits for it: lines
 * that it does not take in time are lost, and a line counts them. spd_log_set(), the deletion of
 * the last unit and exit() wait for earlier lines, at most 2 seconds. Then the former function is
 * called no more, unless it still has not returned. It may call this library, but must not delete a
 * unit. It gets context, which is not used any more after its last call. After fork() the child
 * gets its own lines. */
typedef void (SPD_CALL *spd_log_function)(void *context, int level, const char *text);
SPD_API void SPD_CALL spd_log_set(spd_log_function function, void *context);

/* Writes a line of the program into the log, such as the reason for which a device fails. level is
 * that of spd_log_set(). text may be anything; at most 1023 bytes of it are made fit to print. Ten
 * lines may come at once, and then one each ten seconds, since initiators can make a device fail. A
 * line counts those that were left out. Any thread; never waits. */
SPD_API void SPD_CALL spd_log_line(int level, const char *text);

/* A version-5 (name-based, RFC 4122 4.3) GUID of any text: the same text gives the same GUID, in
 * every version of this library. */
SPD_API void SPD_CALL spd_guid_from_name(const char *name, uint8_t guid[16]);
/* The text of a GUID to bytes and back. spd_guid_parse() reads
 * "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in either case; 0 or SPD_ERROR_TEXT, which leaves guid
 * untouched. spd_guid_format() writes it in lower case, with a NUL. */
SPD_API int SPD_CALL spd_guid_parse(const char *text, uint8_t guid[16]);
SPD_API void SPD_CALL spd_guid_format(const uint8_t guid[16], char text[37]);

/* Makes a classic master boot record in a 512-byte buffer, with 1 to 4 partitions in any order.
 * Addresses are blocks of the disk. CHS fields are for 255 heads and 63 sectors, clipped. The
 * record has a non-zero disk signature from guid, and code that ends a boot attempt.
 * SPD_ERROR_PARTITION leaves the buffer untouched: its text lists the rules. */
typedef struct spd_partition {
    uint8_t type;    /* not 0; 0x07 NTFS, 0x83 Linux, 0xEE protective, ... */
    uint8_t active;  /* 0 or 0x80 */
    uint64_t lba;    /* from 1 */
    uint64_t blocks; /* from 1; lba + blocks <= 2^32 */
} spd_partition;
SPD_API int SPD_CALL spd_define_partition_table(const spd_partition *partitions, uint32_t count,
    const uint8_t guid[16], uint8_t buffer[512]);

#ifdef __cplusplus
}
#endif

#endif
