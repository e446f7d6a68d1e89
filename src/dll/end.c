/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How a unit ends: with the first error, as Windows numbers it. */

#include "dll/dll.h"

DWORD dll_error(int error)
{
    if (error && spd_error_system())
        return spd_error_system();
    switch (error) {
    case 0:
        return 0;
    case SPD_ERROR_NO_MEMORY:
    case SPD_ERROR_THREADS:
        return ERROR_NO_SYSTEM_RESOURCES;
    case SPD_ERROR_DOOR_MISSING:
        return ERROR_NOT_SUPPORTED;
    case SPD_ERROR_ADDRESS:
        return WSAEADDRNOTAVAIL;
    case SPD_ERROR_ADDRESS_IN_USE:
        return WSAEADDRINUSE;
    case SPD_ERROR_ACCESS:
        return ERROR_ACCESS_DENIED;
    case SPD_ERROR_SYSTEM:
        return ERROR_GEN_FAILURE;
    default:
        return ERROR_INVALID_PARAMETER;
    }
}

void dll_unit_end(struct dll_unit *unit, DWORD error)
{
    SpdStorageUnitSetDispatcherError(&unit->base, error);
    spd_unit_shutdown(unit->spd);
}
