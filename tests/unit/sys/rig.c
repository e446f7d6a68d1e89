/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "rig.h"

#include "scsi/be.h"

struct rig_program program;

int rig_setup(void **state)
{
    (void)state;
    shim_start(0, 0);
    rig_start(&program, 100);
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    rig_exit(&program);
    shim_stop();
    return 0;
}

void rig_start(struct rig_program *who, ULONG id)
{
    SPD_IOCTL_VERSIONED_LIFETIME_PARAMS block = {
        .Base = { sizeof block, SPD_IOCTL_LIFETIME }, .Version = SPD_IOCTL_VERSION,
    };

    who->process = shim_process(id);
    who->lifetime = shim_ioctl_begin(who->process, &block, sizeof block, NULL, 0);
}

void rig_exit(struct rig_program *who)
{
    shim_process_exit(who->process);
    shim_ioctl_end(who->lifetime, NULL);
}

SPD_IOCTL_STORAGE_UNIT_PARAMS rig_params(unsigned n, UINT32 max_transfer_length)
{
    return (SPD_IOCTL_STORAGE_UNIT_PARAMS){
        .Guid = { 0x4112a9a1 + n, 0xf079, 0x4f3d, { 0xba, 0x53, 0x2d, 0x5d, 0xf2, 0x7d, 0x28, 1 } },
        .BlockCount = RIG_BLOCKS,
        .BlockLength = RIG_BLOCK,
        .MaxTransferLength = max_transfer_length,
    };
}

NTSTATUS rig_provision(
    struct rig_program *who, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl)
{
    SPD_IOCTL_PROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_PROVISION } };
    NTSTATUS status;

    block.Dir.Par.StorageUnitParams = *params;
    status = shim_ioctl(who->process, &block, sizeof block, &block, sizeof block, NULL);
    *btl = NT_SUCCESS(status) ? block.Dir.Ret.Btl : UINT32_MAX;
    return status;
}

NTSTATUS rig_unprovision(struct rig_program *who, unsigned n)
{
    SPD_IOCTL_UNPROVISION_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_UNPROVISION } };

    block.Dir.Par.Guid = rig_params(n, 0).Guid;
    return shim_ioctl(who->process, &block, sizeof block, NULL, 0, NULL);
}

unsigned rig_list(struct rig_program *who, UINT32 *btls, unsigned room)
{
    SPD_IOCTL_LIST_PARAMS block = { .Base = { sizeof block, SPD_IOCTL_LIST } };
    ULONG written;

    assert_int_equal(shim_ioctl(who->process, &block, sizeof block, btls,
        room * (ULONG)sizeof *btls, &written), STATUS_SUCCESS);
    return written / sizeof *btls;
}

void rig_ask(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 room)
{
    t->in.block = (SPD_IOCTL_TRANSACT_PARAMS){
        .Base = { sizeof t->in.block, SPD_IOCTL_TRANSACT },
        .Btl = btl,
        .ReqValid = 1,
        .DataBuffer = 1,
    };
    t->irp = shim_ioctl_begin(who->process, &t->in, sizeof t->in.block, &t->out,
        (ULONG)sizeof t->out.block + room);
}

void rig_take(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 room)
{
    rig_ask(who, t, btl, room);
    if (!shim_ioctl_done(t->irp))
        shim_ioctl_cancel(t->irp);
    assert_int_equal(rig_end(t), STATUS_SUCCESS);
}

void rig_fill_answer(struct rig_transact *t, UINT8 status)
{
    UINT64 hint = RIG_REQ(t)->Hint;
    UINT8 kind = RIG_REQ(t)->Kind;

    memset(&t->in.block.Dir, 0, sizeof t->in.block.Dir);
    t->in.block.Dir.Rsp.Hint = hint;
    t->in.block.Dir.Rsp.Kind = kind;
    t->in.block.Dir.Rsp.Status.ScsiStatus = status;
}

void rig_answer(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 length)
{
    t->in.block.Base = (SPD_IOCTL_BASE_PARAMS){ sizeof t->in.block, SPD_IOCTL_TRANSACT };
    t->in.block.Btl = btl;
    t->in.block.ReqValid = 0;
    t->in.block.RspValid = 1;
    t->in.block.DataBuffer = length != 0;
    t->irp = shim_ioctl_begin(who->process, &t->in, (ULONG)sizeof t->in.block + length,
        &t->out, sizeof t->out.block);
}

NTSTATUS rig_end(struct rig_transact *t)
{
    return shim_ioctl_end(t->irp, NULL);
}

static void medium(struct shim_srb *box, UCHAR target, UCHAR opcode, uint64_t lba, uint32_t blocks)
{
    uint8_t cdb[16] = { opcode };

    be64_put(cdb + 2, lba);
    be32_put(cdb + 10, blocks);
    shim_srb_init(box, SRB_FUNCTION_EXECUTE_SCSI, target);
    shim_srb_cdb(box, cdb, sizeof cdb, 0, NULL, 0);
}

void rig_read(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks, void *data)
{
    medium(box, target, 0x88, lba, blocks);
    box->srb.SrbFlags = SRB_FLAGS_DATA_IN;
    box->srb.DataBuffer = data;
    box->srb.DataTransferLength = blocks * RIG_BLOCK;
}

void rig_write(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks, void *data)
{
    medium(box, target, 0x8a, lba, blocks);
    box->srb.SrbFlags = SRB_FLAGS_DATA_OUT;
    box->srb.DataBuffer = data;
    box->srb.DataTransferLength = blocks * RIG_BLOCK;
}

void rig_flush(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks)
{
    medium(box, target, 0x91, lba, blocks);
}

void rig_pattern(void *data, uint64_t lba, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks; i++)
        memset((UCHAR *)data + i * RIG_BLOCK, (int)(lba + i + 1), RIG_BLOCK);
}

unsigned rig_sense(const struct shim_srb *box)
{
    if (!(box->srb.SrbStatus & SRB_STATUS_AUTOSENSE_VALID))
        return 0;
    return (box->sense[2] & 0xfu) << 16 | (unsigned)box->sense[12] << 8 | box->sense[13];
}
