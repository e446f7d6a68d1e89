/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver's entry. StorPort unloads the driver, whose memory is freed with the adapter. Earlier
 * files get the functions of later ones that they call back.
 */

#include "sys.h"

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    VIRTUAL_HW_INITIALIZATION_DATA entries;
    NTSTATUS status;

    sys_memory_prepare();
    sys_lifetime_prepare(sys_owner_gone);
    sys_transact_prepare(sys_owner_check);
    sys_registry_read(path, &sys_settings);
    entries = sys_adapter_entries();
    status = (NTSTATUS)StorPortInitialize(driver, path, &entries, NULL);
    if (NT_SUCCESS(status))
        sys_pnp_hook(driver);
    return status;
}
