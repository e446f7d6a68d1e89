/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The driver as a program without the DLL sees it. */

#ifndef WINE_CLIENT_H
#define WINE_CLIENT_H

#include "adapter.h"
#include "check.h"
#define WINSPD_SYS_INTERNAL /* the DLL's functions are not used */
#include <winspd/ioctl.h>
#include "../storport/control.h"

#define BTL(Target) SPD_IOCTL_BTL(0, Target, 0)
#define NO_BTL 0xffffffffu

/* The handle of the process, and its lifetime request. */
extern HANDLE adapter;
void hold_lifetime(void);

/* Return a Win32 error; *moved may be NULL. */
DWORD device_control(HANDLE device, DWORD code, const void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *moved);
DWORD service(HANDLE device, const void *in, DWORD in_length, void *out, DWORD out_length,
    DWORD *moved);

SPD_IOCTL_STORAGE_UNIT_PARAMS small_unit(const GUID *guid);
DWORD provision(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl);
DWORD unprovision(const GUID *guid);
DWORD list_units(UINT32 *list, DWORD room, DWORD *bytes);
DWORD set_transact_process(UINT32 btl, DWORD process);
/* Provisions, and checks that it worked. */
UINT32 provision_good(const SPD_IOCTL_STORAGE_UNIT_PARAMS *params);

/* A transaction: either may be NULL. data has room for max bytes and holds data_length. */
DWORD transact(UINT32 btl, const SPD_IOCTL_TRANSACT_RSP *rsp, SPD_IOCTL_TRANSACT_REQ *req,
    void *data, DWORD data_length, DWORD max);
SPD_IOCTL_TRANSACT_RSP good_response(const SPD_IOCTL_TRANSACT_REQ *req);

/* SCSI pass-through. */
enum direction { DATA_OUT, DATA_IN, DATA_NONE };
struct scsi {
    HANDLE device; /* NULL: the adapter */
    UINT32 btl;
    UCHAR cdb[16];
    UCHAR cdb_length;
    enum direction direction;
    void *data;
    DWORD length;  /* in: of data; out: moved */
    UCHAR status;
    UCHAR sense[32];
    UCHAR sense_length;
    DWORD error;   /* out */
    DWORD timeout; /* seconds */
    BOOL direct;
    HANDLE thread;
};
struct scsi scsi_inquiry(UINT32 btl, int page, void *data, DWORD length);
struct scsi scsi_move(
    UINT32 btl, enum direction direction, UINT64 block, UINT32 count, void *data);
void scsi_run(struct scsi *command);
/* On a thread of its own; wait returns what run would have left in it. */
void scsi_start(struct scsi *command);
void scsi_wait(struct scsi *command);
/* TEST UNIT READY until it is GOOD: takes the unit attentions of a new unit. */
void scsi_ready(UINT32 btl);
void check_sense(const struct scsi *command, UCHAR key, UCHAR asc, UCHAR ascq);

/* A memory disk that serves on its own threads until the unit is gone. */
struct server {
    UINT32 btl, max, block_length;
    UCHAR *disk;
    HANDLE threads[4];
    unsigned thread_count;
    volatile LONG taken, reads, writes, flushes, unmaps; /* the first before the delay */
    UINT64 flush_block, unmap_block; /* of the last one, and of its first range */
    UINT32 flush_count, unmap_count;
    DWORD delay; /* ms a request */
    UINT64 first;  /* of the unit's blocks, that `disk` holds */
    UINT64 end;    /* of these; others are not asked for */
};
void server_start(struct server *server, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 btl,
    unsigned threads);
void server_end(struct server *server);

/* The system's disk of a unit whose product id is text; NULL: there is none (yet). */
HANDLE disk_open(UINT32 btl);
/* How many bytes were moved. */
DWORD disk_transfer(HANDLE disk, BOOL write, UINT64 offset, void *data, DWORD length);

/* How many disks the system has of units; some may be about to go. */
UINT32 disk_count(void);

/* Whether the port driver is the StorPort double; the adapter is open. All below need it. */
BOOL has_double(void);
struct double_state double_state(void);
UCHAR double_srb(UINT32 btl, UCHAR function);
UCHAR double_abort(UINT32 btl, UCHAR which);
/* The other codes of control.h: a number in and a number out. */
ULONG double_number(DWORD code, ULONG number);

/* The suites of the driver, and what they share. */
extern const struct test ioctl_tests[], transact_tests[], batch_tests[], process_tests[],
    scsi_tests[], error_tests[], reset_tests[], disk_tests[], large_tests[], double_tests[],
    exchange_tests[], timeout_tests[], load_tests[];
void driver_begin(void);
void driver_before(void);
int process_child(const char *child, const char *argument);

/* load.c: verified I/O of four clients while their server is killed so many times. Return whether
 * all was well. The adapter is open. */
BOOL load_kills(unsigned rounds);
BOOL load_grace(unsigned rounds);
/* A server of that, until it is killed; the grace is in seconds. */
int load_server(const char *grace);

#endif
