/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * All portals of the process, by their address, and the targets of each, by their name. Doors enter
 * it when they are opened and leave it when they are closed; whether they serve does not matter
 * here. Its lock is held while an address is bound; no command takes it.
 */

#ifndef ISCSI_DIRECTORY_H
#define ISCSI_DIRECTORY_H

#include <stdbool.h>

#include "doors/iscsi/config.h"
#include "doors/iscsi/target.h"

struct spd_uri;

/* Finds or makes the portal and the target of the URI, and gives the door, which has its unit, a
 * place there. config is taken over when it returns 0. Otherwise it returns a spd_error with a
 * detail: an error of the bind, ADDRESS_IN_USE for a LUN that another unit has, or URI_PARAMETER.
 * The last says that this URI differs from those of other units there. */
int iscsi_directory_enter(const struct spd_uri *uri, struct iscsi_config *config, bool guarded,
    struct iscsi_door *door);
/* The door does not serve. The last door of a target, and of a portal, frees it. */
void iscsi_directory_leave(struct iscsi_door *door);

#endif
