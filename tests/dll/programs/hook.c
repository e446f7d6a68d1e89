/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "hook.h"

#include <string.h>

#include "client.h"

static UCHAR *image(void)
{
    HMODULE module = NULL;

    GetModuleHandleExW(
        GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, L"winspd-" ARCH ".dll", &module);
    return (UCHAR *)module;
}

static void **find(UCHAR *base, const char *function)
{
    IMAGE_NT_HEADERS *headers = (void *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    IMAGE_IMPORT_DESCRIPTOR *imports = (void *)(base +
        headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress);

    for (; imports->Name; imports++) {
        IMAGE_THUNK_DATA *names = (void *)(base + imports->OriginalFirstThunk);
        IMAGE_THUNK_DATA *functions = (void *)(base + imports->FirstThunk);

        for (; names->u1.AddressOfData; names++, functions++) {
            IMAGE_IMPORT_BY_NAME *name = (void *)(base + names->u1.AddressOfData);

            if (!strcmp((const char *)name->Name, function))
                return (void **)&functions->u1.Function;
        }
    }
    return NULL;
}

void *hook_set(const char *function, void *replacement)
{
    void **slot = find(image(), function);
    DWORD protection;
    void *before;

    CHECK(slot);
    if (!slot || !VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &protection))
        return NULL;
    before = *slot;
    *slot = replacement;
    VirtualProtect(slot, sizeof *slot, protection, &protection);
    return before;
}
