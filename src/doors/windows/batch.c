/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Several requests of the driver with one call, and several answers.
 *
 * A call brings the requests that wait in the driver. The thread that makes it serves the first;
 * the others are for the threads that come for work next, or for itself. Calls are handed over one
 * at a time, so that a thread never waits in the driver for a request that another has just taken.
 * The functions of lead.h decide which thread asks for requests: a thread that does not lead sends
 * its answer alone.
 *
 * An answer goes with the call that asks for more. If requests are there already, a quick device is
 * called with the next one before its answer leaves, so all answers leave together. The answer of a
 * slow device leaves first.
 */

#include "doors/windows/windows.h"

#include <string.h>

#include "ioq/batch.h"

enum {
    WANTED = 16,        /* requests of a call */
    CROWDED = 8,        /* calls: the system makes a long buffer for each, which costs time */
};

typedef SPD_IOCTL_BATCH_ENTRY ENTRY;

_Static_assert(sizeof(ENTRY) == sizeof(struct ioq_entry), "one layout");

void windows_batches_init(struct windows_batches *batches)
{
    batches->room = 0;
    windows_queue_init(&batches->ready);
    windows_queue_init(&batches->taken);
}

static SPD_IOCTL_BATCH_PARAMS *head_of(struct windows_command *command)
{
    return (SPD_IOCTL_BATCH_PARAMS *)command->frame;
}

/* The length of a read's data, whose place is behind the head and the entry; 0: it brings none. */
static DWORD length_of(const struct windows_command *command)
{
    return windows_answer_has_data(command->message.Kind, &command->status)
        ? command->message.Op.Read.BlockCount * command->door->params.BlockLength : 0;
}

/* False: it does not fit. The carrier's own answer comes first; its data is already in place. */
static bool put_answer(struct ioq_batch *batch, struct windows_command *command)
{
    DWORD length = length_of(command);
    ENTRY *entry = (ENTRY *)ioq_batch_add(batch, length);

    if (!entry)
        return false;
    entry->Dir.Rsp = windows_answer(command->message.Hint, command->message.Kind,
        &command->status);
    if ((UCHAR *)(entry + 1) != windows_data(command))
        memcpy(entry + 1, windows_data(command), length);
    return true;
}

/* Fills the carrier's frame with its answer and the other ready answers, which go to `sent`. asks:
 * for requests as well. Returns its length. The lock is held. */
static DWORD fill(
    struct windows_command *carrier, bool answered, bool asks, struct windows_queue *sent)
{
    struct windows_batches *batches = &carrier->door->batches;
    SPD_IOCTL_BATCH_PARAMS *head = head_of(carrier);
    struct ioq_batch batch = { .base = (uint8_t *)(head + 1), .room = batches->room };

    *head = (SPD_IOCTL_BATCH_PARAMS){
        .Base = { sizeof *head, SPD_IOCTL_BATCH },
        .Btl = carrier->door->btl,
    };
    if (answered)
        put_answer(&batch, carrier);
    while (batches->ready.first && put_answer(&batch, batches->ready.first))
        windows_queue_put(sent, windows_queue_get(&batches->ready));
    head->Count = batch.count;
    /* A remaining answer must not wait for a request. */
    head->Wanted = !asks || batches->taken.first || batches->ready.first ? 0 : WANTED;
    return (DWORD)(sizeof *head + batch.used);
}

static void give_back_all(struct windows_queue *queue)
{
    while (queue->first)
        windows_command_give_back(windows_queue_get(queue));
}

static void begin(struct windows_command *command, const SPD_IOCTL_TRANSACT_REQ *request)
{
    command->message = *request;
    ZeroMemory(&command->status, sizeof command->status);
}

/* Moves an entry that is not the first into a command of its own. */
static DWORD take(struct windows_door *door, const ENTRY *entry)
{
    struct windows_command *command = windows_command_take(door);

    if (!command)
        return ERROR_NO_SYSTEM_RESOURCES;
    begin(command, &entry->Dir.Req);
    memcpy(windows_data(command), entry + 1, entry->Length);
    windows_queue_put(&door->batches.taken, command);
    return 0;
}

/* Unpacks an answer. The first request stays where it is; the others move out of its way. The
 * lock is held. */
static DWORD unpack(struct windows_command *carrier, DWORD got, bool *has_first)
{
    struct windows_door *door = carrier->door;
    const SPD_IOCTL_BATCH_PARAMS *head = head_of(carrier);
    struct ioq_entry *at = (struct ioq_entry *)(head + 1);
    DWORD error = 0;

    *has_first = false;
    if (got < sizeof *head)
        return 0;
    if (!ioq_batch_check(at, got - sizeof *head, head->Count))
        return ERROR_INVALID_DATA;
    for (UINT32 i = 0; i < head->Count && !error; i++, at = ioq_entry_next(at)) {
        const ENTRY *entry = (const ENTRY *)at;

        if (!entry->Dir.Req.Hint)
            continue;
        if (entry->Length > door->params.MaxTransferLength ||
            !windows_request_fits(door, &entry->Dir.Req, entry->Length))
            return ERROR_INVALID_DATA;
        if (i)
            error = take(door, entry);
        else
            *has_first = true;
    }
    if (*has_first)
        begin(carrier, &((const ENTRY *)(head + 1))->Dir.Req);
    return error;
}

/* The process has reached its bound of pending memory: from now on it asks for less. After an error
 * the lock is held. */
static bool asks_for_less(struct windows_batches *batches, DWORD error)
{
    if (error != ERROR_NO_SYSTEM_RESOURCES || batches->room == batches->least)
        return false;
    batches->room = batches->least;
    return true;
}

/* The length of the output buffer. The lock is held. */
static DWORD room_for(const struct windows_batches *batches, const SPD_IOCTL_BATCH_PARAMS *head)
{
    if (!head->Wanted)
        return 0;
    return (DWORD)sizeof *head + (batches->crowded ? batches->room : batches->least);
}

/* Requests wait that did not fit, or would not have fitted. The lock is held. */
static void note_crowd(
    struct windows_batches *batches, const SPD_IOCTL_BATCH_PARAMS *head, DWORD got)
{
    if (got < sizeof *head)
        return;
    if (head->Wanted || got - sizeof *head > batches->least)
        batches->crowded = CROWDED;
    else if (batches->crowded)
        batches->crowded--;
}

/* Hands the carrier's frame to the driver. The lock is held; if the call waits in the driver, the
 * lock is released and not taken again. */
static DWORD hand_over(struct windows_command *carrier, DWORD in, DWORD *got, bool *locked)
{
    struct windows_door *door = carrier->door;
    OVERLAPPED overlapped = { .hEvent = windows_unported(carrier->event) };
    DWORD out = room_for(&door->batches, head_of(carrier));
    bool asks = head_of(carrier)->Wanted;
    uint64_t began = os_now_ns();
    DWORD error;

    if (asks)
        windows_lead_leaves(&door->lead);
    error = windows_service_begin(door->handle, carrier->frame, in, out, &overlapped);
    windows_lead_note_driver(&door->lead, os_now_ns() - began);
    if (error == ERROR_IO_PENDING && !HasOverlappedIoCompleted(&overlapped)) {
        ReleaseSRWLockExclusive(&door->issuing);
        *locked = false;
    }
    error = windows_finish(door->handle, error, &overlapped, got);
    if (asks)
        windows_lead_returns(&door->lead);
    return error;
}

static void lock(struct windows_door *door, bool *locked)
{
    if (!*locked)
        AcquireSRWLockExclusive(&door->issuing);
    *locked = true;
}

/* A call that has waited usually brings this: its thread gets it at once. */
static bool is_alone(struct windows_command *carrier, DWORD got)
{
    const SPD_IOCTL_BATCH_PARAMS *head = head_of(carrier);

    return got >= sizeof *head && head->Count == 1 && !head->Wanted;
}

/* The lock is held, and after it as *locked says. */
static DWORD call(
    struct windows_command *carrier, bool answered, bool asks, bool *has_first, bool *locked)
{
    struct windows_door *door = carrier->door;
    struct windows_queue sent;
    DWORD in, got, error;

    windows_queue_init(&sent);
    *has_first = false;
    in = fill(carrier, answered, asks, &sent);
    error = hand_over(carrier, in, &got, locked);
    if (error || *locked || !is_alone(carrier, got))
        lock(door, locked);
    /* Answers that were taken with the first are ignored with the second. */
    if (asks_for_less(&door->batches, error)) {
        error = hand_over(carrier, in, &got, locked);
        lock(door, locked);
    }
    give_back_all(&sent);
    if (!error && *locked)
        note_crowd(&door->batches, head_of(carrier), got);
    return error ? error : unpack(carrier, got, has_first);
}

/* The lock is held. Answers that wait for the device must not wait for a slow one. */
static bool may_go_on(const struct windows_batches *batches, bool answered, bool quick)
{
    return batches->taken.first && (quick || (!answered && !batches->ready.first));
}

/* The lock is held, but not while it sleeps. Whether to ask for requests. */
static bool follow(struct windows_door *door)
{
    bool asks;

    ReleaseSRWLockExclusive(&door->issuing);
    asks = windows_lead_follow(&door->lead, GetCurrentThreadId());
    AcquireSRWLockExclusive(&door->issuing);
    return asks;
}

/* The lock is held, and after it as *locked says. */
static DWORD receive(
    struct windows_command **at, bool answered, bool quick, bool *got, bool *locked)
{
    struct windows_command *mine = *at;
    struct windows_door *door = mine->door;
    struct windows_batches *batches = &door->batches;
    bool asks = false;
    DWORD error;

    while (!door->stopped && !may_go_on(batches, answered, quick)) {
        asks = asks || windows_lead_asks(&door->lead, GetCurrentThreadId());
        if (!asks && !answered && !batches->ready.first) {
            asks = follow(door);
            continue;
        }
        error = call(mine, answered, asks, got, locked);
        if (error || *got || !*locked)
            return error;
        if (asks && !batches->taken.first)
            return 0;
        answered = false;
    }
    if (door->stopped)
        return ERROR_OPERATION_ABORTED;
    *at = windows_queue_get(&batches->taken);
    *got = true;
    if (answered)
        windows_queue_put(&batches->ready, mine);
    else
        windows_command_give_back(mine);
    return 0;
}

DWORD windows_batch_receive(struct windows_command **command, bool answered, bool *got)
{
    struct windows_door *door = (*command)->door;
    uint64_t took = answered ? os_now_ns() - (*command)->since : 0;
    bool quick = answered && took < WINDOWS_LEAD_QUICK_NS;
    bool locked = false;
    DWORD error;

    lock(door, &locked);
    if (answered)
        windows_lead_note_device(&door->lead, took);
    error = receive(command, answered, quick, got, &locked);
    if (error) {
        /* No client waits for these any more. */
        lock(door, &locked);
        give_back_all(&door->batches.ready);
        give_back_all(&door->batches.taken);
        windows_lead_end(&door->lead);
    }
    if (locked)
        ReleaseSRWLockExclusive(&door->issuing);
    (*command)->since = os_now_ns();
    return error;
}
