/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Reads the owner of a disk from Windows' answer to IOCTL_STORAGE_QUERY_PROPERTY, whose bytes come
 * from the disk. It uses no Windows header, so tests and the fuzzer have it on every system. The
 * bytes may be anything.
 */

#ifndef LAUNCH_DESIGNATOR_H
#define LAUNCH_DESIGNATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAUNCH_GUID_TEXT = 36 }; /* characters of 12345678-9abc-def0-1122-334455667788 */

struct launch_owner {
    uint32_t pid;     /* the process that made the unit, or took it over; never 0 */
    bool hides_eject; /* its program wants no Eject in Explorer */
    bool has_guid;    /* the next is there */
    uint8_t guid[16]; /* the unit's, RFC 4122 byte order */
};

/* Reads so many characters in either case, with no NUL behind them, to RFC 4122 byte order. False:
 * they are no GUID, and guid is untouched. The library's own function would bring its sockets into
 * Explorer.
 */
bool launch_guid_parse(const char text[LAUNCH_GUID_TEXT], uint8_t guid[16]);

/* Whether a STORAGE_DEVICE_DESCRIPTOR of so many bytes is that of a unit of this product. */
bool launch_designator_is_ours(const void *descriptor, size_t length);

/* Reads a STORAGE_DEVICE_ID_DESCRIPTOR of so many bytes. False: it names no process, and owner is
 * zero. Any thread. */
bool launch_designator_read(const void *descriptor, size_t length, struct launch_owner *owner);

/* Reads the page of INQUIRY (SPC-4 7.8.6), of so many bytes, of which the descriptor is made. As
 * launch_designator_read(). */
bool launch_designator_read_page(const void *page, size_t length, struct launch_owner *owner);

#endif
