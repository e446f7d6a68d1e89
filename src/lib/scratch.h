/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The scratch memory of tasks. A request that gets no scratch waits for it, in its turn. It has its
 * data then and keeps nobody from the medium, so requests that hold scratch never wait for it.
 *
 * A nexus has at most a share of all scratch (ioq/share.h). Each nexus also has some of its own for
 * commands that must always be answered; other commands never get that.
 */

#ifndef SPD_LIB_SCRATCH_H
#define SPD_LIB_SCRATCH_H

#include "ioq/share.h"
#include "lib/door.h"
#include "lib/pool.h"

enum {
    SPD_SCRATCH_LIMIT = 64, /* held by tasks at once, save tasks that are always answered */
    SPD_SCRATCH_SHARE = 16, /* at most for one nexus */
    SPD_SCRATCH_OWN = 2,    /* each nexus's own, for commands that are always answered */
};

struct spd_scratch {
    struct spd_pool pool;
    os_mutex lock; /* guards the rest */
    struct ioq_share tasks;
    struct ioq_share replies; /* for commands that are always answered */
};

void spd_scratch_init(struct spd_scratch *scratch);
void spd_scratch_destroy(struct spd_scratch *scratch);

/* False: it waits. True: it has a scratch (waiter.holds); if task.scratch is NULL there is no
 * memory for it. */
bool spd_scratch_take(struct spd_scratch *scratch, struct spd_request *request);

/* Returns the request that has waited for it, has it now, and has to take it; NULL: none. */
struct spd_request *spd_scratch_give(struct spd_scratch *scratch, struct spd_request *request);

/* False: it does not wait (any more). */
bool spd_scratch_cancel(struct spd_scratch *scratch, struct spd_request *request);

#endif
