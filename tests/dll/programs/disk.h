/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The disk that the tests serve: memory, a hold for deferred responses, and what was seen. */

#ifndef DISK_H
#define DISK_H

#include "client.h"

enum {
    DISK_BLOCKS = 256,
    DISK_BLOCK = 512,
    DISK_TRANSFER = 16384,
    DISK_HELD_MAX = 8,
    DISK_DEFERRED = 200, /* reads from this block on are answered by disk_answer() only */
};

extern UCHAR disk_memory[DISK_BLOCKS * DISK_BLOCK];
extern volatile LONG disk_reads, disk_writes, disk_flushes, disk_unmaps, disk_through;
extern volatile LONG disk_contexts; /* calls whose operation context was as it should be */
extern volatile LONG disk_held;
extern SPD_IOCTL_TRANSACT_REQ disk_hold[DISK_HELD_MAX];
extern const SPD_STORAGE_UNIT_INTERFACE disk_interface;

SPD_STORAGE_UNIT_PARAMS disk_params(void);
/* A running unit; NULL after a failure. Its pipe is NAME\0 when it is the only one. */
SPD_STORAGE_UNIT *disk_start(PWSTR name, const SPD_STORAGE_UNIT_PARAMS *params, ULONG threads);
/* Ends it; its dispatcher's error. */
DWORD disk_end(SPD_STORAGE_UNIT *unit);
void disk_answer(SPD_STORAGE_UNIT *unit, const SPD_IOCTL_TRANSACT_REQ *request);
/* Waits until a counter has the value. */
bool disk_await(const volatile LONG *counter, LONG value);

#endif
