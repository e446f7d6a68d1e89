/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A unit's door: its life. The shared portal does the rest. */

#include <stdlib.h>

#include "doors/iscsi/address.h"
#include "doors/iscsi/config.h"
#include "doors/iscsi/directory.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/member.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/target.h"
#include "lib/door.h"
#include "lib/uri.h"

static struct iscsi_door *door_of(struct spd_door *base)
{
    return (struct iscsi_door *)(void *)base;
}

static int door_enter(struct spd_unit *unit, const struct spd_uri *uri,
    struct iscsi_config *config, bool guarded, struct spd_door **base)
{
    struct iscsi_door *door = calloc(1, sizeof *door);
    int error;

    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
    door->base.unit = unit;
    error = iscsi_directory_enter(uri, config, guarded, door);
    if (error != 0) {
        free(door);
        return error;
    }
    *config = (struct iscsi_config){ 0 };
    error = iscsi_address_name(uri, door);
    if (error != 0) {
        free(door->base.uri);
        free(door->base.name);
        iscsi_directory_leave(door);
        free(door);
        return error;
    }
    for (struct iscsi_door *at = iscsi_door_next(door); at; at = iscsi_door_next(at))
        at->base.uri = door->base.uri; /* for the log; the library frees the door's */
    *base = &door->base;
    return 0;
}

static int door_open(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **base)
{
    struct iscsi_config config;
    bool guarded;
    int error = iscsi_config_read(uri, &config, &guarded);

    if (error != 0)
        return error;
    error = door_enter(unit, uri, &config, guarded, base);
    iscsi_config_free(&config);
    return error;
}

/* Its driver for disks, sd, takes no longer blocks. */
static void warn_of_blocks(const struct spd_door *base)
{
    enum { LINUX_BLOCK_MAX = 4096 };
    uint32_t length = spd_unit_params_here(base->unit)->block_length;

    if (length > LINUX_BLOCK_MAX)
        spd_log(SPD_LOG_WARNING, "%s: the disk has blocks of %u bytes: Linux shows a disk with "
            "longer ones than %u as one of 0 bytes", base->uri, length, LINUX_BLOCK_MAX);
}

static int door_start(struct spd_door *base)
{
    struct iscsi_door *door = door_of(base);
    int error = iscsi_portal_start(door->target->portal);

    if (error != 0)
        return error;
    /* The first loop comes last, since its logins go on at the others. */
    for (struct iscsi_door *at = iscsi_door_next(door); at; at = iscsi_door_next(at)) {
        iscsi_member_join(at);
        iscsi_member_wait(at, DOOR_SERVING);
    }
    iscsi_member_join(door);
    iscsi_member_wait(door, DOOR_SERVING);
    warn_of_blocks(base);
    return 0;
}

static void door_look(struct spd_door *base)
{
    spd_loop_wake(&door_of(base)->target->portal->loop);
}

static void door_stop(struct spd_door *base)
{
    iscsi_member_part(door_of(base));
}

static void door_join(struct spd_door *base)
{
    for (struct iscsi_door *at = door_of(base); at; at = iscsi_door_next(at))
        iscsi_member_wait(at, DOOR_GONE);
    iscsi_portal_stop(door_of(base)->target->portal);
}

static void door_close(struct spd_door *base)
{
    iscsi_directory_leave(door_of(base));
    free(base);
}

const struct spd_door_ops iscsi_door_ops = {
    .scheme = "iscsi",
    .synopsis = "iscsi://HOST[:PORT]/IQN[/LUN][?chap=FILE&mutual=FILE&allow-anonymous=1&...]",
    .open = door_open,
    .start = door_start,
    .look = door_look,
    .stop = door_stop,
    .join = door_join,
    .close = door_close,
};
