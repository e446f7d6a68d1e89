/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Flushes of one file by several threads.
 *
 * The operating system reports a write-back error once for each open file, to the flush that
 * happens to ask first. Two flushes side by side may cover the same data, and then the other one
 * succeeds although that data is lost. So only one flush runs at a time, and all threads that
 * waited when it began share its result. Many waiters then cost one flush.
 *
 * A failure is final: the system forgets which pages it could not write, and no later flush could
 * tell.
 */

#ifndef DEVICES_RAWDISK_FLUSH_GROUP_H
#define DEVICES_RAWDISK_FLUSH_GROUP_H

#include "../common/monitor.h"

#include <stdbool.h>
#include <stdint.h>

struct flush_group {
    int (*flush)(void *context); /* 0 or an errno; called by one thread at a time */
    void *context;
    struct monitor *monitor; /* it guards all below */
    uint64_t begun;          /* flushes that have begun so far */
    uint64_t succeeded;      /* flushes that have succeeded */
    unsigned waiting;        /* threads that wait for a flush of another's */
    bool running;
    int lost;                /* errno of the flush that failed; it was the last one */
};

/* 0 or ENOMEM. */
int flush_group_open(struct flush_group *group, int (*flush)(void *context), void *context);
/* Does nothing with a group that is all zeros. */
void flush_group_close(struct flush_group *group);

/* Returns the result of a flush that began after this call: 0 or an errno. */
int flush_group_join(struct flush_group *group);

/* The errno of the flush that failed, or 0. */
int flush_group_lost(struct flush_group *group);

#endif
