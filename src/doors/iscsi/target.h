/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Targets and their logical units. A target is a name (RFC 7143 3.1), with one SCSI port at its
 * portal. Each unit of it is the door of a spd_unit.
 *
 * A portal with several loops has a target and a door for each, which belong to that loop's thread.
 * The first loop's are known by the directory and by the library; the others are their parts.
 */

#ifndef ISCSI_TARGET_H
#define ISCSI_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/claim.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/list.h"
#include "lib/door.h"
#include "scsi/scsi.h"

struct iscsi_portal;

enum iscsi_door_state {
    DOOR_OPEN,    /* not started */
    DOOR_COMING,  /* the loop has to take it in */
    DOOR_SERVING,
    DOOR_GOING,   /* the loop ends its running requests */
    DOOR_GONE,    /* the loop no longer knows it */
};

/* A logical unit, as its unit's door. */
struct iscsi_door {
    struct spd_door base; /* first; base.part is the next loop's */
    struct iscsi_door *first; /* the first loop's */
    struct iscsi_target *target;
    uint32_t lun;
    struct list link;   /* portal's doors, while it serves or goes */
    struct list moving; /* portal's moving */
    uint8_t state;      /* enum iscsi_door_state; portal->lock guards it */
    bool leaving;       /* the loop has begun to end its running requests */
    uint32_t round;     /* round of task management: earlier tasks were aborted */
    uint32_t reset_round; /* round of the last target reset */
    bool owes_report;   /* and the library does not know yet that it has ended */
    struct iscsi_claim claims[SCSI_REGISTRATIONS]; /* the first loop's; the roster's lock */
};

struct iscsi_target {
    struct list link; /* portal's targets, while it has a unit that serves */
    struct iscsi_portal *portal;
    struct iscsi_target *first; /* the first loop's, */
    struct iscsi_target *next;  /* and the next loop's; NULL: this is the last */
    struct iscsi_config config; /* what it points to is the first one's */
    struct scsi_port *port;     /* the same for all loops */
    struct scsi_port own_port;  /* the first one's */
    uint8_t designators[CONFIG_DESIGNATORS_MAX];
    struct iscsi_door *units[ISCSI_LUNS]; /* serving ones, by LUN; the loop's */
    uint32_t unit_count;

    /* The directory's: directory.c. */
    struct list member; /* portal's members */
    struct iscsi_door *open[ISCSI_LUNS];
    uint32_t open_count;
};

extern const struct spd_door_ops iscsi_door_ops;

/* The target of this name that has a unit which serves; NULL: there is none. name is as it came. */
struct iscsi_target *iscsi_target_find(const struct iscsi_portal *portal, const char *name);
/* The same target at another loop of its portal. */
struct iscsi_target *iscsi_target_at(
    const struct iscsi_target *target, const struct iscsi_portal *portal);
/* A door for a loop's target; first: the first loop's, which has its unit. */
void iscsi_door_init(struct iscsi_door *door, struct iscsi_door *first,
    struct iscsi_target *target, uint32_t lun);
/* The part of a door for the next loop; NULL: it is the last one. */
static inline struct iscsi_door *iscsi_door_next(const struct iscsi_door *door)
{
    return (struct iscsi_door *)(void *)door->base.part;
}
/* Its unit with the lowest LUN; NULL: it has none. */
struct iscsi_door *iscsi_target_first(const struct iscsi_target *target);
/* The target's name in the log; NULL: the whole portal. */
const struct spd_door *iscsi_target_door(
    const struct iscsi_portal *portal, const struct iscsi_target *target);
/* REPORT LUNS has the LUN from now on, or no longer. */
void iscsi_target_report(struct iscsi_target *target, uint32_t lun, bool there);

#endif
