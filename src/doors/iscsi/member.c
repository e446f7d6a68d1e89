/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/member.h"
#include "doors/iscsi/nexus.h"

#include <stdatomic.h>

#include "doors/iscsi/connection.h"
#include "doors/iscsi/handover.h"
#include "doors/iscsi/list.h"
#include "doors/iscsi/login.h"
#include "doors/iscsi/logout.h"
#include "doors/iscsi/portal.h"
#include "doors/iscsi/send.h"
#include "doors/iscsi/session.h"
#include "doors/iscsi/task.h"
#include "doors/iscsi/wire.h"
#include "lib/loop.h"
#include "lib/session_log.h"

/* Messages. */

static void post(struct iscsi_door *door, enum iscsi_door_state state)
{
    struct iscsi_portal *portal = door->target->portal;

    door->state = (uint8_t)state;
    if (list_empty(&door->moving))
        list_append(&portal->moving, &door->moving);
    atomic_store(&portal->mail, true);
}

void iscsi_member_join(struct iscsi_door *door)
{
    struct iscsi_portal *portal = door->target->portal;

    os_mutex_lock(&portal->lock);
    post(door, DOOR_COMING);
    os_mutex_unlock(&portal->lock);
    spd_loop_wake(&portal->loop);
}

static void part_others(struct iscsi_door *first)
{
    if (first->first != first)
        return;
    for (struct iscsi_door *at = iscsi_door_next(first); at; at = iscsi_door_next(at))
        iscsi_member_part(at);
}

void iscsi_member_part(struct iscsi_door *door)
{
    struct iscsi_portal *portal = door->target->portal;
    bool joined, idle;

    os_mutex_lock(&portal->lock);
    idle = door->state == DOOR_OPEN;
    joined = door->state == DOOR_COMING || door->state == DOOR_SERVING;
    if (joined)
        post(door, DOOR_GOING);
    os_mutex_unlock(&portal->lock);
    if (joined)
        spd_loop_wake(&portal->loop);
    else if (idle)
        part_others(door); /* a start that has failed */
}

void iscsi_member_wait(struct iscsi_door *door, enum iscsi_door_state state)
{
    struct iscsi_portal *portal = door->target->portal;

    if (spd_loop_here(&portal->loop))
        return;
    os_mutex_lock(&portal->lock);
    while (door->state < state)
        os_cond_wait(&portal->moved, &portal->lock);
    os_mutex_unlock(&portal->lock);
}

/* The loop's thread. */

static void tell_sessions(const struct iscsi_target *target)
{
    list_each(link, &target->portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->target == target && session->connection)
            iscsi_nexus_luns_changed(session);
    }
}

static void come(struct iscsi_door *door)
{
    struct iscsi_target *target = door->target;
    struct iscsi_portal *portal = target->portal;

    if (target->unit_count++ == 0)
        list_append(&portal->targets, &target->link);
    list_append(&portal->doors, &door->link);
    tell_sessions(target);
    target->units[door->lun] = door;
    iscsi_target_report(target, door->lun, true);
    list_each(link, &portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);

        if (session->target == target && session->connection && !session->params.discovery &&
            !iscsi_session_add(session, door))
            iscsi_wire_drop(session->connection, SPD_END_NO_ROOM,
                "not enough memory for one more unit of its target");
    }
    portal->units_changed = true;
}

static bool is_of(const struct iscsi_connection *c, const struct iscsi_target *target)
{
    return (c->session && c->session->target == target) ||
        (c->login && c->login->target == target);
}

/* target: its sessions, and logins there; NULL: all. */
static void drop_connections(struct iscsi_portal *portal, const struct iscsi_target *target)
{
    list_each(link, &portal->connections) {
        struct iscsi_connection *c = list_entry(link, struct iscsi_connection, link);

        if (target && !is_of(c, target))
            continue;
        if (c->state == CONNECTION_FULL) {
            iscsi_async_drop(c);
            iscsi_send_flush(c);
        }
        iscsi_wire_drop(c, SPD_END_STOPPED, NULL);
    }
}

static void go(struct iscsi_door *door)
{
    struct iscsi_target *target = door->target;
    struct iscsi_portal *portal = target->portal;

    part_others(door);
    if (target->units[door->lun] != door)
        return; /* it had not come yet */
    door->leaving = true;
    portal->units_left = portal->units_changed = true;
    if (target->unit_count > 1) {
        iscsi_task_lose(door);
    } else {
        drop_connections(portal, target);
        list_remove(&target->link);
    }
    target->units[door->lun] = NULL;
    target->unit_count--;
    iscsi_target_report(target, door->lun, false);
    tell_sessions(target);
    if (list_empty(&portal->targets))
        drop_connections(portal, NULL);
}

/* A connection that has come from another loop, or a door and its next state. */
struct message {
    struct iscsi_connection *arrived;
    struct iscsi_door *door;
    enum iscsi_door_state state;
};

/* Connections first: their loop has sent them before it let its door go. False: there is none. */
static bool take_message(struct iscsi_portal *portal, struct message *message)
{
    *message = (struct message){ 0 };
    os_mutex_lock(&portal->lock);
    if (!list_empty(&portal->arriving)) {
        message->arrived = list_entry(portal->arriving.next, struct iscsi_connection, link);
        list_remove(&message->arrived->link);
    } else if (!list_empty(&portal->moving)) {
        message->door = list_entry(portal->moving.next, struct iscsi_door, moving);
        list_remove(&message->door->moving);
        message->state = message->door->state;
    } else {
        atomic_store(&portal->mail, false);
    }
    os_mutex_unlock(&portal->lock);
    return message->arrived || message->door;
}

/* It does so unless another message has come meanwhile. */
static void change_state(
    struct iscsi_door *door, enum iscsi_door_state from, enum iscsi_door_state to)
{
    struct iscsi_portal *portal = door->target->portal;

    os_mutex_lock(&portal->lock);
    if (door->state == from)
        door->state = (uint8_t)to;
    os_cond_broadcast(&portal->moved);
    os_mutex_unlock(&portal->lock);
}

static void read_mail(struct iscsi_portal *portal)
{
    struct message message;

    while (atomic_load(&portal->mail) && take_message(portal, &message)) {
        struct iscsi_door *door = message.door;

        if (message.arrived) {
            iscsi_handover_take(portal, message.arrived);
        } else if (message.state == DOOR_COMING) {
            come(door);
            change_state(door, DOOR_COMING, DOOR_SERVING);
        } else {
            go(door);
            if (!door->leaving)
                change_state(door, DOOR_GOING, DOOR_GONE);
        }
    }
}

/* A session of the target still knows the unit, or its target. */
static bool is_known(const struct iscsi_door *door)
{
    const struct iscsi_target *target = door->target;
    bool known = false;

    list_each(link, &target->portal->sessions) {
        struct iscsi_session *session = list_entry(link, struct iscsi_session, link);
        struct iscsi_nexus *nexus = session->nexuses[door->lun];

        if (session->target != target)
            continue;
        known |= target->unit_count == 0;
        if (!nexus || nexus->door != door)
            continue;
        if (nexus->running == 0 && target->unit_count > 0)
            iscsi_nexus_free(nexus);
        else
            known = true;
    }
    return known;
}

static void let_go(struct iscsi_portal *portal)
{
    list_each(link, &portal->doors) {
        struct iscsi_door *door = list_entry(link, struct iscsi_door, link);

        if (!door->leaving || is_known(door))
            continue;
        list_remove(&door->link);
        change_state(door, DOOR_GOING, DOOR_GONE);
    }
}

void iscsi_member_look(struct iscsi_portal *portal)
{
    read_mail(portal);
    if (!portal->units_left)
        return;
    portal->units_left = false;
    let_go(portal);
}
