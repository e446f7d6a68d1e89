/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The state of a dispatcher thread, where the thread and the program find it: in a slot that the
 * process has for as long as it has units. */

#include "dll/dll.h"

static SRWLOCK slot_lock = SRWLOCK_INIT;
static DWORD slot = TLS_OUT_OF_INDEXES;
static ULONG slot_users;

bool context_hold(void)
{
    bool held;

    AcquireSRWLockExclusive(&slot_lock);
    if (slot_users == 0)
        slot = TlsAlloc();
    held = slot != TLS_OUT_OF_INDEXES;
    slot_users += held;
    ReleaseSRWLockExclusive(&slot_lock);
    return held;
}

void context_release(void)
{
    AcquireSRWLockExclusive(&slot_lock);
    if (--slot_users == 0) {
        TlsFree(slot);
        slot = TLS_OUT_OF_INDEXES;
    }
    ReleaseSRWLockExclusive(&slot_lock);
}

struct context *context_here(void)
{
    return slot == TLS_OUT_OF_INDEXES ? NULL : TlsGetValue(slot);
}

void context_set(struct context *context)
{
    TlsSetValue(slot, context);
}

SPD_STORAGE_UNIT_OPERATION_CONTEXT *SPD_CALL SpdStorageUnitGetOperationContext(VOID)
{
    return (SPD_STORAGE_UNIT_OPERATION_CONTEXT *)context_here();
}
