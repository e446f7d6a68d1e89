/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Transactions that come full: the double keeps a disk's BATCH call back until so many commands
 * wait as the benchmark wants. The driver and the DLL are what they are, so that the benchmark
 * measures what more requests with each call are worth to them. Both codes are buffered, on the
 * adapter's handle, and there is one disk at a time.
 */

#ifndef STORPORT_GATHER_H
#define STORPORT_GATHER_H

#include "control.h"

/* struct double_gather in: what follows is like this. */
#define DOUBLE_IOCTL_GATHER DOUBLE_CODE(20)
/* A client sends no more commands; after the last one nothing is kept back. */
#define DOUBLE_IOCTL_PART DOUBLE_CODE(21)

struct double_gather {
    ULONG clients;  /* that send pass-through, a command at a time; 0: nothing is kept back */
    ULONG together; /* commands that a call waits for, but for no more than there are clients */
};

#endif
