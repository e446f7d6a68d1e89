/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* COM's demands on every object, and on the DLL. */

#include "shelltest.h"

static const struct {
    const CLSID *class_id;
    const IID *interfaces[4];
} classes[] = {
    { &mount_id, { &IID_IExecuteCommand, &IID_IInitializeCommand, &IID_IObjectWithSelection,
                     &IID_IExplorerCommandState } },
    { &eject_id, { &IID_IShellExtInit, &IID_IContextMenu } },
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

HRESULT can_unload(void)
{
    HMODULE module = GetModuleHandleW(SHELLEX);
    HRESULT(WINAPI * call)(void);

    CHECK(module);
    call = (HRESULT(WINAPI *)(void))(void (*)(void))GetProcAddress(module, "DllCanUnloadNow");
    CHECK(call);
    return call();
}

static void every_interface_leads_to_every_other(void)
{
    for (unsigned i = 0; i < CLASSES; i++) {
        IUnknown *identity = create(classes[i].class_id, &IID_IUnknown);

        for (unsigned from = 0; from < 4 && classes[i].interfaces[from]; from++) {
            IUnknown *one, *other, *same;

            CHECK_RESULT(
                IUnknown_QueryInterface(identity, classes[i].interfaces[from], (void **)&one),
                S_OK);
            CHECK_RESULT(IUnknown_QueryInterface(one, &IID_IUnknown, (void **)&same), S_OK);
            CHECK(same == identity);
            IUnknown_Release(same);
            for (unsigned to = 0; to < 4 && classes[i].interfaces[to]; to++) {
                CHECK_RESULT(
                    IUnknown_QueryInterface(one, classes[i].interfaces[to], (void **)&other), S_OK);
                CHECK((other == one) == (to == from));
                IUnknown_Release(other);
            }
            other = identity;
            CHECK_RESULT(
                IUnknown_QueryInterface(one, &IID_IDropTarget, (void **)&other), E_NOINTERFACE);
            CHECK(!other);
            CHECK_RESULT(IUnknown_QueryInterface(one, &IID_IUnknown, NULL), E_POINTER);
            IUnknown_Release(one);
        }
        CHECK_EQUAL(IUnknown_AddRef(identity), 2);
        CHECK_EQUAL(IUnknown_Release(identity), 1);
        CHECK_EQUAL(IUnknown_Release(identity), 0);
    }
}

static void objects_of_other_interfaces_are_not_made(void)
{
    IClassFactory *factory;
    IUnknown *made = NULL, *outer = create(&mount_id, &IID_IUnknown);

    CHECK_RESULT(CoGetClassObject(
                     &eject_id, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, (void **)&factory),
        S_OK);
    CHECK_RESULT(IClassFactory_CreateInstance(factory, NULL, &IID_IExecuteCommand, (void **)&made),
        E_NOINTERFACE);
    CHECK(!made);
    CHECK_RESULT(IClassFactory_CreateInstance(factory, outer, &IID_IUnknown, (void **)&made),
        CLASS_E_NOAGGREGATION);
    CHECK(!made);
    CHECK_RESULT(IClassFactory_CreateInstance(factory, NULL, &IID_IUnknown, NULL), E_POINTER);
    IClassFactory_Release(factory);
    IUnknown_Release(outer);
}

static void the_dll_stays_while_anything_is_used(void)
{
    IUnknown *object = create(&mount_id, &IID_IUnknown);
    IClassFactory *factory;

    CHECK_RESULT(can_unload(), S_FALSE);
    IUnknown_AddRef(object);
    IUnknown_Release(object);
    CHECK_RESULT(can_unload(), S_FALSE);
    IUnknown_Release(object);
    CHECK_RESULT(can_unload(), S_OK);
    CHECK_RESULT(CoGetClassObject(
                     &mount_id, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, (void **)&factory),
        S_OK);
    CHECK_RESULT(IClassFactory_LockServer(factory, TRUE), S_OK);
    IClassFactory_Release(factory);
    CHECK_RESULT(can_unload(), S_FALSE);
    CHECK_RESULT(CoGetClassObject(
                     &mount_id, CLSCTX_INPROC_SERVER, NULL, &IID_IClassFactory, (void **)&factory),
        S_OK);
    CHECK_RESULT(IClassFactory_LockServer(factory, FALSE), S_OK);
    IClassFactory_Release(factory);
    CHECK_RESULT(can_unload(), S_OK);
}

static void the_dll_has_no_other_classes(void)
{
    IUnknown *object = create(&mount_id, &IID_IUnknown), *none = object;
    HMODULE module = GetModuleHandleW(SHELLEX);
    HRESULT(WINAPI * get)(REFCLSID, REFIID, void **);

    get = (HRESULT(WINAPI *)(REFCLSID, REFIID, void **))(void (*)(void))GetProcAddress(
        module, "DllGetClassObject");
    CHECK(get);
    CHECK_RESULT(get(&IID_IUnknown, &IID_IClassFactory, (void **)&none), CLASS_E_CLASSNOTAVAILABLE);
    CHECK(!none);
    CHECK_RESULT(get(&mount_id, &IID_IContextMenu, (void **)&none), E_NOINTERFACE);
    CHECK(!none);
    CHECK_RESULT(get(&mount_id, &IID_IClassFactory, NULL), E_POINTER);
    IUnknown_Release(object);
}

const struct test com_tests[] = {
    { "com: every interface leads to every other", every_interface_leads_to_every_other },
    { "com: objects of other interfaces are not made", objects_of_other_interfaces_are_not_made },
    { "com: the DLL stays while anything is used", the_dll_stays_while_anything_is_used },
    { "com: the DLL has no other classes", the_dll_has_no_other_classes },
    { NULL, NULL },
};
