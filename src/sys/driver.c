/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The driver's entry, and memory. The driver's entry. StorPort unloads the driver, whose memory is
 * freed with the adapter. */

#include "sys.h"

static POOL_TYPE pool;

/* Since Windows 8 memory need not be executable, and must not be if the hypervisor protects code
 * integrity. Windows 7 does not know the flag. */
static void choose_pool(void)
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

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries;
    NTSTATUS status;

    choose_pool();
    sys_lifetime_prepare();
    sys_registry_read(path, &sys_settings);
    entries = sys_adapter_entries();
    status = (NTSTATUS)StorPortInitialize(driver, path, &entries, NULL);
    if (NT_SUCCESS(status))
        sys_pnp_hook(driver);
    return status;
}
