/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Opens a door for a device name, and holds what doors know of each other. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"
#include "lib/uri.h"

/* Schemes that have a meaning, here or elsewhere: "not in this build" and "unknown" are different
 * errors. */
static const char *const known_schemes[] = { "iscsi", "nbd", "nbd+unix", "vhost-user-scsi",
    "vhost-user-blk", "ublk", "tcmu", "unix" };

static void list_doors(char *list, size_t room)
{
    size_t used = 0;

    *list = 0;
    for (const struct spd_door_ops *const *at = spd_doors; *at && used < room; at++)
        used += (size_t)snprintf(
            list + used, room - used, "%s%s", used ? ", " : "", (*at)->synopsis);
}

static int no_door(const struct spd_uri *uri)
{
    char list[384];

    list_doors(list, sizeof list);
    for (size_t i = 0; i < sizeof known_schemes / sizeof known_schemes[0]; i++) {
        if (!strcmp(known_schemes[i], uri->scheme))
            return spd_fail(
                SPD_ERROR_DOOR_MISSING, "%s: is not there; there are %s", uri->scheme, list);
    }
    return spd_fail(SPD_ERROR_SCHEME, "'%s:' is unknown; there are %s", uri->scheme, list);
}

/* The given name, in a form that can be given again; "" for the system's best door. */
static char *name_of(const struct spd_uri *uri)
{
    if (uri->scheme)
        return spd_uri_text(uri);
    return strdup(uri->path ? uri->path : "");
}

static int open_with(const struct spd_door_ops *ops, struct spd_unit *unit,
    const struct spd_uri *uri, struct spd_door **door)
{
    char *given;
    int error;

    if (unit->params.grace && !ops->has_grace)
        return spd_fail(SPD_ERROR_GRACE,
            "%s: has none; initiators that lose a disk connect again by themselves", ops->scheme);
    given = name_of(uri);
    if (!given)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a device name");
    error = ops->open(unit, uri, door);
    if (error) {
        free(given);
        return error;
    }
    (*door)->ops = ops;
    if (!(*door)->unit)
        (*door)->unit = unit;
    if ((*door)->name)
        free(given);
    else
        (*door)->name = given;
    return 0;
}

static int open_uri(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **door)
{
    for (const struct spd_door_ops *const *at = spd_doors; *at; at++) {
        if (!strcmp((*at)->scheme, uri->scheme))
            return open_with(*at, unit, uri, door);
    }
    return no_door(uri);
}

/* Nexuses of the door that begins with this part; 0 if `but` is one of its parts. */
static uint32_t count_nexuses(const struct spd_door *door, const struct spd_door *but)
{
    uint32_t count = 0;

    for (; door; door = door->part) {
        if (door == but)
            return 0;
        count += atomic_load(&door->nexuses);
    }
    return count;
}

bool spd_door_has_others(const struct spd_door *door)
{
    const struct spd_unit *unit = door->unit;

    for (uint32_t i = 0; i < unit->door_count; i++)
        if (count_nexuses(unit->doors[i], door))
            return true;
    return false;
}

bool spd_door_is_alone(const struct spd_door *door)
{
    return door->unit->door_count == 1;
}

static int open_name(struct spd_unit *unit, const char *device_name, struct spd_door **door)
{
    struct spd_uri uri;
    int error = spd_uri_parse(device_name, &uri);

    if (error)
        return error;
    error = open_uri(unit, &uri, door);
    spd_uri_free(&uri);
    return error;
}

enum { BEST_MAX = 3 };

static const struct spd_door_ops *best_door(unsigned place)
{
    for (const struct spd_door_ops *const *at = spd_doors; *at; at++)
        if ((*at)->best == place)
            return *at;
    return NULL;
}

/* Tells why each door of the system refuses, since the user can mend one of the reasons. */
static int open_best(struct spd_unit *unit, struct spd_door **door)
{
    char why[SPD_DETAIL_MAX] = "", list[384];
    const struct spd_door_ops *ops;
    size_t used = 0;

    for (unsigned place = 1; place <= BEST_MAX; place++) {
        char name[32];

        ops = best_door(place);
        if (!ops)
            continue;
        snprintf(name, sizeof name, "%s:", ops->scheme);
        if (!open_name(unit, name, door))
            return 0;
        if (used < sizeof why)
            used += (size_t)snprintf(why + used, sizeof why - used, "%s: %s; ", ops->scheme,
                spd_error_detail());
    }
    list_doors(list, sizeof list);
    return spd_fail(SPD_ERROR_DOOR_MISSING, "%s%s one of %s", why,
        used ? "mend one of these, or name" : "there is no default door on this system; name",
        list);
}

int spd_door_open(struct spd_unit *unit, const char *device_name, struct spd_door **door)
{
    for (const struct spd_door_ops *const *at = spd_doors; *at; at++) {
        const struct spd_uri uri = { .path = (char *)device_name, .port = -1 };

        if ((*at)->takes && (*at)->takes(device_name))
            return open_with(*at, unit, &uri, door);
    }
    return device_name ? open_name(unit, device_name, door) : open_best(unit, door);
}
