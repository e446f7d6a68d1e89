/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/door.h"
#include "lib/log.h"

static _Thread_local char detail[SPD_DETAIL_MAX];
static _Thread_local uint32_t system_error;

/* No default: the compiler names an error that has no text. */
const char *spd_strerror(int error)
{
    switch ((spd_error)error) {
    case SPD_OK:
        return "success";
    case SPD_ERROR_NO_MEMORY:
        return "not enough memory";
    case SPD_ERROR_SIZE:
        return "the size field of a structure is not one that this library knows";
    case SPD_ERROR_BLOCK_COUNT:
        return "the block count must be at least 1, and the capacity at most 2^63 bytes";
    case SPD_ERROR_BLOCK_LENGTH:
        return "the block length must be a power of two from 512 to 65536 bytes";
    case SPD_ERROR_PHYSICAL_BLOCK_LENGTH:
        return "the physical block length must be a power of two, from 1 to 32768 logical blocks";
    case SPD_ERROR_TRANSFER_LENGTH:
        return "the maximum transfer length must be a multiple of the block length, at most 16 MiB";
    case SPD_ERROR_UNMAP:
        return "unmap parameters are out of range, or the unmap operation is missing";
    case SPD_ERROR_TEXT:
        return "vendor id, product id and revision must be printable ASCII, at most 8, 16 and 4 "
               "characters";
    case SPD_ERROR_OPS:
        return "a device needs either submit, or read and (unless write-protected) write";
    case SPD_ERROR_FLAGS:
        return "an unknown flag is set";
    case SPD_ERROR_URI:
        return "the device name is not a valid URI";
    case SPD_ERROR_SCHEME:
        return "there is no door for this URI scheme";
    case SPD_ERROR_DOOR_MISSING:
        return "this operating system or build does not have that door";
    case SPD_ERROR_URI_PARAMETER:
        return "the URI has a query parameter that is unknown or has a bad value";
    case SPD_ERROR_ADDRESS:
        return "the address in the URI cannot be resolved or is not one of this host";
    case SPD_ERROR_ADDRESS_IN_USE:
        return "the address in the URI is already in use";
    case SPD_ERROR_ACCESS:
        return "permission denied";
    case SPD_ERROR_ANONYMOUS:
        return "an address other than loopback needs clients that prove who they are, or "
               "allow-anonymous=1 in the URI";
    case SPD_ERROR_SECRET:
        return "a file of secrets, keys or certificates is not as it has to be";
    case SPD_ERROR_STATE:
        return "the unit is not in a state that allows this call";
    case SPD_ERROR_THREADS:
        return "threads cannot be created, or more than 1024 were asked for";
    case SPD_ERROR_SYSTEM:
        return "the operating system refused";
    case SPD_ERROR_NOT_SUPPORTED:
        return "not supported for this unit";
    case SPD_ERROR_WOULD_BLOCK:
        return "the operation would block; call it on a dispatcher thread";
    case SPD_ERROR_PARTITION:
        return "partitions are 1 to 4, have a type, lie after block 0 within the first 2^32 "
               "blocks, and do not overlap";
    case SPD_ERROR_QUEUE_DEPTH:
        return "the queue depth must be from 1 to 4096";
    case SPD_ERROR_FLUSH:
        return "the device's last flush failed; data written before may be lost";
    case SPD_ERROR_GRACE:
        return "the grace must be at most 3600 seconds, and only the Windows driver gives one";
    case SPD_ERROR_WWN:
        return "the WWN must be 8 bytes that begin with NAA 2, 3 or 5, or 16 that begin with NAA 6";
    case SPD_ERROR_QUEUES:
        return "an asynchronous device may have 1 to 64 queues, which must be able to begin";
    case SPD_ERROR_ROTATION_RATE:
        return "the rotation rate must be from 1025 to 65534 a minute, or 1 for a medium that does "
               "not rotate";
    case SPD_ERROR_HANGS:
        return "the device does not end an operation; no last flush has been made";
    }
    return "unknown error";
}

const char *spd_error_detail(void)
{
    return detail;
}

uint32_t spd_error_system(void)
{
    return system_error;
}

/* A name in it may be a file's, with any bytes: the program prints a single line. */
static OS_PRINTF(2, 0) void record(uint32_t system, const char *format, va_list arguments)
{
    int saved = errno;
    char raw[SPD_DETAIL_MAX];

    system_error = system;
    vsnprintf(raw, sizeof raw, format, arguments);
    spd_log_escape(raw, detail, sizeof detail);
    errno = saved;
}

int spd_fail(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(0, format, arguments);
    va_end(arguments);
    return error;
}

int spd_fail_system(int error, uint32_t system, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(system, format, arguments);
    va_end(arguments);
    return error;
}

uint32_t spd_version(void)
{
    return SPD_VERSION_MAJOR << 16 | SPD_VERSION_MINOR;
}
