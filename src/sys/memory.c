/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Memory that is not paged. */

#include "sys.h"

static POOL_TYPE pool;

/* Since Windows 8 memory need not be executable, and must not be if the hypervisor protects code
 * integrity. Windows 7 does not know the flag. */
void sys_memory_prepare(void)
{
    RTL_OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };

    RtlGetVersion(&version);
    pool = version.dwMajorVersion > 6 || (version.dwMajorVersion == 6 && version.dwMinorVersion > 1)
        ? NonPagedPoolNx : NonPagedPool;
}

PVOID sys_allocate(SIZE_T length)
{
    return ExAllocatePoolWithTag(pool, length, SYS_POOL_TAG);
}

void sys_free(PVOID memory)
{
    ExFreePoolWithTag(memory, SYS_POOL_TAG);
}
