/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The gate of a unit (ioq/gate.h) among threads. A lock guards it. While there is no exclusive task
 * no thread takes the lock: a passage costs an atomic addition and a subtraction.
 */

#ifndef SPD_LIB_GATE_H
#define SPD_LIB_GATE_H

#include "ioq/gate.h"
#include "lib/door.h"
#include "os/os.h"

struct spd_gate {
    _Atomic uint32_t word; /* tasks inside, and SPD_GATE_SLOW */
    os_mutex lock;         /* guards the rest, and every change of SPD_GATE_SLOW */
    struct ioq_gate gate;
};

/* An exclusive task waits or is inside: every thread takes the lock. */
#define SPD_GATE_SLOW (UINT32_C(1) << 31)

void spd_gate_init(struct spd_gate *gate);
void spd_gate_destroy(struct spd_gate *gate);

/* True: inside. False: parked, and *granted lists the requests that may go in now, linked by next,
 * oldest first. The request itself may be among them, and refused requests (waiter.refused_for is
 * not 0), which have not gone in. The caller runs them. */
bool spd_gate_enter(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted);

/* A parked command has waited for so long that its initiator may have lost patience. */
bool spd_gate_has_waited_long(const struct spd_request *request);

/* How many are inside now. */
uint32_t spd_gate_inside(const struct spd_gate *gate);

/* Returns the requests that may go in now. */
struct spd_request *spd_gate_leave(struct spd_gate *gate, struct spd_request *request);

/* Takes a parked request out; false when it is not parked (any more). */
bool spd_gate_cancel(
    struct spd_gate *gate, struct spd_request *request, struct spd_request **granted);

#endif
