/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The scratch memory of tasks. A request that gets none waits for one, in its turn; it has its data
 * then and keeps nobody from the medium, so those that hold scratch never wait for it.
 *
 * A nexus has at most a share of what all have together (ioq/share.h). For commands that must
 * always be answered each nexus has some of its own, which other commands never get, whatever they
 * wait for.
 */

#ifndef SPD_LIB_SCRATCH_H
#define SPD_LIB_SCRATCH_H

#include "ioq/share.h"
#include "lib/door.h"
#include "lib/pool.h"

enum {
    SPD_SCRATCH_LIMIT = 64, /* that tasks hold at once, save those that are always answered */
    SPD_SCRATCH_SHARE = 16, /* of these, at most for one nexus */
    SPD_SCRATCH_OWN = 2,    /* of each nexus, for commands that are always answered */
};

struct spd_scratch {
    struct spd_pool pool;
    os_mutex lock; /* guards the rest */
    struct ioq_share tasks;
    struct ioq_share replies; /* of commands that are always answered */
};

void spd_scratch_init(struct spd_scratch *scratch);
void spd_scratch_destroy(struct spd_scratch *scratch);

/* False: it waits. True: waiter.holds says that it has one, or has it already; where task.scratch
 * is NULL there is no memory for it. */
bool spd_scratch_take(struct spd_scratch *scratch, struct spd_request *request);

/* Returns the request that has waited for it and has it now, and is to take it; NULL: none. */
struct spd_request *spd_scratch_give(struct spd_scratch *scratch, struct spd_request *request);

/* False: it does not wait (any more). */
bool spd_scratch_cancel(struct spd_scratch *scratch, struct spd_request *request);

#endif
