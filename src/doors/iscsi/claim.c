/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/claim.h"

#include <string.h>

#include "doors/iscsi/door.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/session.h"
#include "lib/door.h"
#include "scsi/scsi.h"

/* A registration ends without our being asked, so that its claim is looked at when it matters. */
static bool is_alive(const struct iscsi_door *door, const struct iscsi_claim *claim)
{
    return claim->port != 0 &&
        scsi_initiator_registered(spd_unit_scsi(door->base.unit), claim->port);
}

const char *iscsi_claim_owner(const struct iscsi_door *door, const char *initiator)
{
    list_each(link, &door->sessions) {
        const struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->account && strcmp(session->initiator, initiator) == 0)
            return session->account;
    }
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++)
        if (strcmp(door->claims[i].initiator, initiator) == 0 && is_alive(door, &door->claims[i]))
            return door->claims[i].account;
    return NULL;
}

/* There is a place for each registration that the unit can hold. */
void iscsi_claim_keep(const struct iscsi_session *session)
{
    struct iscsi_door *door = session->door;
    struct iscsi_claim *place = NULL;

    if (!session->account ||
        !scsi_initiator_registered(spd_unit_scsi(door->base.unit), session->nexus.initiator))
        return;
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        if (door->claims[i].port == session->nexus.initiator) {
            place = &door->claims[i];
            break;
        }
        if (!place && !is_alive(door, &door->claims[i]))
            place = &door->claims[i];
    }
    if (!place)
        return;
    place->port = session->nexus.initiator;
    place->account = session->account;
    memcpy(place->initiator, session->initiator, sizeof place->initiator);
}
