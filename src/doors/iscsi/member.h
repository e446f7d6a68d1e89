/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Units that come and go, while initiators use others of the same target and portal. A thread of
 * the program leaves a message; the loop's thread does the work at the end of a turn.
 *
 * The sessions of a target learn of a new unit, or of one that is gone, by REPORTED LUNS DATA HAS
 * CHANGED at its other units. Commands of a unit that goes are answered: there is no such logical
 * unit. A target whose last unit goes logs its sessions out.
 *
 * With several loops the first one comes last and goes first, and then has the others go. So a
 * login that goes on at another loop (handover.h) always finds its target there.
 */

#ifndef ISCSI_MEMBER_H
#define ISCSI_MEMBER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "doors/iscsi/portal.h"
#include "doors/iscsi/target.h"

/* Any thread; both return at once. The unit comes to the door's loop, or goes from all loops; the
 * latter does nothing to a unit that has not joined. */
void iscsi_member_join(struct iscsi_door *door);
void iscsi_member_part(struct iscsi_door *door);
/* Any thread; does nothing on the loop's. Waits until the unit serves, or until it has no
 * command and no nexus any more: DOOR_SERVING, DOOR_GONE. */
void iscsi_member_wait(struct iscsi_door *door, enum iscsi_door_state state);

/* The loop's thread: handles messages, and releases members that have ended. */
void iscsi_member_look(struct iscsi_portal *portal);
/* Whether iscsi_member_look() has something to do. */
static inline bool iscsi_member_is_due(const struct iscsi_portal *portal)
{
    return portal->units_left || atomic_load_explicit(&portal->mail, memory_order_relaxed);
}

#endif
