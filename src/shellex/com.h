/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * COM objects in C. An object begins with a struct com_object, which has a face for each of its
 * interfaces. A client holds a face, which begins with the interface's own table of functions, as
 * COM wants it. Counting references, finding interfaces and the class factory are the
 * same for all objects, and are here.
 */

#ifndef SHELLEX_COM_H
#define SHELLEX_COM_H

#define COBJMACROS
#include <windows.h>
#include <objbase.h>

enum { COM_FACES_MAX = 4 };

struct com_object;

struct com_face {
    const void *functions; /* the interface's table */
    struct com_object *object;
};

struct com_interface {
    const IID *id;
    const void *functions;
};

/* The common part of all objects of a class. */
struct com_class {
    const CLSID *id;
    size_t size;                                /* an object's, which is made of zeros */
    void (*destroy)(struct com_object *object); /* before the memory is freed */
    unsigned interface_count;
    struct com_interface interfaces[COM_FACES_MAX]; /* the first is the object's IUnknown, too */
};

struct com_object {
    const struct com_class *class;
    LONG references;
    struct com_face faces[COM_FACES_MAX];
};

/* The object to which this face belongs. */
struct com_object *com_object_of(void *face);

/* IUnknown's three, for the tables of all interfaces; any thread. */
HRESULT STDMETHODCALLTYPE com_query(void *face, REFIID id, void **out);
ULONG STDMETHODCALLTYPE com_add_ref(void *face);
ULONG STDMETHODCALLTYPE com_release(void *face);

/* The three as the table of the interface declares them. */
#define COM_UNKNOWN(Interface)                                                                     \
    .QueryInterface = (HRESULT(STDMETHODCALLTYPE *)(Interface *, REFIID, void **))com_query,       \
    .AddRef = (ULONG(STDMETHODCALLTYPE *)(Interface *))com_add_ref,                                \
    .Release = (ULONG(STDMETHODCALLTYPE *)(Interface *))com_release

/* Reasons to keep the DLL in memory: objects, locks of factories, threads. Any thread. */
void com_hold_module(void);
void com_release_module(void);
BOOL com_module_is_held(void);

/* A factory of the class, as DllGetClassObject() returns it. */
HRESULT com_get_factory(const struct com_class *class, REFIID id, void **out);

#endif
