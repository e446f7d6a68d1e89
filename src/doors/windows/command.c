/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Commands of the door: made when more are busy than ever before, kept, and used again. */

#include "doors/windows/windows.h"

#include <stdlib.h>
#include <string.h>

static void init_request(struct spd_request *request, struct windows_door *door)
{
    request->unit = door->door.unit;
    request->ops = door->request_ops;
    request->task.unit = spd_unit_scsi(door->door.unit);
    request->task.nexus = &door->nexus;
    request->task.attribute = SCSI_SIMPLE;
}

/* The lock is held. */
static struct windows_command *new_command(struct windows_door *door)
{
    struct windows_command *command = malloc(sizeof *command + door->frame_length);

    if (!command)
        return NULL;
    memset(command, 0, sizeof *command);
    command->event = windows_event_take();
    if (!command->event) {
        free(command);
        return NULL;
    }
    command->door = door;
    command->next_made = door->made;
    door->made = command;
    init_request(&command->request, door);
    return command;
}

static void free_command(struct windows_command *command)
{
    spd_request_free(&command->request);
    windows_event_give(command->event);
    free(command);
}

struct windows_command *windows_command_take(struct windows_door *door)
{
    struct windows_command *command;

    os_mutex_lock(&door->lock);
    command = door->free;
    if (command)
        door->free = command->next;
    else
        command = new_command(door);
    door->busy += command != NULL;
    os_mutex_unlock(&door->lock);
    return command;
}

void windows_command_give_back(struct windows_command *command)
{
    struct windows_door *door = command->door;

    os_mutex_lock(&door->lock);
    command->next = door->free;
    door->free = command;
    if (--door->busy == 0) {
        if (door->transport->idle)
            door->transport->idle(door);
        os_cond_broadcast(&door->idle);
    }
    os_mutex_unlock(&door->lock);
}

void windows_commands_free(struct windows_door *door)
{
    while (door->free) {
        struct windows_command *command = door->free;

        door->free = command->next;
        free_command(command);
    }
}

void windows_refuse(struct windows_command *command, UINT8 asc)
{
    command->status = (SPD_IOCTL_STORAGE_UNIT_STATUS){ .ScsiStatus = SCSI_CHECK_CONDITION,
        .SenseKey = SCSI_SENSE_ILLEGAL_REQUEST, .ASC = asc };
}
