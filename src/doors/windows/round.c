/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Commands of the Windows door that end early: by task management of another door, after their
 * client has gone, and at the end of the unit.
 *
 * Each command is with a thread of its own. So an abort takes a share in the command that it ends
 * (owed), and leaves the rest to the thread pool. The pool's thread tells the device, and an answer
 * that its client does not take keeps nobody else waiting.
 */

#include "doors/windows/windows.h"

/* The state of a command, for its abort. Requests may not be cancelled while they
 * are being started; then the thread that starts them does it. */
enum { STARTING, STARTED, ABORTED };

/* For a reason that lasts. */
static bool is_useless(const struct windows_command *command)
{
    return atomic_load(&command->door->ending) ||
        command->client != atomic_load(&command->door->pipe.client);
}

static bool must_end(const struct windows_command *command, uint32_t round)
{
    return is_useless(command) || (int32_t)(round - atomic_load(&command->round)) > 0;
}

void windows_command_begin(struct windows_command *command)
{
    struct windows_door *door = command->door;

    atomic_store(&command->phase, STARTING);
    atomic_store(&command->left, false);
    /* From here on a new round finds the command, or the command finds the round. */
    atomic_store(&command->owed, 2);
    atomic_store(&command->round, spd_round(&door->door));
    if (is_useless(command) && !spd_unit_is_lent(door->door.unit))
        atomic_store(&command->phase, ABORTED);
}

/* Returns the part of `owed` that has ended. */
static uint32_t cancel(struct windows_command *command)
{
    bool ended = spd_request_cancel(&command->request);

    if (spd_request_is_left(&command->request)) {
        atomic_store(&command->left, true);
        windows_look(&command->door->door);
    }
    return ended;
}

uint32_t windows_command_begun(struct windows_command *command)
{
    int phase = STARTING;
    uint32_t ended = 1;

    if (!atomic_compare_exchange_strong(&command->phase, &phase, STARTED))
        ended += cancel(command);
    return ended;
}

bool windows_command_was_aborted(const struct windows_command *command)
{
    return atomic_load(&command->phase) == ABORTED;
}

/* On a thread of the pool: takes a command that has to end. */
static void CALLBACK end_one(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
    struct windows_door *door = context;
    struct windows_command *command;
    uint32_t round, ended = 1;

    (void)instance;
    (void)work;
    os_mutex_lock(&door->lock);
    command = door->to_end;
    door->to_end = command->next_to_end;
    command->is_to_end = false;
    round = door->round;
    os_mutex_unlock(&door->lock);
    /* It may have ended since, and be another command. */
    if (must_end(command, round)) {
        int phase = STARTING;

        if (!atomic_compare_exchange_strong(&command->phase, &phase, ABORTED) &&
            atomic_compare_exchange_strong(&command->phase, &phase, ABORTED))
            ended += cancel(command);
    }
    door->owes_less(command, ended);
}

/* A share in the command, unless it has ended. */
static bool take_share(struct windows_command *command, uint32_t round)
{
    uint32_t owed = atomic_load(&command->owed);

    do {
        if (!owed || !must_end(command, round))
            return false;
    } while (!atomic_compare_exchange_weak(&command->owed, &owed, owed + 1));
    return true;
}

/* The lock is held. */
static void end_all(struct windows_door *door)
{
    for (struct windows_command *command = door->made; command; command = command->next_made) {
        if (command->is_to_end || windows_command_was_aborted(command) ||
            !take_share(command, door->round))
            continue;
        command->is_to_end = true;
        command->next_to_end = door->to_end;
        door->to_end = command;
        SubmitThreadpoolWork(door->work);
    }
}

/* The lock is held. */
static bool any_may_change(const struct windows_door *door)
{
    for (const struct windows_command *command = door->made; command; command = command->next_made)
        if (atomic_load(&command->owed) && !atomic_load(&command->left) &&
            must_end(command, door->round))
            return true;
    return false;
}

void windows_look(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;
    uint32_t round;
    bool ended;

    os_mutex_lock(&door->lock);
    round = spd_round(base);
    if (round != door->round) {
        door->round = round;
        atomic_store(&door->owes_report, true);
        end_all(door);
    }
    ended = atomic_load(&door->owes_report) && !any_may_change(door);
    if (ended)
        atomic_store(&door->owes_report, false);
    os_mutex_unlock(&door->lock);
    if (ended)
        spd_round_report(base, round);
}

bool windows_round_open(struct windows_door *door)
{
    door->work = CreateThreadpoolWork(end_one, door, NULL);
    return door->work;
}

/* A lender of threads has each request until the lender ends it. */
void windows_round_end_gone(struct windows_door *door)
{
    if (spd_unit_is_lent(door->door.unit))
        return;
    os_mutex_lock(&door->lock);
    end_all(door);
    os_mutex_unlock(&door->lock);
}

void windows_round_end_all(struct windows_door *door)
{
    atomic_store(&door->ending, true);
    windows_round_end_gone(door);
}

void windows_round_join(struct windows_door *door)
{
    WaitForThreadpoolWorkCallbacks(door->work, FALSE);
}

void windows_round_close(struct windows_door *door)
{
    if (door->work)
        CloseThreadpoolWork(door->work);
}
