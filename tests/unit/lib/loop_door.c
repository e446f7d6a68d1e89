/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "loop_door.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/uri.h"
#include "os/os.h"

struct loop_door {
    struct spd_door base;
    struct scsi_port port;
    struct scsi_nexus nexus;
    uint64_t lun;
    os_mutex owner; /* a real door has one thread for start, mapped and cancel of a command */
    os_mutex lock;  /* guards the rest */
    os_cond changed;
    struct loop_command *commands;
    struct loop_work *work;
    struct spd_request *later, **later_end;
    os_thread turns; /* goes on with those */
    unsigned in_flight;
    unsigned starting; /* threads within loop_start() */
    bool running;
    uint32_t reported; /* round of task management */
    uint64_t blocks; /* when the door was told of a resize last */
    unsigned resizes;
    bool turning; /* the thread runs */
    bool hold_turns;
    unsigned given_way;
};

static void loop_look(struct spd_door *door);

int loop_open_error, loop_start_error, loop_open_count;
const char *loop_uri = "loop:canonical";
void (*loop_start_hook)(spd_unit *unit);

static struct loop_command *command_of(struct spd_request *request)
{
    return (struct loop_command *)request;
}

static bool loop_map(struct spd_request *request)
{
    struct loop_command *command = command_of(request);

    command->maps++;
    request->task.data = command->vec;
    request->task.data_count = command->vec_count;
    command->map_waits = command->defer_map;
    return !command->defer_map;
}

/* The lock is held. */
static void leave(struct loop_door *door, struct loop_command *command)
{
    if (command->listed) {
        command->listed = false;
        if (command->next)
            command->next->previous = command->previous;
        if (command->previous)
            command->previous->next = command->next;
        else
            door->commands = command->next;
    }
    door->in_flight--;
    os_cond_broadcast(&door->changed);
}

static void loop_later(struct spd_request *request)
{
    struct loop_door *door = command_of(request)->door;

    os_mutex_lock(&door->lock);
    request->next = NULL;
    door->given_way++;
    *door->later_end = request;
    door->later_end = &request->next;
    os_cond_broadcast(&door->changed);
    os_mutex_unlock(&door->lock);
}

static void turns_main(void *argument)
{
    struct loop_door *door = argument;

    os_mutex_lock(&door->lock);
    while (door->turning) {
        struct spd_request *request = door->later;

        if (!request || door->hold_turns) {
            os_cond_wait(&door->changed, &door->lock);
            continue;
        }
        door->later = request->next;
        if (!door->later)
            door->later_end = &door->later;
        os_mutex_unlock(&door->lock);
        os_mutex_lock(&door->owner);
        if (!spd_request_go_on(request))
            abort();
        os_mutex_unlock(&door->owner);
        os_mutex_lock(&door->lock);
    }
    os_mutex_unlock(&door->lock);
}

unsigned loop_turns(struct loop_door *door)
{
    unsigned count;

    os_mutex_lock(&door->lock);
    count = door->given_way;
    os_mutex_unlock(&door->lock);
    return count;
}

void loop_hold_turns(struct loop_door *door, bool hold)
{
    os_mutex_lock(&door->lock);
    door->hold_turns = hold;
    os_cond_broadcast(&door->changed);
    os_mutex_unlock(&door->lock);
}

static void end_turns(struct loop_door *door)
{
    bool turning;

    os_mutex_lock(&door->lock);
    turning = door->turning;
    door->turning = false;
    os_cond_broadcast(&door->changed);
    os_mutex_unlock(&door->lock);
    if (turning)
        os_thread_join(door->turns);
}

static void loop_done(struct spd_request *request)
{
    struct loop_command *command = command_of(request);
    struct loop_door *door = command->door;

    os_mutex_lock(&door->lock);
    atomic_fetch_add(&command->dones, 1);
    leave(door, command);
    os_mutex_unlock(&door->lock);
    loop_look(&door->base);
}

static const struct spd_request_ops request_ops = {
    .map = loop_map, .later = loop_later, .done = loop_done
};
/* The functions for commands on lent threads. */
static const struct spd_request_ops served_request_ops = { .map = loop_map, .done = loop_done };

/* False when the door has stopped. */
static bool begin_start(struct loop_door *door, struct loop_command *command)
{
    struct scsi_task *task = &command->request.task;
    bool running;

    os_mutex_lock(&door->lock);
    running = door->running;
    if (running) {
        door->starting++;
        door->in_flight++;
    }
    os_mutex_unlock(&door->lock);
    if (!running)
        return false;

    command->door = door;
    command->request.unit = door->base.unit;
    command->request.ops = door->base.ops->serve ? &served_request_ops : &request_ops;
    task->unit = spd_unit_scsi(door->base.unit);
    task->nexus = command->nexus ? command->nexus : &door->nexus;
    return true;
}

static void end_start(struct loop_door *door, struct loop_command *command)
{
    os_mutex_lock(&door->lock);
    if (!atomic_load(&command->dones)) { /* on its way to done, so it can be cancelled */
        command->listed = true;
        command->previous = NULL;
        command->next = door->commands;
        if (command->next)
            command->next->previous = command;
        door->commands = command;
    }
    door->starting--;
    os_cond_broadcast(&door->changed);
    os_mutex_unlock(&door->lock);
}

bool loop_start(struct loop_door *door, struct loop_command *command, const uint8_t *cdb,
    uint8_t cdb_length, enum scsi_direction direction, uint64_t expected)
{
    struct scsi_task *task = &command->request.task;

    if (!begin_start(door, command))
        return false;
    memset(task->cdb, 0, sizeof task->cdb);
    memcpy(task->cdb, cdb, cdb_length);
    task->cdb_length = cdb_length;
    task->expected_direction = (uint8_t)direction;
    task->expected_length = expected;
    spd_request_start(&command->request);
    end_start(door, command);
    return true;
}

bool loop_start_block(
    struct loop_door *door, struct loop_command *command, const struct scsi_block *block)
{
    if (!begin_start(door, command))
        return false;
    spd_request_start_block(&command->request, block);
    end_start(door, command);
    return true;
}

void loop_mapped(struct loop_command *command)
{
    struct loop_door *door = command->door;

    os_mutex_lock(&door->owner);
    if (!command->cancelled) {
        command->map_waits = false;
        spd_request_mapped(&command->request);
    }
    os_mutex_unlock(&door->owner);
}

bool loop_cancel(struct loop_command *command)
{
    struct loop_door *door = command->door;
    bool before, now;

    os_mutex_lock(&door->owner);
    before = command->cancelled;
    now = !before && spd_request_cancel(&command->request);
    if (now) {
        os_mutex_lock(&door->lock);
        command->cancelled = true;
        leave(door, command);
        os_mutex_unlock(&door->lock);
    }
    os_mutex_unlock(&door->owner);
    return before || now;
}

uint8_t loop_wait(struct loop_command *command)
{
    struct loop_door *door = command->door;

    os_mutex_lock(&door->lock);
    while (command->pinned || (!atomic_load(&command->dones) && !command->cancelled))
        os_cond_wait(&door->changed, &door->lock);
    os_mutex_unlock(&door->lock);
    if (!command->cancelled)
        spd_request_release(&command->request);
    return command->request.task.status;
}

unsigned loop_in_flight(struct loop_door *door)
{
    unsigned count;

    os_mutex_lock(&door->lock);
    count = door->in_flight;
    os_mutex_unlock(&door->lock);
    return count;
}

static bool start_rw(struct loop_door *door, struct loop_command *command, uint8_t opcode,
    enum scsi_direction direction, void *buffer, uint64_t lba, uint32_t blocks, uint32_t length)
{
    uint8_t cdb[16] = { opcode };

    for (int i = 0; i < 8; i++)
        cdb[2 + i] = (uint8_t)(lba >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        cdb[10 + i] = (uint8_t)(blocks >> (24 - 8 * i));
    if (!command->vec_count) {
        command->vec[0] = (struct scsi_vec){ buffer, (size_t)blocks * length };
        command->vec_count = 1;
    }
    return loop_start(door, command, cdb, sizeof cdb, direction, (uint64_t)blocks * length);
}

bool loop_start_read(struct loop_door *door, struct loop_command *command, void *buffer,
    uint64_t lba, uint32_t blocks, uint32_t block_length)
{
    return start_rw(door, command, 0x88, SCSI_DATA_IN, buffer, lba, blocks, block_length);
}

bool loop_start_write(struct loop_door *door, struct loop_command *command, void *buffer,
    uint64_t lba, uint32_t blocks, uint32_t block_length)
{
    return start_rw(door, command, 0x8a, SCSI_DATA_OUT, buffer, lba, blocks, block_length);
}

static struct spd_door *last_opened[64];

struct loop_door *loop_door_of(spd_unit *unit)
{
    for (size_t i = 0; i < sizeof last_opened / sizeof last_opened[0]; i++) {
        if (last_opened[i] && last_opened[i]->unit == unit)
            return (struct loop_door *)last_opened[i];
    }
    return NULL;
}

struct loop_door *loop_door_last(spd_unit *unit)
{
    struct spd_door *last = NULL;

    for (size_t i = 0; i < sizeof last_opened / sizeof last_opened[0]; i++) {
        if (last_opened[i] && last_opened[i]->unit == unit)
            last = last_opened[i];
    }
    return (struct loop_door *)last;
}

static int loop_open(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **door)
{
    static const char *const none[] = { NULL };
    struct loop_door *loop;
    int error = spd_uri_check_query(uri, none);
    size_t slot = 0;

    if (!error && loop_open_error) {
        error = spd_fail(loop_open_error, "as asked");
        loop_open_error = 0;
    }
    if (error)
        return error;
    loop = calloc(1, sizeof *loop);
    loop->base.uri = strdup(loop_uri);
    loop->port.luns = &loop->lun;
    loop->port.lun_count = 1;
    scsi_nexus_init(&loop->nexus, spd_unit_scsi(unit), &loop->port);
    os_mutex_init(&loop->owner);
    os_mutex_init(&loop->lock);
    os_cond_init(&loop->changed);
    loop->later_end = &loop->later;
    while (last_opened[slot])
        slot++;
    last_opened[slot] = &loop->base;
    loop_open_count++;
    *door = &loop->base;
    return 0;
}

static int loop_start_door(struct spd_door *door)
{
    static const uint8_t test_unit_ready[6];
    struct loop_door *loop = (struct loop_door *)door;
    struct loop_command command = { 0 };
    int error = loop_start_error;

    loop_start_error = 0;
    if (error)
        return spd_fail(error, "as asked");
    loop->turning = true;
    if (os_thread_create(&loop->turns, "turns", turns_main, loop))
        abort();
    loop->running = true;
    loop_start(loop, &command, test_unit_ready, 6, SCSI_NO_DATA, 0);
    loop_wait(&command);
    if (loop_start_hook)
        loop_start_hook(door->unit);
    loop_start_hook = NULL;
    return 0;
}

/* It aborts nothing of its own accord: a round has ended when nothing is in flight. */
static void loop_look(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;
    uint32_t round = spd_round(door);
    bool ended;

    os_mutex_lock(&loop->lock);
    ended = loop->in_flight == 0 && loop->reported != round;
    if (ended)
        loop->reported = round;
    os_mutex_unlock(&loop->lock);
    if (ended)
        spd_round_report(door, round);
}

static void loop_stop(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;

    os_mutex_lock(&loop->lock);
    loop->running = false;
    os_cond_broadcast(&loop->changed);
    os_mutex_unlock(&loop->lock);
}

static void loop_resized(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;

    os_mutex_lock(&loop->lock);
    loop->blocks = spd_unit_block_count(door->unit);
    loop->resizes++;
    os_mutex_unlock(&loop->lock);
}

unsigned loop_resizes(struct loop_door *door, uint64_t *blocks)
{
    unsigned count;

    os_mutex_lock(&door->lock);
    count = door->resizes;
    *blocks = door->blocks;
    os_mutex_unlock(&door->lock);
    return count;
}

bool loop_lend(struct loop_door *door, struct loop_work *work)
{
    bool running;

    os_mutex_lock(&door->lock);
    running = door->running;
    if (running) {
        work->next = door->work;
        door->work = work;
        os_cond_broadcast(&door->changed);
    }
    os_mutex_unlock(&door->lock);
    return running;
}

static void loop_serve(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;
    struct loop_work *work;

    os_mutex_lock(&loop->lock);
    while (loop->running || loop->work) {
        work = loop->work;
        if (!work) {
            os_cond_wait(&loop->changed, &loop->lock);
            continue;
        }
        loop->work = work->next;
        os_mutex_unlock(&loop->lock);
        work->call(work);
        os_mutex_lock(&loop->lock);
    }
    os_mutex_unlock(&loop->lock);
}

/* The lock is held. */
static struct loop_command *next_to_try(struct loop_door *loop)
{
    struct loop_command *command = loop->commands;

    while (command && command->tried)
        command = command->next;
    if (command) {
        command->tried = true;
        command->pinned = true;
    }
    return command;
}

static void loop_join(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;
    struct loop_command *command;

    os_mutex_lock(&loop->lock);
    while (loop->starting)
        os_cond_wait(&loop->changed, &loop->lock);
    while ((command = next_to_try(loop))) {
        os_mutex_unlock(&loop->lock);
        loop_cancel(command);
        os_mutex_lock(&loop->lock);
        command->pinned = false;
        os_cond_broadcast(&loop->changed);
    }
    while (loop->in_flight)
        os_cond_wait(&loop->changed, &loop->lock);
    os_mutex_unlock(&loop->lock);
    end_turns(loop);
}

static void loop_close(struct spd_door *door)
{
    struct loop_door *loop = (struct loop_door *)door;

    for (size_t i = 0; i < sizeof last_opened / sizeof last_opened[0]; i++) {
        if (last_opened[i] == door)
            last_opened[i] = NULL;
    }
    loop_open_count--;
    os_cond_destroy(&loop->changed);
    os_mutex_destroy(&loop->lock);
    os_mutex_destroy(&loop->owner);
    free(loop);
}

static const struct spd_door_ops loop_ops = {
    .scheme = "loop",
    .synopsis = "loop:NAME",
    .open = loop_open,
    .start = loop_start_door,
    .look = loop_look,
    .resized = loop_resized,
    .stop = loop_stop,
    .join = loop_join,
    .close = loop_close,
};

static const struct spd_door_ops served_ops = {
    .scheme = "served",
    .synopsis = "served:NAME",
    .open = loop_open,
    .start = loop_start_door,
    .serve = loop_serve,
    .look = loop_look,
    .stop = loop_stop,
    .join = loop_join,
    .close = loop_close,
};

const struct spd_door_ops *const spd_doors[] = { &loop_ops, &served_ops, NULL };
