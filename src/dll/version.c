/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "dll/dll.h"

static DWORD read_version(void)
{
    WCHAR path[MAX_PATH];
    VS_FIXEDFILEINFO *info;
    HMODULE module;
    DWORD length, unused, version = 0;
    UINT info_length;
    void *block;

    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
            (PCWSTR)(ULONG_PTR)read_version, &module) ||
        !GetModuleFileNameW(module, path, MAX_PATH))
        return 0;
    length = GetFileVersionInfoSizeW(path, &unused);
    block = length ? dll_alloc(length) : NULL;
    if (!block)
        return 0;
    if (GetFileVersionInfoW(path, 0, length, block) &&
        VerQueryValueW(block, L"\\", (void **)&info, &info_length) && info_length >= sizeof *info)
        version = info->dwFileVersionMS;
    dll_free(block);
    return version;
}

DWORD SPD_CALL SpdVersion(PUINT32 PVersion)
{
    static volatile LONG known;

    if (!known)
        InterlockedExchange(&known, (LONG)read_version());
    *PVersion = (UINT32)known;
    return known ? 0 : ERROR_GEN_FAILURE;
}
