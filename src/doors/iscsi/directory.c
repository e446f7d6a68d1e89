/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/directory.h"

#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/address.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/portal.h"
#include "lib/door.h"
#include "os/net.h"
#include "os/os.h"
#include "scsi/scsi.h"

static struct {
    os_mutex lock; /* guards the rest, and the directory's members of portals and targets */
    struct list portals;
    bool ready;
} directory = { .lock = OS_MUTEX_INIT };

static void before_fork(void) OS_ACQUIRE(directory.lock)
{
    os_mutex_lock(&directory.lock);
}

/* A child has the portals of its parent, but not their threads. */
static void after_fork(bool child) OS_RELEASE(directory.lock)
{
    if (child)
        list_init(&directory.portals);
    os_mutex_unlock(&directory.lock);
}

static void make_ready(void) OS_REQUIRES(directory.lock)
{
    if (!directory.ready) {
        list_init(&directory.portals);
        os_at_fork(before_fork, after_fork);
    }
    directory.ready = true;
}

static struct iscsi_portal *find_portal(const struct os_address *address)
    OS_REQUIRES(directory.lock)
{
    char host[OS_HOST_MAX], port[OS_PORT_MAX];

    if (!os_address_text(address, host, port))
        return NULL;
    list_each(link, &directory.portals) {
        struct iscsi_portal *portal = list_entry(link, struct iscsi_portal, link);

        if (strcmp(portal->host, host) == 0 && strcmp(portal->port, port) == 0)
            return portal;
    }
    return NULL;
}

/* *net_error is not 0: the address is not available. */
static int make_portal(const struct os_address *address, const struct iscsi_config *config,
    struct iscsi_portal **made, int *net_error)
{
    os_socket listener;
    int error;

    *net_error = iscsi_address_listen(address, &listener);
    if (*net_error != 0)
        return SPD_ERROR_ADDRESS;
    *made = iscsi_portal_new(&config->times, config->threads);
    if (!*made) {
        os_socket_close(listener);
        return SPD_ERROR_NO_MEMORY;
    }
    error = iscsi_portal_listen(*made, listener);
    if (error != 0)
        iscsi_portal_free(*made);
    else
        list_append(&directory.portals, &(*made)->link);
    return error;
}

/* The first available address of the host. */
static int take_portal(const struct spd_uri *uri, const struct iscsi_config *config,
    const struct os_address *addresses, unsigned count, struct iscsi_portal **portal)
    OS_REQUIRES(directory.lock)
{
    const char *other;
    int net_error = 0;

    for (unsigned i = 0; i < count; i++) {
        int error;

        *portal = find_portal(&addresses[i]);
        if (*portal)
            break;
        error = make_portal(&addresses[i], config, portal, &net_error);
        if (net_error == 0)
            return error;
    }
    if (!*portal)
        return iscsi_address_fail(uri, &addresses[count - 1], net_error);
    other = (*portal)->threads != config->threads
        ? "threads" : iscsi_times_other(&(*portal)->times, &config->times);
    return other ? spd_fail(SPD_ERROR_URI_PARAMETER,
                       "%s: another unit at %s port %s has another one: give all units of an "
                       "address the same", other, (*portal)->host, (*portal)->port)
                 : 0;
}

static struct iscsi_target *find_target(const struct iscsi_portal *portal, const char *name)
{
    list_each(link, &portal->members) {
        struct iscsi_target *target = list_entry(link, struct iscsi_target, member);

        if (strcmp(target->config.target, name) == 0)
            return target;
    }
    return NULL;
}

/* Doors of one unit are ports, and portal groups, of one number each: sessions of different ones
 * are different nexuses even where the doors have one target name (RFC 7143 4.4.1). */
static uint16_t next_port(const struct spd_unit *unit)
{
    uint16_t number = 1;

    while (spd_unit_door_uri(unit, number - 1u))
        number++;
    return number;
}

static void free_targets(struct iscsi_target *target)
{
    while (target) {
        struct iscsi_target *next = target->next;

        free(target);
        target = next;
    }
}

/* Each loop has its own. NULL: not enough memory. */
static struct iscsi_target *make_targets(
    struct iscsi_portal *portal, const struct iscsi_config *config)
{
    struct iscsi_target *first = NULL, **end = &first;

    for (; portal; portal = portal->next) {
        struct iscsi_target *target = calloc(1, sizeof *target);

        if (!target) {
            free_targets(first);
            return NULL;
        }
        *end = target;
        end = &target->next;
        target->portal = portal;
        target->first = first;
        target->port = &first->own_port;
        target->config = *config;
        list_init(&target->link);
    }
    return first;
}

/* The config becomes the target's. NULL: not enough memory. */
static struct iscsi_target *make_target(
    struct iscsi_portal *portal, struct iscsi_config *config, const struct spd_unit *unit)
{
    struct iscsi_target *target = make_targets(portal, config);
    uint16_t number = next_port(unit);

    if (!target)
        return NULL;
    target->own_port = (struct scsi_port){
        .designators = target->designators,
        .designators_length = iscsi_config_designators(config, number, target->designators),
        .version_descriptor = 0x0960, /* SPC-4 table 141: iSCSI, no version claimed */
        .relative_port = number, /* as in the designators */
        .task_management = { SCSI_TM_ABORT_TASK | SCSI_TM_ABORT_TASK_SET | SCSI_TM_CLEAR_TASK_SET |
                SCSI_TM_LUN_RESET | (config->resets ? SCSI_TM_TARGET_RESET : 0) },
    };
    list_append(&portal->members, &target->member);
    return target;
}

/* The reason why the door has no place at the target. 0: it has one. */
static int check_place(const struct iscsi_target *target, const struct iscsi_config *config,
    const struct iscsi_door *door)
{
    const struct iscsi_portal *portal = target->portal;
    const char *other = iscsi_config_other(&target->config, config);

    if (other)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "%s: another unit of %s at %s port %s has another one: give all units of a target the "
            "same", other, config->target, portal->host, portal->port);
    if (target->open[config->lun])
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE,
            "LUN %u of %s at %s port %s is another unit's: give each unit a LUN of its own, such "
            "as .../%s/1", config->lun, config->target, portal->host, portal->port,
            config->target);
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (target->open[i] && target->open[i]->base.unit == door->base.unit)
            return spd_fail(SPD_ERROR_ADDRESS_IN_USE,
                "the unit is LUN %u of %s at %s port %s already", i, config->target, portal->host,
                portal->port);
    return 0;
}

/* NULL does nothing. The config is not the target's any more. */
static void forget_target(struct iscsi_target *target) OS_REQUIRES(directory.lock)
{
    if (!target)
        return;
    list_remove(&target->member);
    free_targets(target);
}

static void drop_target(struct iscsi_target *target) OS_REQUIRES(directory.lock)
{
    iscsi_config_free(&target->config);
    forget_target(target);
}

static void drop_portal_if_unused(struct iscsi_portal *portal) OS_REQUIRES(directory.lock)
{
    if (!list_empty(&portal->members))
        return;
    list_remove(&portal->link);
    iscsi_portal_free(portal);
}

static void free_parts(struct iscsi_door *door)
{
    struct iscsi_door *part = iscsi_door_next(door);

    while (part) {
        struct iscsi_door *next = iscsi_door_next(part);

        free(part);
        part = next;
    }
    door->base.part = NULL;
}

/* The door and its parts, one for each loop. False: not enough memory. */
static bool make_parts(struct iscsi_door *door, struct iscsi_target *target, uint32_t lun)
{
    struct iscsi_door *last = door;

    iscsi_door_init(door, door, target, lun);
    for (struct iscsi_target *at = target->next; at; at = at->next) {
        struct iscsi_door *part = calloc(1, sizeof *part);

        if (!part) {
            free_parts(door);
            return false;
        }
        iscsi_door_init(part, door, at, lun);
        last->base.part = &part->base;
        last = part;
    }
    return true;
}

static int enter_target(
    struct iscsi_portal *portal, struct iscsi_config *config, struct iscsi_door *door)
    OS_REQUIRES(directory.lock)
{
    struct iscsi_target *target = find_target(portal, config->target), *made = NULL;
    int error;

    if (target) {
        error = check_place(target, config, door);
        if (error != 0)
            return error;
    } else {
        made = target = make_target(portal, config, door->base.unit);
    }
    if (!target || !make_parts(door, target, config->lun)) {
        forget_target(made);
        return spd_fail(SPD_ERROR_NO_MEMORY, "the iSCSI door");
    }
    if (!made)
        iscsi_config_free(config);
    target->open[door->lun] = door;
    target->open_count++;
    return 0;
}

int iscsi_directory_enter(const struct spd_uri *uri, struct iscsi_config *config, bool guarded,
    struct iscsi_door *door)
{
    struct os_address addresses[OS_ADDRESSES_MAX];
    struct iscsi_portal *portal = NULL;
    unsigned count;
    int error = iscsi_address_resolve(uri, guarded, addresses, &count);

    if (error != 0)
        return error;
    os_mutex_lock(&directory.lock);
    make_ready();
    error = take_portal(uri, config, addresses, count, &portal);
    if (error == 0) {
        error = enter_target(portal, config, door);
        drop_portal_if_unused(portal);
    }
    os_mutex_unlock(&directory.lock);
    return error;
}

void iscsi_directory_leave(struct iscsi_door *door)
{
    struct iscsi_target *target = door->target;
    struct iscsi_portal *portal = target->portal;

    free_parts(door);
    os_mutex_lock(&directory.lock);
    target->open[door->lun] = NULL;
    if (--target->open_count == 0)
        drop_target(target);
    drop_portal_if_unused(portal);
    os_mutex_unlock(&directory.lock);
}
