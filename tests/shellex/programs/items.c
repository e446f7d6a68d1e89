/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Shell items, arrays of them and data objects, of which the extension may call no more than what
 * is here: all else would be a NULL. */

#include "shelltest.h"

#include <shellapi.h>

struct item {
    const void *functions;
    LONG references;
    unsigned count;              /* of paths */
    const wchar_t *const *paths; /* the caller's */
};

static LONG alive;

LONG items_alive(void)
{
    return InterlockedCompareExchange(&alive, 0, 0);
}

static void *new_item(const void *functions, unsigned count, const wchar_t *const *paths)
{
    struct item *item = calloc(1, sizeof *item);

    CHECK(item);
    *item = (struct item){ functions, 1, count, paths };
    InterlockedIncrement(&alive);
    return item;
}

static ULONG STDMETHODCALLTYPE add_ref(void *self)
{
    return (ULONG)InterlockedIncrement(&((struct item *)self)->references);
}

static ULONG STDMETHODCALLTYPE release(void *self)
{
    struct item *item = self;
    LONG left = InterlockedDecrement(&item->references);

    CHECK(left >= 0);
    if (!left)
        InterlockedDecrement(&alive); /* the memory stays, so that a late use is seen */
    return (ULONG)left;
}

static HRESULT STDMETHODCALLTYPE query(void *self, REFIID id, void **out)
{
    (void)id;
    add_ref(self);
    *out = self;
    return S_OK;
}

#define UNKNOWN(Interface)                                                                         \
    .QueryInterface = (HRESULT(STDMETHODCALLTYPE *)(Interface *, REFIID, void **))query,           \
    .AddRef = (ULONG(STDMETHODCALLTYPE *)(Interface *))add_ref,                                    \
    .Release = (ULONG(STDMETHODCALLTYPE *)(Interface *))release

/* An item without a path is in no file system. */
static HRESULT STDMETHODCALLTYPE display_name(IShellItem *face, SIGDN kind, wchar_t **name)
{
    const struct item *item = (const struct item *)face;
    size_t size;

    CHECK_EQUAL(kind, SIGDN_FILESYSPATH);
    *name = NULL;
    if (!item->paths[0])
        return E_INVALIDARG;
    size = (wcslen(item->paths[0]) + 1) * sizeof **name;
    *name = CoTaskMemAlloc(size);
    memcpy(*name, item->paths[0], size);
    return S_OK;
}

static const IShellItemVtbl item_functions = {
    UNKNOWN(IShellItem),
    .GetDisplayName = display_name,
};

static HRESULT STDMETHODCALLTYPE get_count(IShellItemArray *face, DWORD *count)
{
    *count = ((const struct item *)face)->count;
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE get_item(IShellItemArray *face, DWORD number, IShellItem **item)
{
    const struct item *array = (const struct item *)face;

    CHECK(number < array->count);
    *item = new_item(&item_functions, 1, array->paths + number);
    return S_OK;
}

static const IShellItemArrayVtbl array_functions = {
    UNKNOWN(IShellItemArray),
    .GetCount = get_count,
    .GetItemAt = get_item,
};

IShellItemArray *items_of(unsigned count, const wchar_t *const *paths)
{
    return new_item(&array_functions, count, paths);
}

/* DROPFILES and the paths, each with its NUL, then one more. */
static HRESULT STDMETHODCALLTYPE get_data(IDataObject *face, FORMATETC *format, STGMEDIUM *medium)
{
    const struct item *item = (const struct item *)face;
    size_t room = sizeof(DROPFILES) + sizeof(wchar_t);
    DROPFILES *drop;
    wchar_t *at;

    if (!item->count || format->cfFormat != CF_HDROP || !(format->tymed & TYMED_HGLOBAL))
        return DV_E_FORMATETC;
    for (unsigned i = 0; i < item->count; i++)
        room += (wcslen(item->paths[i]) + 1) * sizeof *at;
    *medium = (STGMEDIUM){ .tymed = TYMED_HGLOBAL, .hGlobal = GlobalAlloc(GHND, room) };
    drop = GlobalLock(medium->hGlobal);
    drop->pFiles = sizeof *drop;
    drop->fWide = TRUE;
    at = (wchar_t *)(drop + 1);
    for (unsigned i = 0; i < item->count; i++) {
        wcscpy(at, item->paths[i]);
        at += wcslen(at) + 1;
    }
    GlobalUnlock(medium->hGlobal);
    return S_OK;
}

static const IDataObjectVtbl data_functions = {
    UNKNOWN(IDataObject),
    .GetData = get_data,
};

IDataObject *data_of(unsigned count, const wchar_t *const *paths)
{
    return new_item(&data_functions, count, paths);
}
