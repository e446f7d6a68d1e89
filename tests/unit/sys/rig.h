/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* An adapter, programs that serve it, and initiators: what the driver's tests have in common. */

#ifndef RIG_H
#define RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shim.h"

enum {
    RIG_BLOCK = 512,
    RIG_BLOCKS = 16,
    RIG_DATA_MAX = 65536,
};

/* A program, with a LIFETIME request pended; exit ends both. */
struct rig_program {
    PEPROCESS process;
    PIRP lifetime;
};
void rig_start(struct rig_program *who, ULONG id);
void rig_exit(struct rig_program *who);

/* cmocka fixtures: an adapter of 16 targets with a timeout of 60 s, and program as process 100. */
extern struct rig_program program;
int rig_setup(void **state);
int rig_teardown(void **state);

/* Defaults: GUID number n, 16 blocks of 512 bytes, no text, no flags. */
SPD_IOCTL_STORAGE_UNIT_PARAMS rig_params(unsigned n, UINT32 max_transfer_length);
NTSTATUS rig_provision(
    struct rig_program *who, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 *btl);
NTSTATUS rig_unprovision(struct rig_program *who, unsigned n);
unsigned rig_list(struct rig_program *who, UINT32 *btls, unsigned room);

/* A transaction. in.Dir.Rsp is the answer; data is room for both directions. */
struct rig_transact {
    PIRP irp;
    union {
        SPD_IOCTL_TRANSACT_PARAMS block;
        UCHAR bytes[sizeof(SPD_IOCTL_TRANSACT_PARAMS) + RIG_DATA_MAX];
    } in, out;
};
/* Asks for a request, sends an answer with length bytes of data, or both (want). */
void rig_ask(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 room);
/* Asks for a request that must be there. */
void rig_take(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 room);
void rig_answer(struct rig_program *who, struct rig_transact *t, UINT32 btl, UINT32 length);
NTSTATUS rig_end(struct rig_transact *t);
/* The answer to what t->out brought, with this SCSI status; fills t->in. */
void rig_fill_answer(struct rig_transact *t, UINT8 status);
#define RIG_REQ(t) (&(t)->out.block.Dir.Req)
#define RIG_OUT_DATA(t) ((t)->out.bytes + sizeof(SPD_IOCTL_TRANSACT_PARAMS))
#define RIG_IN_DATA(t) ((t)->in.bytes + sizeof(SPD_IOCTL_TRANSACT_PARAMS))

/* SRBs with the usual CDBs. */
void rig_read(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks, void *data);
void rig_write(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks, void *data);
void rig_flush(struct shim_srb *box, UCHAR target, uint64_t lba, uint32_t blocks);
void rig_pattern(void *data, uint64_t lba, uint32_t blocks);
/* Sense key << 16 | ASC << 8 | ASCQ */
unsigned rig_sense(const struct shim_srb *box);

#endif
