/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "play.h"

#include <stdlib.h>

#include "ioq/batch.h"
#include "shim.h"

enum {
    PROGRAMS = 3,
    ASKS = 12,
    SRBS = 12,
    UNITS = 4,
    LIFETIMES = 16,
    TRANSFER = 2048,
    SRB_DATA = 8192,
    BLOCK = sizeof(SPD_IOCTL_TRANSACT_PARAMS),
    DEPTH = 3, /* steps within each other */
    BATCH = 3, /* entries */
    BATCH_ROOM = sizeof(SPD_IOCTL_BATCH_PARAMS) +
        BATCH * (sizeof(SPD_IOCTL_BATCH_ENTRY) + TRANSFER),
};

struct ask {
    bool used, batch;
    PIRP irp;
    UINT32 btl;
    unsigned program;
    UCHAR out[BATCH_ROOM];
};

struct play {
    const uint8_t *bytes, *end;
    struct { PEPROCESS process; bool exiting; } programs[PROGRAMS];
    unsigned owners[16]; /* programs that have provisioned */
    PIRP lifetimes[LIFETIMES]; /* of those programs, and of those that were */
    struct ask asks[ASKS];
    struct { SPD_IOCTL_TRANSACT_REQ req; UINT32 btl; unsigned program; bool fresh; } taken[ASKS];
    struct shim_srb srbs[SRBS];
    bool used[SRBS];
    UCHAR *data[SRBS];
    DEVICE_OBJECT disks[UNITS];
    bool ticking;
    unsigned depth;
    int places; /* after which the next step comes in between; negative: none does */
};

static uint8_t next(struct play *play)
{
    return play->bytes < play->end ? *play->bytes++ : 0;
}

/* As many as there are; the rest is zero. */
static void next_bytes(struct play *play, void *to, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)to)[i] = next(play);
}

static void program_start(struct play *play, unsigned i)
{
    SPD_IOCTL_LIFETIME_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIFETIME } };

    play->programs[i].process = shim_process(100 + i);
    for (unsigned j = 0; j < LIFETIMES; j++) {
        if (play->lifetimes[j])
            continue;
        play->programs[i].process->user = 1 + i / 2; /* two of the first, one of the second */
        play->lifetimes[j] =
            shim_ioctl_begin(play->programs[i].process, &block, sizeof block, NULL, 0);
        return;
    }
}

static void remember(struct play *play, unsigned slot, const struct ask *ask, const void *req)
{
    memcpy(&play->taken[slot].req, req, sizeof play->taken[slot].req);
    play->taken[slot].btl = ask->btl;
    play->taken[slot].program = ask->program;
    play->taken[slot].fresh = true;
}

/* A batch is as the driver says: the rest of the world relies on that. */
static void remember_batch(
    struct play *play, unsigned slot, const struct ask *ask, ULONG length)
{
    const SPD_IOCTL_BATCH_PARAMS *head = (const SPD_IOCTL_BATCH_PARAMS *)ask->out;
    struct ioq_entry *entry = (struct ioq_entry *)(ask->out + sizeof *head);

    if (!length)
        return;
    if (length > BATCH_ROOM || !head->Count || head->Count > BATCH ||
        !ioq_batch_check(entry, length - sizeof *head, head->Count))
        abort();
    for (UINT32 i = 0; i < head->Count; i++, entry = ioq_entry_next(entry))
        if (((SPD_IOCTL_BATCH_ENTRY *)entry)->Dir.Req.Hint)
            remember(play, (slot + i) % ASKS, ask, entry->body);
}

/* Remembers the requests that the transactions brought, to answer them. */
static void collect(struct play *play)
{
    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *ask = &play->asks[i];
        ULONG length = 0;

        if (!ask->irp || !shim_ioctl_done(ask->irp))
            continue;
        if (NT_SUCCESS(shim_ioctl_end(ask->irp, &length))) {
            if (ask->batch)
                remember_batch(play, i, ask, length);
            else
                remember(play, i, ask, &((SPD_IOCTL_TRANSACT_PARAMS *)ask->out)->Dir.Req);
        }
        ask->irp = NULL;
        ask->used = false;
    }
    for (unsigned i = 0; i < SRBS; i++) {
        if (!play->used[i] || !play->srbs[i].done)
            continue;
        shim_srb_free(&play->srbs[i]);
        free(play->data[i]);
        play->used[i] = false;
    }
    for (unsigned i = 0; i < LIFETIMES; i++) {
        if (!play->lifetimes[i] || !shim_ioctl_done(play->lifetimes[i]))
            continue;
        shim_ioctl_end(play->lifetimes[i], NULL);
        play->lifetimes[i] = NULL;
    }
}

static void program_exit(struct play *play, unsigned i)
{
    play->programs[i].exiting = true;
    shim_process_exit(play->programs[i].process);
    play->programs[i].exiting = false;
    collect(play);
}

static void program_restart(struct play *play, unsigned i)
{
    if (play->programs[i].exiting)
        return;
    program_exit(play, i);
    program_start(play, i);
}

static void provision(struct play *play, unsigned program)
{
    SPD_IOCTL_PROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_PROVISION } };
    SPD_IOCTL_STORAGE_UNIT_PARAMS *params = &block.Dir.Par.StorageUnitParams;
    uint8_t flags = next(play);

    params->Guid.Data1 = 1 + next(play) % UNITS;
    if (flags & 0x20) /* as each time: what a program that comes back says */
        flags = (uint8_t)(0x0e | (params->Guid.Data1 & 1) << 4);
    params->BlockCount = 64;
    params->BlockLength = 512;
    params->MaxTransferLength = flags & 0x08 ? TRANSFER : 512;
    params->WriteProtected = flags & 0x01;
    params->CacheSupported = flags >> 1 & 1;
    params->UnmapSupported = flags >> 2 & 1;
    params->Reserved[0] = (flags & 0x10 ? 3 : 0) |
        (flags & 0x40 ? SPD_IOCTL_MODERN_PROFILE : 0);
    if (flags > 0xe0)
        next_bytes(play, params, sizeof *params);
    if (NT_SUCCESS(shim_ioctl(play->programs[program].process, &block, sizeof block, &block,
            sizeof block, NULL)))
        play->owners[SPD_IOCTL_BTL_T(block.Dir.Ret.Btl)] = program;
}

static void unprovision(struct play *play, unsigned program)
{
    SPD_IOCTL_UNPROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_UNPROVISION } };

    block.Dir.Par.Guid.Data1 = 1 + next(play) % UNITS;
    shim_ioctl(play->programs[program].process, &block, sizeof block, NULL, 0, NULL);
}

static void redirect(struct play *play, unsigned program)
{
    SPD_IOCTL_SET_TRANSACT_PID_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_SET_TRANSACT_PID },
    };

    block.Btl = SPD_IOCTL_BTL(0, next(play) % UNITS, 0);
    block.ProcessId = 100 + next(play) % (PROGRAMS + 1);
    shim_ioctl(play->programs[program].process, &block, sizeof block, NULL, 0, NULL);
}

/* The request to answer, from this place on: one that was not answered yet, or this one. */
static unsigned to_answer(const struct play *play, unsigned from)
{
    for (unsigned i = 0; i < ASKS; i++)
        if (play->taken[(from + i) % ASKS].fresh)
            return (from + i) % ASKS;
    return from;
}

/* flags: 1 asks, 2 answers, 4 with data, 8 with a bad status or kind, 16 (and no higher) with
 * garbage. Program: the number of one; any other: the unit's. */
static void transact(struct play *play, unsigned program, uint8_t flags)
{
    UCHAR in[BLOCK + TRANSFER] = { 0 };
    SPD_IOCTL_TRANSACT_PARAMS *block = (SPD_IOCTL_TRANSACT_PARAMS *)in;
    unsigned slot = next(play) % ASKS, from = next(play) % ASKS;
    struct ask *ask = &play->asks[slot];
    ULONG length = BLOCK;

    if (ask->used)
        return;
    ask->used = true;
    ask->batch = false;
    block->Base = (SPD_IOCTL_BASE_PARAMS){ BLOCK, SPD_IOCTL_TRANSACT };
    block->Btl = SPD_IOCTL_BTL(0, next(play) % UNITS, 0);
    block->ReqValid = flags & 1;
    block->RspValid = flags >> 1 & 1;
    block->DataBuffer = 1;
    if (program >= PROGRAMS)
        program = play->owners[SPD_IOCTL_BTL_T(block->Btl)];
    if (flags & 2) {
        from = to_answer(play, from);
        play->taken[from].fresh = false;
        block->Btl = play->taken[from].btl;
        program = play->taken[from].program;
        block->Dir.Rsp.Hint = play->taken[from].req.Hint;
        block->Dir.Rsp.Kind = play->taken[from].req.Kind;
        length += flags & 4 ? TRANSFER : 0;
        if (!(flags & 4))
            block->DataBuffer = flags & 1;
        if (flags & 8)
            block->Dir.Rsp.Status.ScsiStatus = next(play);
    }
    if (flags >> 4 == 1)
        next_bytes(play, &block->Btl, BLOCK - sizeof block->Base);
    ask->btl = block->Btl;
    ask->program = program;
    ask->irp = shim_ioctl_begin(
        play->programs[program].process, in, length, ask->out, BLOCK + TRANSFER);
}

/* Adds the answers that are due for that unit, with or without data, or with a bad status. */
static ULONG add_answers(struct play *play, UCHAR *entries, UINT32 btl, unsigned count)
{
    struct ioq_batch batch = { .base = entries, .room = BATCH_ROOM };

    for (unsigned i = 0; i < ASKS && batch.count < count; i++) {
        uint8_t what = next(play);
        SPD_IOCTL_BATCH_ENTRY *entry;

        if (!play->taken[i].fresh || play->taken[i].btl != btl)
            continue;
        play->taken[i].fresh = what > 0xf0;
        entry = (SPD_IOCTL_BATCH_ENTRY *)ioq_batch_add(&batch, what & 1 ? TRANSFER : 0);
        entry->Dir.Rsp.Hint = play->taken[i].req.Hint;
        entry->Dir.Rsp.Kind = (UINT8)(play->taken[i].req.Kind ^ (what % 16 == 15));
        entry->Dir.Rsp.Status.ScsiStatus = what % 16 == 14 ? 2 : 0;
    }
    return (ULONG)batch.used;
}

/* flags: 3 how many are wanted, 0xc how many are answered, 0x30 room, 0xc0 (both) garbage. */
static void batch(struct play *play, unsigned program, uint8_t flags)
{
    UCHAR in[BATCH_ROOM] = { 0 };
    SPD_IOCTL_BATCH_PARAMS *head = (SPD_IOCTL_BATCH_PARAMS *)in;
    struct ask *ask = &play->asks[next(play) % ASKS];
    ULONG room = BATCH_ROOM - (flags >> 4 & 3) * 800, length;

    if (ask->used)
        return;
    ask->used = true;
    ask->batch = true;
    head->Base = (SPD_IOCTL_BASE_PARAMS){ sizeof *head, SPD_IOCTL_BATCH };
    head->Btl = SPD_IOCTL_BTL(0, next(play) % UNITS, 0);
    head->Wanted = flags & 3;
    length = add_answers(play, in + sizeof *head, head->Btl, flags >> 2 & 3);
    for (ULONG at = 0; at < length; at += (ULONG)ioq_entry_size(
             ((struct ioq_entry *)(in + sizeof *head + at))->length))
        head->Count++;
    length += sizeof *head;
    if (flags >> 6 == 3)
        next_bytes(play, in + 8 + next(play) % 72, 1 + next(play) % 8);
    if (program >= PROGRAMS)
        program = play->owners[SPD_IOCTL_BTL_T(head->Btl) % 16];
    ask->btl = head->Btl;
    ask->program = program;
    ask->irp = shim_ioctl_begin(play->programs[program].process, in, length, ask->out, room);
}

/* A command that reaches the program, of what the bytes said: near the start of the medium. */
static void make_usual(UCHAR *cdb, UCHAR *data, ULONG length)
{
    static const UCHAR usual[] = { 0x88, 0x8a, 0x91, 0x42, 0x89, 0x93, 0x8f, 0x28 };
    UCHAR opcode = usual[cdb[0] % 8], lba = cdb[9] % 64, blocks = cdb[13] % 16;

    memset(cdb, 0, 16);
    cdb[0] = opcode;
    if (opcode == 0x42) {
        UCHAR list[24] = { 0, 22, 0, 16, [15] = lba, [19] = blocks };

        cdb[8] = sizeof list;
        memcpy(data, list, length < sizeof list ? length : sizeof list);
    } else if (opcode == 0x28) {
        cdb[5] = lba;
        cdb[8] = blocks;
    } else {
        cdb[9] = lba;
        cdb[13] = blocks;
    }
}

/* flags: 1 a long CDB, 2 data-in, 4 (without 0x80) ordered, 8 a LUN, 0x10 (without 0x40) another
 * function than a command, 0x20 a command that the program sees. */
static void send(struct play *play, uint8_t flags)
{
    static const UCHAR functions[] = { SRB_FUNCTION_EXECUTE_SCSI, SRB_FUNCTION_FLUSH,
        SRB_FUNCTION_SHUTDOWN, SRB_FUNCTION_ABORT_COMMAND, SRB_FUNCTION_RESET_BUS,
        SRB_FUNCTION_RESET_DEVICE, SRB_FUNCTION_RESET_LOGICAL_UNIT, SRB_FUNCTION_PNP };
    unsigned slot = next(play) % SRBS;
    struct shim_srb *box = &play->srbs[slot];
    ULONG length = (ULONG)next(play) << 5;
    bool command = (flags & 0x50) != 0x10;
    UCHAR cdb[16];

    if (play->used[slot])
        return;
    shim_srb_init(box, command ? 0 : functions[next(play) % 8], next(play) % UNITS);
    next_bytes(play, cdb, sizeof cdb);
    play->data[slot] = malloc(length ? length : 1);
    memset(play->data[slot], flags, length);
    if (flags & 0x20)
        make_usual(cdb, play->data[slot], length);
    play->used[slot] = true;
    shim_srb_cdb(box, cdb, flags & 1 ? 16 : 10,
        flags & 2 ? SRB_FLAGS_DATA_IN : SRB_FLAGS_DATA_OUT, length ? play->data[slot] : NULL,
        length);
    if ((flags & 0x84) == 4) {
        box->srb.SrbFlags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
        box->srb.QueueAction =
            flags & 0x40 ? SRB_HEAD_OF_QUEUE_TAG_REQUEST : SRB_ORDERED_QUEUE_TAG_REQUEST;
    }
    box->srb.Lun = flags & 8 ? next(play) % 2 : 0;
    if (box->srb.Function == SRB_FUNCTION_ABORT_COMMAND)
        box->srb.NextSrb = &play->srbs[next(play) % SRBS].srb;
    if (box->srb.Function == SRB_FUNCTION_PNP) {
        ((SCSI_PNP_REQUEST_BLOCK *)&box->srb)->PnPAction = next(play) % 2 + StorQueryCapabilities;
        ((SCSI_PNP_REQUEST_BLOCK *)&box->srb)->SrbPnPFlags = next(play) % 4;
    }
    shim_srb_send(box);
}

static void garbage(struct play *play, unsigned program)
{
    UCHAR in[160], out[160];
    ULONG length = next(play) % (sizeof in + 1), room = next(play) % (sizeof out + 1);

    next_bytes(play, in, length);
    shim_ioctl(play->programs[program].process, in, length, out, room, NULL);
}

static void list(struct play *play, unsigned program, uint8_t room)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };
    UINT32 btls[16];

    shim_ioctl(play->programs[program].process, &block, sizeof block, btls,
        room % sizeof btls, NULL);
}

static void tick(struct play *play, unsigned seconds)
{
    if (play->ticking)
        return; /* the clock does not run within itself */
    play->ticking = true;
    shim_seconds(seconds);
    play->ticking = false;
}

static void plug_and_play(struct play *play, uint8_t flags)
{
    static const UCHAR minors[] = { IRP_MN_START_DEVICE, IRP_MN_START_DEVICE,
        IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL, IRP_MN_QUERY_CAPABILITIES, 0x7f };
    DEVICE_OBJECT adapter = { .DeviceType = FILE_DEVICE_CONTROLLER };
    DEVICE_OBJECT *disk = &play->disks[flags % UNITS];
    DEVICE_CAPABILITIES capabilities;
    IRP irp = { .stack.MinorFunction = minors[(flags >> 3) % ARRAYSIZE(minors)] };

    if (irp.stack.MinorFunction == IRP_MN_QUERY_CAPABILITIES)
        irp.stack.Parameters.DeviceCapabilities.Capabilities = &capabilities;
    disk->DeviceType = FILE_DEVICE_DISK;
    disk->target = flags % UNITS;
    shim.driver.MajorFunction[IRP_MJ_PNP](flags & 4 ? &adapter : disk, &irp);
}

static void adapter_control(struct play *play, uint8_t flags)
{
    union {
        SCSI_SUPPORTED_CONTROL_TYPE_LIST list;
        UCHAR bytes[sizeof(SCSI_SUPPORTED_CONTROL_TYPE_LIST) + ScsiAdapterControlMax];
    } types = { .list.MaxControlType = ScsiAdapterControlMax };

    (void)play;
    shim.entries.HwAdapterControl(shim.adapter, flags % ScsiAdapterControlMax, &types);
}

/* As at a removal, but that the adapter is there again. */
static void adapter_goes(struct play *play)
{
    shim.entries.HwCompleteServiceIrp(shim.adapter);
    shim_control(ScsiRestartAdapter);
    for (unsigned i = 0; i < PROGRAMS; i++)
        program_restart(play, i);
}

/* The low four bits and the highest choose the step; 0x30: the program, 3 the unit's; 0x40: the
 * step after it comes in between. */
static void step(struct play *play)
{
    uint8_t what = next(play), flags = next(play);
    unsigned who = what >> 4 & 3, program = who % PROGRAMS;

    play->places = what & 0x40 ? next(play) % 16 : -1;
    switch ((what & 15) | (what >> 3 & 16)) {
    case 0: case 31: provision(play, program); break;
    case 1: unprovision(play, program); break;
    case 2: redirect(play, program); break;
    case 3: case 4: case 19: case 20: transact(play, who, 1); break;
    case 5: case 6: case 7: case 21: case 22: transact(play, program, (flags & 0xfd) | 2); break;
    case 23: case 24: case 29: case 30: batch(play, who, flags); break;
    case 11:
        if (play->asks[flags % ASKS].irp)
            shim_ioctl_cancel(play->asks[flags % ASKS].irp);
        else
            shim_ioctl_cancel_pending(flags);
        break;
    case 12: tick(play, flags % 8); break;
    case 13:
        if (flags % 8 == 1)
            program_restart(play, program);
        if (flags % 8 == 2)
            shim_process_kill(play->programs[program].process);
        break;
    case 14: garbage(play, program); break;
    case 15: shim.pool_fail_in = flags % 4; break;
    case 16: case 17: plug_and_play(play, flags); break;
    case 18: adapter_control(play, flags); break;
    case 25: shim_reset_bus(flags % 4); break;
    case 26: list(play, program, flags); break;
    case 27: shim.unmapped = flags % 8 == 1; break;
    case 28:
        if (flags > 0xf0)
            adapter_goes(play);
        break;
    default: send(play, flags); break;
    }
    play->places = -1;
    collect(play);
}

/* The step that runs on another processor meanwhile. */
static struct play *playing;

static void between(void)
{
    struct play *play = playing;

    if (play->places < 0 || play->places-- > 0 || play->depth == DEPTH)
        return;
    if (play->bytes == play->end)
        return;
    play->depth++;
    for (int steps = 1 + next(play) % 4; steps && play->bytes < play->end; steps--)
        step(play);
    play->depth--;
}

void shim_play(const uint8_t *bytes, size_t size)
{
    struct play *play = calloc(1, sizeof *play);

    play->bytes = bytes;
    play->end = bytes + size;
    shim_start(0, 5);
    for (unsigned i = 0; i < PROGRAMS; i++)
        program_start(play, i);
    playing = play;
    shim.released = between;
    while (play->bytes < play->end)
        step(play);
    shim.released = NULL;
    shim.pool_fail_in = 0;
    shim.unmapped = false;
    /* Nobody serves: in a bounded time everything ends. */
    shim_seconds(20);
    collect(play);
    for (unsigned i = 0; i < SRBS; i++)
        if (play->used[i])
            abort();
    for (unsigned i = 0; i < PROGRAMS; i++)
        program_exit(play, i);
    shim_stop();
    collect(play);
    free(play);
}
