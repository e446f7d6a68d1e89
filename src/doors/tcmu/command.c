/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Commands from entry to answer, and task management. The data stays where the kernel has put it:
 * the device reads and writes the shared memory. */

#include "doors/tcmu/door.h"

#include <string.h>

#include "doors/tcmu/protocol.h"
#include "os/os.h"

enum { PAGE = 4096 }; /* the kernel's pieces of the data area have at least as many bytes */

static bool map(struct spd_request *request);
static void later(struct spd_request *request);
static void done(struct spd_request *request);

static const struct spd_request_ops request_ops = {
    .map = map,
    .later = later,
    .done = done,
};

static struct tcmu_command *take(struct tcmu_door *door)
{
    struct tcmu_command *command = door->free;
    uint8_t *buffer;

    if (command) {
        door->free = command->next;
        return command;
    }
    if (door->made == TCMU_COMMANDS)
        return NULL;
    buffer = door->buffers + door->made * door->stride;
    command = &door->commands[door->made++];
    command->door = door;
    command->vecs = (struct scsi_vec *)(void *)buffer;
    command->sink = buffer + (door->vec_room + 1) * sizeof *command->vecs;
    command->request.unit = door->door.unit;
    command->request.ops = &request_ops;
    return command;
}

static void give_back(struct tcmu_command *command)
{
    command->next = command->door->free;
    command->door->free = command;
}

/* Answers. */

static void answer(struct tcmu_command *command, const struct tcmu_answer *answer)
{
    struct tcmu_answer whole = *answer;

    whole.id = command->id;
    tcmu_ring_answer(&command->door->ring, &whole);
    give_back(command);
}

/* TASK ABORTED (SAM-5 5.3.1): the kernel waits for the end of each command. */
static void answer_aborted(struct tcmu_command *command)
{
    answer(command, &(struct tcmu_answer){ .status = SCSI_TASK_ABORTED });
}

/* A command of which the kernel left nothing to understand: HARDWARE ERROR, INTERNAL TARGET
 * FAILURE. */
static void answer_faulty(struct tcmu_command *command)
{
    static const struct scsi_outcome failure = {
        .status = SCSI_CHECK_CONDITION, .sense_key = 0x04, .asc = 0x44
    };
    struct scsi_task *task = &command->request.task;

    scsi_task_refuse(task, &failure);
    answer(command, &(struct tcmu_answer){ .status = task->status, .sense = task->sense,
        .sense_length = task->sense_length });
}

/* The data-in of an answer; the kernel takes a length of 0 for the whole buffer, in which there may
 * be something of other commands. */
static uint32_t put_data_in(struct tcmu_command *command)
{
    const struct scsi_task *task = &command->request.task;
    const spd_vec *vecs = (const spd_vec *)(const void *)command->vecs;

    if (task->direction == SCSI_DATA_OUT || command->length == 0)
        return 0;
    if (task->moved_length == 0 || task->direction == SCSI_NO_DATA) {
        spd_vec_put(vecs, command->vec_count, 0, NULL, (size_t)command->length);
        return 0;
    }
    if (task->reply)
        spd_vec_put(vecs, command->vec_count, 0, task->reply, (size_t)task->moved_length);
    return (uint32_t)task->moved_length;
}

void tcmu_command_completed(struct spd_request *request)
{
    struct tcmu_command *command = (struct tcmu_command *)request;
    struct scsi_task *task = &request->task;
    uint32_t length = command->aborted ? 0 : put_data_in(command);

    spd_request_release(request);
    command->running = false;
    command->door->running--;
    if (command->aborted) {
        answer_aborted(command);
        return;
    }
    answer(command, &(struct tcmu_answer){ .status = task->status, .read_length = length,
        .sense = task->sense, .sense_length = task->sense_length });
}

/* Running. */

/* The device moves whole blocks: a read may have up to a block more than the initiator wants. */
static bool map(struct spd_request *request)
{
    struct tcmu_command *command = (struct tcmu_command *)request;
    struct scsi_task *task = &request->task;
    uint64_t left = task->buffer_length;
    uint32_t count = 0;

    for (; count < command->vec_count && left; count++) {
        struct scsi_vec *vec = &command->vecs[count];

        if (vec->length > left)
            vec->length = (size_t)left;
        left -= vec->length;
    }
    if (left)
        command->vecs[count++] = (struct scsi_vec){ command->sink, (size_t)left };
    task->data = command->vecs;
    task->data_count = count;
    return true;
}

static void later(struct spd_request *request)
{
    spd_loop_post(&((struct tcmu_command *)request)->door->loop, request);
}

static void done(struct spd_request *request)
{
    spd_loop_done(&((struct tcmu_command *)request)->door->loop, request);
}

static void run(struct tcmu_command *command, const struct tcmu_entry *entry)
{
    struct tcmu_door *door = command->door;
    struct scsi_task *task = &command->request.task;

    command->id = entry->id;
    command->aborted = false;
    command->vec_count = entry->vec_count;
    command->length = entry->length;
    if (entry->faulty) {
        answer_faulty(command);
        return;
    }
    task->unit = spd_unit_scsi(door->door.unit);
    task->nexus = &door->nexus;
    task->attribute = SCSI_SIMPLE;
    memcpy(task->cdb, entry->cdb, sizeof task->cdb);
    task->cdb_length = entry->cdb_length;
    /* The kernel knows the direction, and the entry does not say it. */
    task->expected_direction = entry->length ? SCSI_ANY_DATA : SCSI_NO_DATA;
    task->expected_length = entry->length;
    command->running = true;
    door->running++;
    spd_request_start(&command->request);
}

/* Task management. */

static void abort_command(struct tcmu_command *command)
{
    if (!command->running || command->aborted)
        return;
    command->aborted = true;
    if (!spd_request_cancel(&command->request))
        return; /* completed() comes */
    command->running = false;
    command->door->running--;
    answer_aborted(command);
}

static void abort_id(struct tcmu_door *door, uint16_t id)
{
    for (uint32_t i = 0; i < door->made; i++) {
        struct tcmu_command *command = &door->commands[i];

        if (command->running && command->id == id) {
            abort_command(command);
            return;
        }
    }
}

/* The functions that reach the tasks of all initiators (SAM-5 7.5, 7.7). */
static const enum scsi_attention attentions[] = {
    [TCMU_CLEAR_TASK_SET] = SCSI_UA_CLEARED,
    [TCMU_LUN_RESET] = SCSI_UA_LUN_RESET,
    [TCMU_TARGET_WARM_RESET] = SCSI_UA_RESET,
    [TCMU_TARGET_COLD_RESET] = SCSI_UA_RESET,
};

static void begin_round(struct tcmu_door *door, enum scsi_attention why)
{
    uint32_t round = spd_round_begin(&door->door);

    door->round = round;
    door->owes_report = true;
    tcmu_commands_abort(door, round);
    if (why == SCSI_UA_CLEARED)
        scsi_unit_attention(spd_unit_scsi(door->door.unit), why, &door->nexus);
    else
        spd_unit_reset(door->door.unit, why, NULL);
}

static void manage_tasks(struct tcmu_door *door, const struct tcmu_entry *entry)
{
    for (uint32_t i = 0; i < entry->id_count; i++)
        abort_id(door, tcmu_ring_id(&door->ring, entry, i));
    if (entry->function < sizeof attentions / sizeof attentions[0] && attentions[entry->function])
        begin_round(door, attentions[entry->function]);
}

void tcmu_commands_abort(struct tcmu_door *door, uint32_t round)
{
    for (uint32_t i = 0; i < door->made; i++)
        if (door->commands[i].running &&
            spd_request_is_before(&door->commands[i].request, round))
            abort_command(&door->commands[i]);
}

bool tcmu_commands_change(const struct tcmu_door *door)
{
    for (uint32_t i = 0; i < door->made; i++) {
        const struct tcmu_command *command = &door->commands[i];

        if (command->running && command->aborted && !spd_request_is_left(&command->request))
            return true;
    }
    return false;
}

void tcmu_commands_cancel(struct tcmu_door *door)
{
    for (uint32_t i = 0; i < door->made; i++)
        abort_command(&door->commands[i]);
}

/* Receiving. */

void tcmu_commands_fail(struct tcmu_door *door, const char *why)
{
    if (door->failed)
        return;
    door->failed = true;
    spd_unit_fail(door->door.unit,
        spd_fail(SPD_ERROR_SYSTEM, "tcmu:%s: %s", door->target.name, why));
}

bool tcmu_commands_receive(struct tcmu_door *door)
{
    struct tcmu_command *command;

    for (int i = 0; i < TCMU_COMMANDS_PER_TURN; i++) {
        struct tcmu_entry entry = { .vec_room = door->vec_room };

        command = take(door);
        if (!command)
            return false;
        entry.vecs = command->vecs;
        switch (tcmu_ring_next(&door->ring, &entry)) {
        case TCMU_IS_COMMAND:
            run(command, &entry);
            break;
        case TCMU_IS_TASKS:
            give_back(command);
            manage_tasks(door, &entry);
            break;
        case TCMU_IS_BROKEN:
            give_back(command);
            tcmu_commands_fail(door, "the kernel's ring has an entry that makes no sense");
            return false;
        case TCMU_NOTHING:
            give_back(command);
            return false;
        }
    }
    return true;
}

/* Memory. Most of it is never touched. */

int tcmu_commands_make(struct tcmu_door *door)
{
    uint32_t block = spd_unit_params_here(door->door.unit)->block_length;
    size_t data = door->ring.size - door->ring.begin - door->ring.length;

    if (data > SPD_COMMAND_MAX)
        data = SPD_COMMAND_MAX;
    door->vec_room = (uint32_t)(data / PAGE) + 1;
    door->stride = (door->vec_room + 1) * sizeof(struct scsi_vec) + block;
    door->stride = (door->stride + PAGE - 1) / PAGE * PAGE;
    door->buffers = os_pages_alloc(TCMU_COMMANDS * door->stride);
    door->commands = os_pages_alloc(TCMU_COMMANDS * sizeof *door->commands);
    if (!door->buffers || !door->commands)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for the commands of the tcmu: door");
    return 0;
}

void tcmu_commands_free(struct tcmu_door *door)
{
    for (uint32_t i = 0; i < door->made; i++)
        spd_request_free(&door->commands[i].request);
    if (door->commands)
        os_pages_free(door->commands, TCMU_COMMANDS * sizeof *door->commands);
    if (door->buffers)
        os_pages_free(door->buffers, TCMU_COMMANDS * door->stride);
}
