/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The tcmu: door: a unit is a disk of this very system, /dev/sdX, by the kernel's target. */

#include "doors/tcmu/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/uri.h"

enum { TIMEOUT_SECONDS = 30, TIMEOUT_MAX = 86400 };

static struct spd_visitor visitor_of(const struct tcmu_door *door)
{
    return (struct spd_visitor){
        .door = &door->door, .what = "disk", .who = door->target.disk, .peer = door->target.disk,
        .session = door,
    };
}

/* The name. */

static int read_name(const struct spd_uri *uri, const struct spd_unit *unit, char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *given = uri->host && *uri->host ? uri->host : uri->path;
    bool both = uri->host && *uri->host && uri->path && *uri->path;
    char guid[37];

    scsi_guid_text(spd_unit_params_here(unit)->guid, guid);
    if (!given || !*given)
        given = guid;
    if (both || uri->port >= 0 || strspn(given, allowed) != strlen(given) || given[0] == '.' ||
        strlen(given) > TCMU_NAME_MAX)
        return spd_fail(SPD_ERROR_URI, "write tcmu:NAME, a name of at most %d letters, digits and "
            "-_. that does not begin with a dot", TCMU_NAME_MAX);
    strcpy(name, given);
    return 0;
}

static int read_timeout(const struct spd_uri *uri, uint32_t *timeout)
{
    const char *text = spd_uri_query(uri, "timeout");
    unsigned long value;
    char *end;

    if (!text)
        return 0;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value > TIMEOUT_MAX)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "timeout=%s: seconds, 1 to %d, or 0 for no end", text, TIMEOUT_MAX);
    *timeout = (uint32_t)value;
    return 0;
}

/* The ops. */

static void close_door(struct spd_door *base)
{
    struct tcmu_door *door = (struct tcmu_door *)base;

    tcmu_target_remove(&door->target);
    tcmu_serve_close(door);
    tcmu_target_close(&door->target);
    tcmu_rescan_destroy(&door->rescan);
    free(door->former_uri);
    free(door);
}

static int open_target(struct tcmu_door *door, const char *name, uint32_t timeout)
{
    struct spd_unit *unit = door->door.unit;
    const spd_params *params = spd_unit_params_here(unit);
    char guid[37];
    struct tcmu_wishes wishes = {
        .serial = guid,
        .size = atomic_load(&spd_unit_scsi(unit)->block_count) * params->block_length,
        .block_length = params->block_length,
        .max_transfer = params->max_transfer_length,
        .queue_depth = params->queue_depth,
        .timeout = timeout,
    };
    int error;

    scsi_guid_text(params->guid, guid);
    error = tcmu_target_make(&door->target, name, &wishes);
    if (!error)
        error = tcmu_target_reset(&door->target);
    if (error)
        return error;
    return tcmu_serve_open(door, door->target.uio, door->target.memory, door->target.size);
}

static int name_places(struct tcmu_door *door)
{
    door->door.uri = malloc(TCMU_URI_MAX + TCMU_NAME_MAX);
    door->former_uri = malloc(TCMU_URI_MAX);
    if (!door->door.uri || !door->former_uri)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the tcmu: door");
    snprintf(door->door.uri, TCMU_URI_MAX + TCMU_NAME_MAX, "tcmu:%s", door->target.name);
    return 0;
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    static const char *const allowed[] = { "timeout", NULL };
    char name[TCMU_NAME_MAX + 1];
    uint32_t timeout = TIMEOUT_SECONDS;
    struct tcmu_door *door;
    int error = spd_uri_check_query(uri, allowed);

    if (!error)
        error = read_name(uri, unit, name);
    if (!error)
        error = read_timeout(uri, &timeout);
    if (error)
        return error;
    door = calloc(1, sizeof *door);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "the tcmu: door");
    door->door.ops = &tcmu_door_ops;
    door->door.unit = unit;
    door->target.uio = -1;
    tcmu_rescan_init(&door->rescan, &door->target);
    error = open_target(door, name, timeout);
    if (!error)
        error = name_places(door);
    if (error) {
        free(door->door.uri);
        close_door(&door->door);
        return error;
    }
    *result = &door->door;
    return 0;
}

static void begin_session(struct tcmu_door *door)
{
    char *place = door->former_uri;
    struct spd_visitor visitor;

    snprintf(place, TCMU_URI_MAX, "/dev/%s", door->target.disk);
    door->former_uri = door->door.uri;
    door->door.uri = place;
    atomic_fetch_add(&door->door.nexuses, 1);
    door->began = os_now_ns();
    visitor = visitor_of(door);
    spd_session_begins(&visitor);
}

static void end_session(struct tcmu_door *door)
{
    struct spd_visitor visitor = visitor_of(door);

    if (!door->began)
        return;
    spd_session_ends(
        &visitor, (os_now_ns() - door->began) / 1000000000u, SPD_END_STOPPED, NULL);
    door->began = 0;
    atomic_fetch_sub(&door->door.nexuses, 1);
}

static void resized_door(struct spd_door *base)
{
    tcmu_rescan_want(&((struct tcmu_door *)base)->rescan);
}

/* The loop answers the kernel's commands while the disk comes, and while it goes. */
static void take_down(struct tcmu_door *door)
{
    end_session(door);
    tcmu_rescan_end(&door->rescan);
    tcmu_target_remove(&door->target);
    spd_loop_stop(&door->loop);
    spd_loop_join(&door->loop);
}

static int start_door(struct spd_door *base)
{
    struct tcmu_door *door = (struct tcmu_door *)base;
    int error = spd_loop_start(&door->loop, "spd-tcmu");

    if (error)
        return error;
    door->target.wishes.shared = !spd_door_is_alone(&door->door);
    error = tcmu_target_link(&door->target);
    if (!error)
        error = tcmu_rescan_start(&door->rescan);
    if (error) {
        take_down(door);
        return error;
    }
    begin_session(door);
    if (door->target.taken_over)
        resized_door(base);
    return 0;
}

/* Until the disk has gone, its last commands are served: join. */
static void stop_door(struct spd_door *base)
{
    (void)base;
}

static void look_door(struct spd_door *base)
{
    spd_loop_wake(&((struct tcmu_door *)base)->loop);
}

static void join_door(struct spd_door *base)
{
    take_down((struct tcmu_door *)base);
}

const struct spd_door_ops tcmu_door_ops = {
    .scheme = "tcmu",
    .synopsis = "tcmu:[NAME][?timeout=SECONDS]",
    .best = 2,
    .open = open_door,
    .start = start_door,
    .look = look_door,
    .resized = resized_door,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
