/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How COM sees the DLL. */

#include "shellex.h"

#include <objbase.h>

const CLSID shellex_mount_id = { 0x62ad20c1, 0x8f38, 0x452a,
    { 0xab, 0x7a, 0xf2, 0x81, 0x00, 0x4d, 0x02, 0x83 } };
const CLSID shellex_eject_id = { 0x18f72bbe, 0xce30, 0x4eba,
    { 0x86, 0x91, 0x91, 0x1d, 0x15, 0x8a, 0x88, 0x3c } };

static const struct com_class *const classes[] = { &shellex_mount_class, &shellex_eject_class };

HINSTANCE shellex_module;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        shellex_module = module;
        DisableThreadLibraryCalls(module);
    }
    return TRUE;
}

HRESULT WINAPI DllGetClassObject(REFCLSID class_id, REFIID id, void **out)
{
    if (!out)
        return E_POINTER;
    *out = NULL;
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (IsEqualCLSID(class_id, classes[i]->id))
            return com_get_factory(classes[i], id, out);
    }
    return CLASS_E_CLASSNOTAVAILABLE;
}

HRESULT WINAPI DllCanUnloadNow(void)
{
    return com_module_is_held() ? S_FALSE : S_OK;
}
