/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* drvbench: a disk in memory on the driver, and clients of it. */

#ifndef DRVBENCH_H
#define DRVBENCH_H

#include <stdbool.h>

#include <winspd/winspd.h>

enum {
    BLOCK = 512,
    DISK_LENGTH = 16 << 20,
    TRANSFER_MAX = 65536,
    CLIENTS_MAX = 16,
    CLIENT_HEADER = 96, /* in a client's buffer, before the data */
    ENTRY = 56,         /* in a batch, before the data */
};

/* Ends the process: what cannot be measured is said. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* serve.c: says "serving", and serves until its input ends. */
int serve(ULONG threads);

/* client.c: one thread's handle of the adapter, and the buffer of its calls. */
struct client {
    HANDLE device;
    UCHAR *buffer; /* CLIENT_HEADER and TRANSFER_MAX */
};
void client_open(struct client *client);
void client_close(struct client *client);
/* The only unit there is, past its unit attentions. */
UINT32 client_unit(const struct client *client);
/* Another one, which this process serves. */
UINT32 client_own_unit(const struct client *client);
/* The least there is: it succeeds at once, and brings nothing back. */
void client_empty(const struct client *client, UINT32 own_unit);
/* Succeeds at once, too, and brings eight bytes back; it may carry data there. */
void client_answered(const struct client *client, UINT32 length);
/* Counts of all that the unit's transactions have brought since it was made. */
struct counts {
    UINT64 calls, requests, together;
};
void client_counts(const struct client *client, UINT32 btl, struct counts *counts);
/* From or to the buffer, behind the header. */
enum client_way { CLIENT_READ, CLIENT_WRITE, CLIENT_DIRECT_READ, CLIENT_DIRECT_WRITE };
void client_move(
    const struct client *client, UINT32 btl, enum client_way way, UINT64 place, UINT32 length);

/* bare.c: what bounds a driver. First what the calls alone cost, of a driver that only brings
 * requests to a server. */
/* Says "serving", and serves until its input ends. */
int bare_serve(void);
/* From now on the calls are like these, of so many clients, and so many go together. srb: the data
 * go by way of an SRB. */
void bare_begin(const struct client *client, bool write, bool srb, UINT32 length, unsigned clients,
    unsigned together);
void bare_move(const struct client *client, bool write, UINT32 length);
/* A client's last call. */
void bare_end(const struct client *client);
/* From now on the double keeps the disk's calls back until so many commands wait, of so many
 * clients; and a client has sent its last one. */
void gather_begin(const struct client *client, unsigned clients, unsigned together);
void gather_end(const struct client *client);

#endif
