/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The driver by the calls of winspd/winspd.h. */

#ifndef WINE_API_H
#define WINE_API_H

#include "check.h"
#include <winspd/winspd.h>

#define TARGET(Number) SPD_IOCTL_BTL(0, Number, 0)

extern HANDLE device; /* the adapter */

SPD_IOCTL_STORAGE_UNIT_PARAMS api_params(const GUID *guid, UINT32 max_blocks);
/* How many units there are, of all processes. */
UINT32 api_units(void);

/* Ends a unit whose dispatcher was started, in order, and deletes it. */
void api_stop(SPD_STORAGE_UNIT *unit);

/* A SCSI command by pass-through, on a thread of its own between api_start() and api_wait(). */
struct command {
    UINT32 btl;
    CDB cdb;
    INT direction; /* > 0: in */
    PVOID data;
    UINT32 length; /* in: of data; out: moved */
    UCHAR status;
    UCHAR sense[32];
    DWORD error;
    HANDLE thread;
};
struct command api_move(UINT32 btl, BOOL write, UINT64 block, UINT32 count, PVOID data);
void api_run(struct command *command);
void api_start(struct command *command);
void api_wait(struct command *command);
/* The port driver aborts a command of the unit by that age, 0 is the oldest. */
void api_abort(UINT32 btl, UCHAR which);
/* Neither an error nor a status. */
BOOL api_good(const struct command *command);

extern const struct test api_call_tests[], api_unit_tests[], api_thread_tests[],
    api_leader_tests[];
void api_begin(void);
void api_before(void);
int api_child(const char *child);
/* Serves a unit until it is killed. */
int api_serve(void);

#endif
