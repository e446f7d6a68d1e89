/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Commands that go on with another call of the program, on a thread that it has lent.
 *
 * A long unmap is several calls. If the program answers a call on a thread of its own, the next
 * call may not be made there. The program expects its calls on dispatcher threads, and no more at a
 * time than it has threads. These wait for messages, so one of them is woken.
 */

#include "doors/windows/windows.h"

void windows_later_init(struct windows_door *door)
{
    windows_queue_init(&door->later);
}

/* Without the device: no thread is lent any more, or the client has gone. */
static void end(struct windows_command *command)
{
    spd_request_cancel(&command->request);
    spd_request_go_on(&command->request);
}

void windows_later(struct spd_request *request)
{
    struct windows_command *command = (struct windows_command *)request;
    struct windows_door *door = command->door;
    bool over;

    os_mutex_lock(&door->lock);
    over = door->later_over;
    if (!over)
        windows_queue_put(&door->later, command);
    os_mutex_unlock(&door->lock);
    if (over)
        end(command);
    else
        door->transport->wake(door);
}

/* The oldest waiting command, or NULL; more: others remain. */
static struct windows_command *take(struct windows_door *door, bool *more)
{
    struct windows_command *command = NULL;

    os_mutex_lock(&door->lock);
    if (door->later.first)
        command = windows_queue_get(&door->later);
    *more = door->later.first;
    os_mutex_unlock(&door->lock);
    return command;
}

bool windows_later_go_on(struct windows_door *door)
{
    bool more;
    struct windows_command *command = take(door, &more);

    if (!command)
        return false;
    /* The device may keep this thread for long. */
    if (more)
        door->transport->wake(door);
    if (command->client == atomic_load(&door->pipe.client))
        spd_request_go_on(&command->request);
    else
        end(command);
    return true;
}

void windows_later_end(struct windows_door *door)
{
    struct windows_command *command;
    bool more;

    os_mutex_lock(&door->lock);
    door->later_over = true;
    os_mutex_unlock(&door->lock);
    while ((command = take(door, &more)))
        end(command);
}
