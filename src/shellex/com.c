/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "com.h"

#include <stdlib.h>

static LONG holds;

void com_hold_module(void)
{
    InterlockedIncrement(&holds);
}

void com_release_module(void)
{
    InterlockedDecrement(&holds);
}

BOOL com_module_is_held(void)
{
    return InterlockedCompareExchange(&holds, 0, 0) != 0;
}

struct com_object *com_object_of(void *face)
{
    return ((struct com_face *)face)->object;
}

HRESULT STDMETHODCALLTYPE com_query(void *face, REFIID id, void **out)
{
    struct com_object *object = com_object_of(face);

    if (!out)
        return E_POINTER;
    *out = NULL;
    for (unsigned i = 0; i < object->class->interface_count && !*out; i++) {
        if (IsEqualIID(id, object->class->interfaces[i].id))
            *out = &object->faces[i];
    }
    if (IsEqualIID(id, &IID_IUnknown))
        *out = &object->faces[0];
    if (!*out)
        return E_NOINTERFACE;
    com_add_ref(face);
    return S_OK;
}

ULONG STDMETHODCALLTYPE com_add_ref(void *face)
{
    return (ULONG)InterlockedIncrement(&com_object_of(face)->references);
}

ULONG STDMETHODCALLTYPE com_release(void *face)
{
    struct com_object *object = com_object_of(face);
    LONG left = InterlockedDecrement(&object->references);

    if (!left) {
        if (object->class->destroy)
            object->class->destroy(object);
        free(object);
        com_release_module();
    }
    return (ULONG)left;
}

/* With one reference. */
static struct com_object *create(const struct com_class *class)
{
    struct com_object *object = calloc(1, class->size);

    if (!object)
        return NULL;
    object->class = class;
    object->references = 1;
    for (unsigned i = 0; i < class->interface_count; i++) {
        object->faces[i] = (struct com_face){ .functions = class->interfaces[i].functions,
            .object = object };
    }
    com_hold_module();
    return object;
}

struct factory {
    struct com_object object;
    const struct com_class *makes;
};

static HRESULT STDMETHODCALLTYPE create_instance(
    IClassFactory *face, IUnknown *outer, REFIID id, void **out)
{
    struct factory *factory = (struct factory *)com_object_of(face);
    struct com_object *object;
    HRESULT result;

    if (!out)
        return E_POINTER;
    *out = NULL;
    if (outer)
        return CLASS_E_NOAGGREGATION;
    object = create(factory->makes);
    if (!object)
        return E_OUTOFMEMORY;
    result = com_query(&object->faces[0], id, out);
    com_release(&object->faces[0]);
    return result;
}

static HRESULT STDMETHODCALLTYPE lock_server(IClassFactory *face, BOOL lock)
{
    (void)face;
    if (lock)
        com_hold_module();
    else
        com_release_module();
    return S_OK;
}

static const IClassFactoryVtbl factory_functions = {
    COM_UNKNOWN(IClassFactory),
    .CreateInstance = create_instance,
    .LockServer = lock_server,
};

static const struct com_class factory_class = {
    .size = sizeof(struct factory),
    .interface_count = 1,
    .interfaces = { { &IID_IClassFactory, &factory_functions } },
};

HRESULT com_get_factory(const struct com_class *class, REFIID id, void **out)
{
    struct com_object *object = create(&factory_class);
    HRESULT result;

    if (!object) {
        *out = NULL;
        return E_OUTOFMEMORY;
    }
    ((struct factory *)object)->makes = class;
    result = com_query(&object->faces[0], id, out);
    com_release(&object->faces[0]);
    return result;
}
