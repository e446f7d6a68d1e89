/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * PERSISTENT RESERVE OUT (SPC-4 5.13). Its rows are exclusive: nothing else changes meanwhile, but
 * commands may read the state as they begin (reservation.c).
 *
 * Each service action first decides whether it can be done, then does all of it.
 */

#include "scsi/internal.h"

enum { LIST = 24 };
enum action {
    REGISTER = 0x00,
    RESERVE = 0x01,
    RELEASE = 0x02,
    CLEAR = 0x03,
    PREEMPT = 0x04,
    PREEMPT_AND_ABORT = 0x05,
    REGISTER_AND_IGNORE_EXISTING_KEY = 0x06,
};
enum { SPEC_I_PT = 0x08, APTPL = 0x01, LIST_FLAGS = 0x0d };

/* A command, and the state that it finds. */
struct out {
    struct scsi_task *task;
    struct scsi_unit *unit;
    uint64_t key;
    uint64_t action_key; /* SERVICE ACTION RESERVATION KEY */
    uint8_t flags;
    uint8_t asked;                  /* TYPE in the CDB */
    uint8_t type;                   /* type of the present reservation, or none */
    struct scsi_registration *self; /* NULL: not registered */
    struct scsi_registration *holder; /* NULL: nobody, or all registrants */
    bool attention;                 /* one was raised */
};

static bool is_registered(const struct scsi_registration *registration)
{
    return atomic_load(&registration->state) & SCSI_REGISTERED;
}

static bool is_holder(const struct out *out, const struct scsi_registration *registration)
{
    return out->type && (scsi_all_registrants(out->type) || out->holder == registration);
}

/* Each registered nexus has a part in the types Registrants Only and All Registrants. */
static bool is_shared(uint8_t type)
{
    return type >= SCSI_WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
}

#define for_each_other(registration, out) \
    for (struct scsi_registration *registration = (out)->unit->registrations; \
         registration != (out)->unit->registrations + SCSI_REGISTRATIONS; registration++) \
        if (registration != (out)->self && is_registered(registration))

/* Every change makes commands that wait ask again. */
static void set_reservation(struct out *out, uint8_t type, const struct scsi_registration *holder)
{
    scsi_reservation_set(
        out->unit, type, holder ? (uint32_t)(holder - out->unit->registrations) : 0);
}

static void raise(struct out *out, struct scsi_registration *registration, uint32_t attention)
{
    atomic_fetch_or(&registration->state, attention);
    out->attention = true;
}

static void raise_others(struct out *out, uint32_t attention)
{
    for_each_other(registration, out)
        raise(out, registration, attention);
}

/* The record stays until another initiator needs its place, for its pending attentions. */
static void forget(struct scsi_registration *registration)
{
    atomic_fetch_and(&registration->state, ~(uint32_t)SCSI_REGISTERED);
}

/* Publishes the outcome of the command: others see all its changes from here on. */
static enum scsi_step succeed(struct out *out)
{
    if (out->attention)
        atomic_fetch_add(&out->unit->attention, 1);
    return scsi_finish(out->task);
}

/* A place for the nexus: its own former one, else a free one, preferably without pending
 * attentions. */
static struct scsi_registration *place_for(struct scsi_unit *unit, const struct scsi_nexus *nexus)
{
    struct scsi_registration *at = scsi_registration_find(unit, nexus);
    struct scsi_registration *pending = NULL;

    if (at)
        return at;
    for (at = unit->registrations; at != unit->registrations + SCSI_REGISTRATIONS; at++) {
        uint32_t state = atomic_load(&at->state);

        if (!(state & (SCSI_REGISTERED | SCSI_REGISTRATION_ATTENTIONS)))
            return at;
        if (!(state & SCSI_REGISTERED) && !pending)
            pending = at;
    }
    return pending;
}

static struct scsi_registration *enroll(struct out *out)
{
    const struct scsi_nexus *nexus = out->task->nexus;
    struct scsi_registration *at = place_for(out->unit, nexus);
    uint32_t owners;

    if (!at)
        return NULL;
    if (atomic_load(&at->initiator) != nexus->initiator) {
        /* This order keeps a reader from taking the former's state for the latter's. */
        owners = atomic_load(&at->state) / SCSI_REGISTRATION_OWNERS + 1;
        atomic_store(&at->state, owners * SCSI_REGISTRATION_OWNERS);
        atomic_store(&at->initiator, nexus->initiator);
        at->aborted = 0;
    }
    at->port = nexus->port;
    at->transport_id_length = nexus->transport_id_length;
    if (nexus->transport_id_length)
        memcpy(at->transport_id, nexus->transport_id, nexus->transport_id_length);
    at->key = out->action_key;
    atomic_fetch_or(&at->state, SCSI_REGISTERED);
    return at;
}

/* With its registration a holder gives up the reservation. A reservation of all registrants ends
 * with the last of them. */
static void unregister(struct out *out)
{
    bool last = true;

    for_each_other(registration, out)
        last = false;
    forget(out->self);
    if (!is_holder(out, out->self) || (scsi_all_registrants(out->type) && !last))
        return;
    set_reservation(out, SCSI_RESERVATION_NONE, NULL);
    if (is_shared(out->type))
        raise_others(out, SCSI_RESERVATIONS_RELEASED);
}

/* REGISTER and REGISTER AND IGNORE EXISTING KEY once the key was found good. */
static enum scsi_step put_key(struct out *out)
{
    /* Nothing is kept beyond the end of the process, and no initiator registers another. */
    if (out->flags & SPEC_I_PT)
        return scsi_fail_parameter(out->task, 20, 3);
    if (out->flags & APTPL)
        return scsi_fail_parameter(out->task, 20, 0);
    set_reservation(out, out->type, out->holder);
    if (out->self && !out->action_key)
        unregister(out);
    else if (out->self)
        out->self->key = out->action_key;
    else if (out->action_key && !enroll(out))
        return scsi_fail(out->task, SCSI_INSUFFICIENT_REGISTRATION_RESOURCES);
    out->unit->registration_changes++;
    return succeed(out);
}

static enum scsi_step do_register(struct out *out)
{
    if (out->key != (out->self ? out->self->key : 0))
        return scsi_fail_conflict(out->task);
    return put_key(out);
}

static enum scsi_step do_reserve(struct out *out)
{
    if (out->type) /* again by a holder changes nothing */
        return is_holder(out, out->self) && out->type == out->asked
            ? succeed(out) : scsi_fail_conflict(out->task);
    set_reservation(out, out->asked, scsi_all_registrants(out->asked) ? NULL : out->self);
    return succeed(out);
}

static enum scsi_step do_release(struct out *out)
{
    if (!is_holder(out, out->self))
        return succeed(out);
    if (out->type != out->asked || out->task->cdb[2] >> 4)
        return scsi_fail(out->task, SCSI_INVALID_RELEASE);
    set_reservation(out, SCSI_RESERVATION_NONE, NULL);
    if (is_shared(out->type))
        raise_others(out, SCSI_RESERVATIONS_RELEASED);
    return succeed(out);
}

static enum scsi_step do_clear(struct out *out)
{
    set_reservation(out, SCSI_RESERVATION_NONE, NULL);
    raise_others(out, SCSI_RESERVATIONS_PREEMPTED);
    for_each_other(registration, out)
        forget(registration);
    forget(out->self);
    out->unit->registration_changes++;
    return succeed(out);
}

/* PREEMPT and PREEMPT AND ABORT: the reservation goes over when the key is its holder's, or 0 if
 * all registrants hold it. In any case the key's registrations end, save our own. */
static enum scsi_step do_preempt(struct out *out)
{
    bool all = scsi_all_registrants(out->type) && !out->action_key;
    bool takes = all || (out->holder && out->holder->key == out->action_key);
    bool aborts = (out->task->cdb[1] & SCSI_ACTION_MASK) == PREEMPT_AND_ABORT;
    bool found = all || out->self->key == out->action_key;

    if (!out->action_key && !all)
        return scsi_fail_parameter(out->task, 8, SCSI_WHOLE_BYTE);
    for_each_other(registration, out)
        found = found || registration->key == out->action_key;
    if (!found)
        return scsi_fail_conflict(out->task);

    if (takes)
        set_reservation(out, out->asked, scsi_all_registrants(out->asked) ? NULL : out->self);
    else
        set_reservation(out, out->type, out->holder);
    for_each_other(registration, out) {
        if (all || registration->key == out->action_key) {
            if (aborts)
                registration->aborted = atomic_load(&out->unit->reservation);
            forget(registration);
            raise(out, registration, SCSI_REGISTRATIONS_PREEMPTED);
        } else if (takes && out->type != out->asked) {
            raise(out, registration, SCSI_RESERVATIONS_RELEASED);
        }
    }
    if (aborts && out->self->key == out->action_key)
        out->self->aborted = atomic_load(&out->unit->reservation);
    out->unit->registration_changes++;
    return succeed(out);
}

static const struct {
    enum scsi_step (*run)(struct out *out);
    bool anybody; /* also for an unregistered nexus; and the action judges the key */
    bool typed;   /* SCOPE and TYPE have a meaning, and make a reservation */
} actions[] = {
    [REGISTER] = { do_register, .anybody = true },
    [RESERVE] = { do_reserve, .typed = true },
    [RELEASE] = { do_release },
    [CLEAR] = { do_clear },
    [PREEMPT] = { do_preempt, .typed = true },
    [PREEMPT_AND_ABORT] = { do_preempt, .typed = true },
    [REGISTER_AND_IGNORE_EXISTING_KEY] = { put_key, .anybody = true },
};

static bool type_ok(struct scsi_task *task)
{
    static const uint16_t types = 1 << SCSI_WRITE_EXCLUSIVE | 1 << SCSI_EXCLUSIVE_ACCESS |
        1 << SCSI_WRITE_EXCLUSIVE_REGISTRANTS_ONLY | 1 << SCSI_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY |
        1 << SCSI_WRITE_EXCLUSIVE_ALL_REGISTRANTS | 1 << SCSI_EXCLUSIVE_ACCESS_ALL_REGISTRANTS;

    if (task->cdb[2] >> 4) {
        scsi_fail_cdb(task, 2, 7); /* SCOPE: there is nothing smaller than the logical unit */
        return false;
    }
    if (!(types >> (task->cdb[2] & 0x0f) & 1)) {
        scsi_fail_cdb(task, 2, 3);
        return false;
    }
    return true;
}

static enum scsi_step act(struct scsi_task *task)
{
    uint8_t action = task->cdb[1] & SCSI_ACTION_MASK;
    struct scsi_unit *unit = task->unit;
    uint32_t reservation = atomic_load(&unit->reservation);
    struct out out = { .task = task, .unit = unit, .asked = task->cdb[2] & 0x0f,
        .type = scsi_persistent_type(reservation) };
    uint8_t list[LIST];

    scsi_data_copy(task, 0, list, LIST);
    out.key = be64_get(list);
    out.action_key = be64_get(list + 8);
    out.flags = list[20];
    for (unsigned bit = 8; bit--;)
        if (list[20] & ~LIST_FLAGS & 1u << bit)
            return scsi_fail_parameter(task, 20, bit);
    if (scsi_reservation_type(reservation) == SCSI_RESERVED) /* even for its holder (SPC-2 5.5.1) */
        return scsi_fail_conflict(task);
    if (out.type && !scsi_all_registrants(out.type))
        out.holder = &unit->registrations[
            (reservation >> SCSI_RESERVATION_HOLDER_SHIFT) % SCSI_REGISTRATIONS];
    out.self = scsi_registration_find(unit, task->nexus);
    if (out.self && !is_registered(out.self))
        out.self = NULL;
    if (!actions[action].anybody && (!out.self || out.self->key != out.key))
        return scsi_fail_conflict(task);
    return actions[action].run(&out);
}

enum { START, HAVE_DATA, ALONE };

enum scsi_step scsi_persistent_reserve_out(struct scsi_task *task)
{
    switch (task->phase) {
    case START:
        if (be32_get(task->cdb + 5) != LIST)
            return scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        if (actions[task->cdb[1] & SCSI_ACTION_MASK].typed && !type_ok(task))
            return SCSI_DONE;
        if (!scsi_transfer(task, SCSI_DATA_OUT, LIST))
            return SCSI_DONE;
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_ENTER, ALONE);
    default:
        return act(task);
    }
}
