/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The common part of spd.h's headers: the declarations of functions, the opaque types, and the
 * errors.
 */

#ifndef SPD_BASE_H
#define SPD_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#define SPD_API __attribute__((visibility("default")))
#else
#define SPD_API
#endif

/* Every function and every callback has this calling convention, whatever a compiler's options
 * choose. */
#ifdef _WIN32
#define SPD_CALL __cdecl
#else
#define SPD_CALL
#endif

typedef struct spd_unit spd_unit;       /* a storage unit: one disk */
typedef struct spd_request spd_request; /* one block operation of an asynchronous device */
typedef struct spd_queue spd_queue;     /* one stream of requests of an asynchronous device */
typedef struct spd_inbox spd_inbox;     /* requests that wait for threads of the program */
typedef struct spd_extents spd_extents; /* what a device says about the space of blocks */

/*
 * Errors. spd_strerror() says what was wrong and what is allowed. An operation may return a
 * negative errno value, so the numbers are beyond those of errno (1 to 4095), and of Windows and
 * Winsock (1 to 15999).
 */
typedef enum spd_error {
    SPD_OK = 0,
    SPD_ERROR_NO_MEMORY = -20001,
    SPD_ERROR_SIZE = -20002, /* the library does not know this size of a structure */
    SPD_ERROR_BLOCK_COUNT = -20003,
    SPD_ERROR_BLOCK_LENGTH = -20004,
    SPD_ERROR_PHYSICAL_BLOCK_LENGTH = -20005,
    SPD_ERROR_TRANSFER_LENGTH = -20006,
    SPD_ERROR_UNMAP = -20007,
    SPD_ERROR_TEXT = -20008, /* product id, revision, vendor id, or the text of a GUID */
    SPD_ERROR_OPS = -20009, /* functions of the device are missing */
    SPD_ERROR_FLAGS = -20010,
    SPD_ERROR_URI = -20011,
    SPD_ERROR_SCHEME = -20012,
    SPD_ERROR_DOOR_MISSING = -20013, /* not on this system, or not in this build */
    SPD_ERROR_URI_PARAMETER = -20014,
    SPD_ERROR_ADDRESS = -20015,
    SPD_ERROR_ADDRESS_IN_USE = -20016,
    SPD_ERROR_ACCESS = -20017,
    SPD_ERROR_ANONYMOUS = -20018, /* not on loopback, and anyone may use it */
    SPD_ERROR_SECRET = -20019, /* a file of secrets, keys or certificates */
    SPD_ERROR_STATE = -20020, /* not now */
    SPD_ERROR_THREADS = -20021,
    SPD_ERROR_SYSTEM = -20022, /* the operating system refused */
    SPD_ERROR_NOT_SUPPORTED = -20023,
    SPD_ERROR_WOULD_BLOCK = -20024, /* an operation with SPD_NOWAIT returns it */
    SPD_ERROR_PARTITION = -20025,
    SPD_ERROR_QUEUE_DEPTH = -20026,
    SPD_ERROR_FLUSH = -20027, /* the last flush */
    SPD_ERROR_GRACE = -20028,
    SPD_ERROR_WWN = -20029,
    SPD_ERROR_HANGS = -20030, /* the device does not end an operation */
    SPD_ERROR_ROTATION_RATE = -20031,
    SPD_ERROR_QUEUES = -20032, /* their number; or one could not begin */
} spd_error;

/* The text of an error code (a static string, never NULL; "success" for 0). */
SPD_API const char *SPD_CALL spd_strerror(int error);

/* More about the last failure on this thread, such as the value or the file. Never NULL; empty when
 * there is nothing to add. It is one line, in which bytes of a name that cannot be printed are
 * \xHH. Valid until the next failing call on this thread. spd_unit_last_error() has it for all
 * threads. */
SPD_API const char *SPD_CALL spd_error_detail(void);

/* Windows' number for the last failure on this thread, if the driver or a pipe is at fault: 2,
 * ERROR_FILE_NOT_FOUND, without the driver. 0: there is none, as on all other systems. */
SPD_API uint32_t SPD_CALL spd_error_system(void);

#ifdef __cplusplus
}
#endif

#endif
