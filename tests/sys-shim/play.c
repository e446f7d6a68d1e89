/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "play.h"

#include <stdlib.h>

#include "shim.h"

enum {
    PROGRAMS = 3,
    ASKS = 12,
    SRBS = 12,
    UNITS = 4,
    TRANSFER = 2048,
    SRB_DATA = 8192,
    BLOCK = sizeof(SPD_IOCTL_TRANSACT_PARAMS),
};

struct ask {
    PIRP irp; /* NULL: free */
    UINT32 btl;
    unsigned program;
    UCHAR out[BLOCK + TRANSFER];
};

struct play {
    const uint8_t *bytes, *end;
    struct { PEPROCESS process; PIRP lifetime; } programs[PROGRAMS];
    struct ask asks[ASKS];
    struct { SPD_IOCTL_TRANSACT_REQ req; UINT32 btl; unsigned program; } taken[ASKS];
    struct shim_srb srbs[SRBS];
    bool used[SRBS];
    UCHAR *data[SRBS];
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
    play->programs[i].lifetime =
        shim_ioctl_begin(play->programs[i].process, &block, sizeof block, NULL, 0);
}

/* What the transactions brought is remembered, to be answered. */
static void collect(struct play *play)
{
    for (unsigned i = 0; i < ASKS; i++) {
        struct ask *ask = &play->asks[i];

        if (!ask->irp || !shim_ioctl_done(ask->irp))
            continue;
        if (NT_SUCCESS(shim_ioctl_end(ask->irp, NULL))) {
            memcpy(&play->taken[i].req, &((SPD_IOCTL_TRANSACT_PARAMS *)ask->out)->Dir.Req,
                sizeof play->taken[i].req);
            play->taken[i].btl = ask->btl;
            play->taken[i].program = ask->program;
        }
        ask->irp = NULL;
    }
    for (unsigned i = 0; i < SRBS; i++) {
        if (!play->used[i] || !play->srbs[i].done)
            continue;
        shim_srb_free(&play->srbs[i]);
        free(play->data[i]);
        play->used[i] = false;
    }
}

static void program_exit(struct play *play, unsigned i)
{
    shim_process_exit(play->programs[i].process);
    shim_ioctl_end(play->programs[i].lifetime, NULL);
    collect(play);
}

static void provision(struct play *play, unsigned program)
{
    SPD_IOCTL_PROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_PROVISION } };
    SPD_IOCTL_STORAGE_UNIT_PARAMS *params = &block.Dir.Par.StorageUnitParams;
    uint8_t flags = next(play);

    params->Guid.Data1 = 1 + next(play) % UNITS;
    params->BlockCount = 64;
    params->BlockLength = 512;
    params->MaxTransferLength = flags & 0x08 ? TRANSFER : 512;
    params->WriteProtected = flags & 0x01;
    params->CacheSupported = flags >> 1 & 1;
    params->UnmapSupported = flags >> 2 & 1;
    params->Reserved[0] = flags & 0x10 ? 3 : 0;
    if (flags & 0x80)
        next_bytes(play, params, sizeof *params);
    shim_ioctl(play->programs[program].process, &block, sizeof block, &block, sizeof block, NULL);
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

/* flags: 1 asks, 2 answers, 4 with data, 8 with a bad status or kind, 16 with garbage. */
static void transact(struct play *play, unsigned program, uint8_t flags)
{
    UCHAR in[BLOCK + TRANSFER] = { 0 };
    SPD_IOCTL_TRANSACT_PARAMS *block = (SPD_IOCTL_TRANSACT_PARAMS *)in;
    unsigned slot = next(play) % ASKS, from = next(play) % ASKS;
    struct ask *ask = &play->asks[slot];
    ULONG length = BLOCK;

    if (ask->irp)
        return;
    block->Base = (SPD_IOCTL_BASE_PARAMS){ BLOCK, SPD_IOCTL_TRANSACT };
    block->Btl = SPD_IOCTL_BTL(0, next(play) % UNITS, 0);
    block->ReqValid = flags & 1;
    block->RspValid = flags >> 1 & 1;
    block->DataBuffer = 1;
    if (flags & 2) {
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
    if (flags & 16)
        next_bytes(play, &block->Btl, BLOCK - sizeof block->Base);
    ask->btl = block->Btl;
    ask->program = program;
    ask->irp = shim_ioctl_begin(
        play->programs[program].process, in, length, ask->out, sizeof ask->out);
}

static void send(struct play *play, uint8_t flags)
{
    static const UCHAR functions[] = { SRB_FUNCTION_EXECUTE_SCSI, SRB_FUNCTION_FLUSH,
        SRB_FUNCTION_SHUTDOWN, SRB_FUNCTION_ABORT_COMMAND, SRB_FUNCTION_RESET_BUS,
        SRB_FUNCTION_RESET_DEVICE, SRB_FUNCTION_RESET_LOGICAL_UNIT, SRB_FUNCTION_WMI };
    unsigned slot = next(play) % SRBS;
    struct shim_srb *box = &play->srbs[slot];
    ULONG length = (ULONG)next(play) << 5;
    UCHAR cdb[16];

    if (play->used[slot])
        return;
    /* Mostly commands; mostly those that the program sees. */
    shim_srb_init(box, flags & 0x10 ? functions[next(play) % 8] : 0, next(play) % UNITS);
    next_bytes(play, cdb, sizeof cdb);
    if (flags & 0x20) {
        static const UCHAR usual[] = { 0x88, 0x8a, 0x91, 0x42, 0x89, 0x93, 0x8f, 0x28 };

        cdb[0] = usual[cdb[0] % 8];
        cdb[1] = 0;
        memset(cdb + 2, 0, 7);
        cdb[9] %= 64;
        memset(cdb + 10, 0, 3);
        cdb[13] %= 16;
        cdb[14] = cdb[15] = 0;
    }
    play->data[slot] = malloc(length ? length : 1);
    memset(play->data[slot], flags, length);
    play->used[slot] = true;
    shim_srb_cdb(box, cdb, flags & 1 ? 16 : 10,
        flags & 2 ? SRB_FLAGS_DATA_IN : SRB_FLAGS_DATA_OUT, length ? play->data[slot] : NULL,
        length);
    if (flags & 4) {
        box->srb.SrbFlags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
        box->srb.QueueAction = SRB_ORDERED_QUEUE_TAG_REQUEST;
    }
    box->srb.Lun = flags & 8 ? next(play) % 2 : 0;
    if (box->srb.Function == SRB_FUNCTION_ABORT_COMMAND)
        box->srb.NextSrb = &play->srbs[next(play) % SRBS].srb;
    shim_srb_send(box);
}

static void garbage(struct play *play, unsigned program)
{
    UCHAR in[160], out[160];
    ULONG length = next(play) % (sizeof in + 1), room = next(play) % (sizeof out + 1);

    next_bytes(play, in, length);
    shim_ioctl(play->programs[program].process, in, length, out, room, NULL);
}

static void step(struct play *play)
{
    uint8_t what = next(play), flags = next(play);
    unsigned program = what >> 4 & 3;

    program %= PROGRAMS;
    switch (what & 15) {
    case 0: provision(play, program); break;
    case 1: unprovision(play, program); break;
    case 2: redirect(play, program); break;
    case 3: case 4: transact(play, program, 1); break;
    case 5: case 6: case 7: transact(play, program, (flags & 0x1d) | 2); break;
    case 8: case 9: case 10: send(play, flags); break;
    case 11:
        if (play->asks[flags % ASKS].irp)
            shim_ioctl_cancel(play->asks[flags % ASKS].irp);
        break;
    case 12: shim_seconds(flags % 8); break;
    case 13:
        if (flags & 1) {
            program_exit(play, program);
            program_start(play, program);
        }
        break;
    case 14: garbage(play, program); break;
    default: shim.pool_fail_in = flags & 1; break;
    }
    collect(play);
}

void shim_play(const uint8_t *bytes, size_t size)
{
    struct play *play = calloc(1, sizeof *play);

    play->bytes = bytes;
    play->end = bytes + size;
    shim_start(0, 5);
    for (unsigned i = 0; i < PROGRAMS; i++)
        program_start(play, i);
    while (play->bytes < play->end)
        step(play);
    shim.pool_fail_in = 0;
    /* Nobody serves: in a bounded time everything ends. */
    shim_seconds(20);
    collect(play);
    for (unsigned i = 0; i < SRBS; i++)
        if (play->used[i])
            abort();
    for (unsigned i = 0; i < PROGRAMS; i++)
        program_exit(play, i);
    shim_stop();
    free(play);
}
