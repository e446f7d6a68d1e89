/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/claim.h"
#include "doors/iscsi/nexus.h"

#include <string.h>

#include "doors/iscsi/session.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "scsi/scsi.h"

/* A registration ends without notice, so its claim is checked when it matters. */
static bool is_alive(const struct iscsi_door *door, const struct iscsi_claim *claim)
{
    return claim->port != 0 &&
        scsi_initiator_registered(spd_unit_scsi(door->base.unit), claim->port);
}

static const char *owner_at(const struct iscsi_door *door, const char *initiator)
{
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++)
        if (strcmp(door->claims[i].initiator, initiator) == 0 && is_alive(door, &door->claims[i]))
            return door->claims[i].account;
    return NULL;
}

const char *iscsi_claim_owner(const struct iscsi_target *target, const char *initiator)
{
    const char *owner = NULL;

    for (unsigned i = 0; i < ISCSI_LUNS && !owner; i++)
        if (target->units[i])
            owner = owner_at(target->units[i], initiator);
    return owner;
}

/* There is a place for each registration that the unit can hold. */
void iscsi_claim_keep(const struct iscsi_nexus *nexus)
{
    const struct iscsi_session *session = nexus->session;
    struct iscsi_door *door = nexus->door->first;
    struct iscsi_claim *place = NULL;

    if (!session->account ||
        !scsi_initiator_registered(spd_unit_scsi(door->base.unit), nexus->scsi.initiator))
        return;
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        if (door->claims[i].port == nexus->scsi.initiator) {
            place = &door->claims[i];
            break;
        }
        if (!place && !is_alive(door, &door->claims[i]))
            place = &door->claims[i];
    }
    if (!place)
        return;
    place->port = nexus->scsi.initiator;
    place->account = session->account;
    memcpy(place->initiator, session->initiator, sizeof place->initiator);
}
