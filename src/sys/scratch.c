/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Buffers for the engine, of all units. */

#include "sys.h"

/* A few free buffers are kept. The units' shares bound the number of buffers. */
PVOID sys_scratch_take(struct sys_adapter *adapter)
{
    PVOID scratch;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    scratch = adapter->scratch;
    if (scratch) {
        adapter->scratch = *(PVOID *)scratch;
        adapter->scratch_free--;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return scratch ? scratch : sys_allocate(SCSI_SCRATCH_LENGTH);
}

void sys_scratch_give(struct sys_adapter *adapter, PVOID scratch)
{
    bool keep;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    keep = adapter->scratch_free < SYS_SCRATCH_KEPT;
    if (keep) {
        *(PVOID *)scratch = adapter->scratch;
        adapter->scratch = scratch;
        adapter->scratch_free++;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!keep)
        sys_free(scratch);
}

void sys_scratch_free_all(struct sys_adapter *adapter)
{
    while (adapter->scratch) {
        PVOID scratch = adapter->scratch;

        adapter->scratch = *(PVOID *)scratch;
        sys_free(scratch);
    }
}
