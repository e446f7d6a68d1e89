/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Connections to an NBD server, and what the server says about its export. */

#ifndef DEVICES_NBDDISK_SERVER_H
#define DEVICES_NBDDISK_SERVER_H

#include <libnbd.h>
#include <stdbool.h>
#include <stdint.h>

enum { SERVER_WHY_MAX = 512 };

struct server_facts {
    uint64_t size;      /* bytes */
    uint64_t minimum;   /* bytes of a block: lengths and offsets are multiples of it */
    uint64_t preferred; /* 0: not told */
    uint64_t maximum;   /* bytes of data in one command; 0: not told */
    bool read_only, flush, fua, trim, zero, fast_zero, cache, multi_conn, extents;
    bool unmap_zeros; /* an unmap writes zeroes, which may give space back, instead of trimming */
};

/* Begins a connection; the caller serves its descriptor, and closes it by nbd_close(). NULL: why
 * says so. The name of a host is looked up here, which may take long. */
struct nbd_handle *server_begin(const char *uri, char why[SERVER_WHY_MAX]);

/* The same, and waits for at most so many seconds until the connection is ready. */
struct nbd_handle *server_connect(const char *uri, uint64_t seconds, char why[SERVER_WHY_MAX]);

/* Asks a connection that is ready. False: why names the fact that no disk can have. */
bool server_ask(struct nbd_handle *handle, struct server_facts *facts, char why[SERVER_WHY_MAX]);

#endif
