/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The driver's entry. StorPort unloads it: what it needs is freed with the adapter. */

#include "sys.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries;
    NTSTATUS status;

    sys_registry_read(path, &sys_settings);
    entries = sys_adapter_entries();
    status = (NTSTATUS)StorPortInitialize(driver, path, &entries, NULL);
    if (NT_SUCCESS(status))
        sys_pnp_hook(driver);
    return status;
}
