/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The life of a storage unit. */

#include "dll/dll.h"

#include <string.h>

#include "lib/door.h"
#include "lib/log.h"
#include "lib/serve.h"
#include "scsi/guid.h"

enum { NAME_MAX_BYTES = 1024 };

static PVOID SPD_CALL default_alloc(size_t size)
{
    return HeapAlloc(GetProcessHeap(), 0, size);
}

static VOID SPD_CALL default_free(PVOID pointer)
{
    dll_free(pointer);
}

/* The driver takes any text, too. */
static void copy_text(char *to, const UCHAR *from, size_t length)
{
    for (size_t i = 0; i < length && from[i] >= 0x20 && from[i] < 0x7f; i++)
        to[i] = (char)from[i];
}

static spd_params params_of(
    const SPD_STORAGE_UNIT_PARAMS *from, const SPD_STORAGE_UNIT_INTERFACE *calls)
{
    bool unmaps = from->UnmapSupported && calls->Unmap;
    /* Without UnmapSupported the library refuses the promise, as the driver does. */
    bool promises_zeros = (from->Reserved[0] & SPD_IOCTL_UNMAP_ZEROS) &&
        (unmaps || !from->UnmapSupported);
    UINT32 physical = SPD_IOCTL_PARAMS_PHYSICAL_BLOCK_LENGTH(from);
    spd_params params = SPD_PARAMS_INIT;

    scsi_guid_swap(&from->Guid, params.guid);
    params.block_count = from->BlockCount;
    params.block_length = from->BlockLength;
    params.physical_block_length = physical ? physical : from->BlockLength;
    params.max_transfer_length = from->MaxTransferLength;
    params.unmap_granularity = SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(from) * from->BlockLength;
    params.max_unmap_blocks = SPD_IOCTL_PARAMS_MAX_UNMAP_BLOCKS(from);
    params.wwn_length = SPD_IOCTL_PARAMS_WWN_LENGTH(from);
    CopyMemory(params.wwn, SPD_IOCTL_PARAMS_WWN(from), sizeof params.wwn);
    params.grace = SPD_IOCTL_PARAMS_GRACE(from);
    params.flags = (from->WriteProtected ? SPD_WRITE_PROTECTED : 0) |
        (from->CacheSupported ? SPD_CACHE : 0) | (unmaps ? SPD_UNMAP_SUPPORTED : 0) |
        (promises_zeros ? SPD_UNMAP_ZEROS : 0) |
        (from->EjectDisabled ? SPD_EJECT_DISABLED : 0);
    ZeroMemory(params.product_id, sizeof params.product_id);
    ZeroMemory(params.product_revision, sizeof params.product_revision);
    copy_text(params.product_id, from->ProductId, sizeof from->ProductId);
    copy_text(params.product_revision, from->ProductRevisionLevel,
        sizeof from->ProductRevisionLevel);
    return params;
}

/* The library finds out the rest. */
static bool params_are_valid(const SPD_STORAGE_UNIT_PARAMS *params)
{
    return SpdIoctlParamsAreKnown(params) && params->DeviceType == 0 &&
        params->MaxTransferLength && params->BlockLength &&
        SPD_IOCTL_PARAMS_UNMAP_GRANULARITY(params) <= UINT32_MAX / params->BlockLength;
}

/* The original serves such a unit on a pipe. The driver refuses such a unit, and the program may
 * run on the driver next. */
static void warn_of_zero_guid(const struct dll_unit *unit)
{
    static const GUID zero;

    if (!IsEqualGUID(&unit->base.StorageUnitParams.Guid, &zero))
        return;
    spd_log(SPD_LOG_WARNING,
        "%s: the Guid of this disk is zero, which the driver refuses: give each disk a Guid of "
        "its own", spd_unit_door_uri(unit->spd, 0));
}

/* Driver and DLL work together as the older of them does. The driver logs the difference as well,
 * if it knows of versions. */
static void warn_of_version(const struct dll_unit *unit)
{
    static WCHAR text[] =
        L"the driver speaks version %u and this DLL version %u: install both from one package";
    UINT32 driver = unit->native.version, dll = windows_version.number;

    if (!unit->native.device || driver == dll)
        return;
    spd_log(SPD_LOG_WARNING,
        "%s: the driver speaks version %u and this DLL version %u: install both from one package",
        spd_unit_door_uri(unit->spd, 0), driver, dll);
    SpdEventLog(EVENTLOG_WARNING_TYPE, text, driver, dll);
}

/* Gives the unit its spd, Handle and Btl. */
static DWORD create(struct dll_unit *unit, PCWSTR device_name)
{
    static const spd_ops ops = { .size = sizeof ops, .submit = dll_submit };
    const spd_device device = { &ops, unit };
    const SPD_STORAGE_UNIT_PARAMS *from = &unit->base.StorageUnitParams;
    enum scsi_profile profile = from->Reserved[0] & SPD_IOCTL_MODERN_PROFILE
        ? SCSI_PROFILE_MODERN : SCSI_PROFILE_WINSPD;
    char name[NAME_MAX_BYTES];
    spd_params params;
    DWORD error;

    if (!params_are_valid(from) || (device_name && !WideCharToMultiByte(CP_UTF8,
            WC_ERR_INVALID_CHARS, device_name, -1, name, sizeof name, NULL, NULL)))
        return ERROR_INVALID_PARAMETER;
    params = params_of(from, unit->base.Interface);
    unit->native.params = from;
    error = dll_error(spd_unit_create_lent(
        device_name ? name : NULL, &params, profile, &device, &unit->native, &unit->spd));
    if (error)
        return error;
    /* The low bit tells programs that this is no device. */
    unit->base.Handle = unit->native.device ? unit->native.device
                                            : (HANDLE)((ULONG_PTR)unit->spd | 1);
    unit->base.Btl = unit->native.btl;
    warn_of_zero_guid(unit);
    warn_of_version(unit);
    return 0;
}

static void release(struct dll_unit *unit)
{
    spd_unit_delete(unit->spd);
    outstanding_free(&unit->outstanding);
    dll_free(unit);
    context_release();
}

DWORD SPD_CALL SpdStorageUnitCreate(PWSTR DeviceName,
    const SPD_STORAGE_UNIT_PARAMS *StorageUnitParams, const SPD_STORAGE_UNIT_INTERFACE *Interface,
    SPD_STORAGE_UNIT **PStorageUnit)
{
    static const SPD_STORAGE_UNIT_INTERFACE nothing;
    struct dll_unit *unit;
    DWORD error;

    *PStorageUnit = NULL;
    if (!context_hold())
        return ERROR_NO_SYSTEM_RESOURCES;
    unit = dll_alloc(sizeof *unit);
    if (!unit) {
        context_release();
        return ERROR_NO_SYSTEM_RESOURCES;
    }
    unit->base.StorageUnitParams = *StorageUnitParams;
    unit->base.Interface = Interface ? Interface : &nothing;
    unit->base.BufferAlloc = default_alloc;
    unit->base.BufferFree = default_free;
    error = create(unit, DeviceName);
    if (error) {
        release(unit);
        return error;
    }
    *PStorageUnit = &unit->base;
    return 0;
}

DWORD SPD_CALL SpdStorageUnitGetDeviceName(
    SPD_STORAGE_UNIT *StorageUnit, PWCHAR NameBuf, UINT32 NameBufSize)
{
    const char *name = spd_unit_door_uri(dll_unit_of(StorageUnit)->spd, 0);
    WCHAR wide[NAME_MAX_BYTES];
    size_t size;

    if (!MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, NAME_MAX_BYTES))
        return GetLastError();
    size = (wcslen(wide) + 1) * sizeof *wide;
    if (size > NameBufSize)
        return ERROR_MORE_DATA;
    memcpy(NameBuf, wide, size);
    return 0;
}

VOID SPD_CALL SpdStorageUnitShutdown(SPD_STORAGE_UNIT *StorageUnit)
{
    spd_unit_shutdown(dll_unit_of(StorageUnit)->spd);
}

VOID SPD_CALL SpdStorageUnitWaitDispatcher(SPD_STORAGE_UNIT *StorageUnit)
{
    if (!StorageUnit->DispatcherThread)
        return;
    WaitForSingleObject(StorageUnit->DispatcherThread, INFINITE);
    CloseHandle(StorageUnit->DispatcherThread);
    StorageUnit->DispatcherThread = NULL;
}

VOID SPD_CALL SpdStorageUnitDelete(SPD_STORAGE_UNIT *StorageUnit)
{
    SpdStorageUnitShutdown(StorageUnit);
    SpdStorageUnitWaitDispatcher(StorageUnit);
    release(dll_unit_of(StorageUnit));
}

VOID SPD_CALL SpdStorageUnitSetBufferAllocatorF(SPD_STORAGE_UNIT *StorageUnit,
    PVOID(SPD_CALL *BufferAlloc)(size_t Size), VOID(SPD_CALL *BufferFree)(PVOID Pointer))
{
    SpdStorageUnitSetBufferAllocator(StorageUnit, BufferAlloc, BufferFree);
}

VOID SPD_CALL SpdStorageUnitGetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD *PDispatcherError)
{
    SpdStorageUnitGetDispatcherError(StorageUnit, PDispatcherError);
}

VOID SPD_CALL SpdStorageUnitSetDispatcherErrorF(
    SPD_STORAGE_UNIT *StorageUnit, DWORD DispatcherError)
{
    SpdStorageUnitSetDispatcherError(StorageUnit, DispatcherError);
}

VOID SPD_CALL SpdStorageUnitSetDebugLogF(SPD_STORAGE_UNIT *StorageUnit, UINT32 DebugLog)
{
    SpdStorageUnitSetDebugLog(StorageUnit, DebugLog);
}
