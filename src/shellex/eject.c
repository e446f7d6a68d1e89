/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The entry Eject in the context menu of a drive. */

#include "shellex.h"

#include <shellapi.h>
#include <shlobj.h>
#include <stdlib.h>
#include <strsafe.h>

enum { VERB = 0 }; /* the only entry: its distance from the first number that the menu gave */

/* The names by which programs invoke it: its own, and the original's. */
static const wchar_t *const names[] = { L"WinSpd.Eject", L"Drive" };

struct eject {
    struct com_object object;
    wchar_t *volume; /* for CreateFileW; NULL: no volume that can be ejected */
};

static struct eject *eject_of(void *face)
{
    return (struct eject *)com_object_of(face);
}

static void forget(struct com_object *object)
{
    struct eject *eject = (struct eject *)object;

    free(eject->volume);
    eject->volume = NULL;
}

/* The path of the only item; the caller frees it. NULL: several, none, or not in a file system. */
static wchar_t *path_of_item(IDataObject *data)
{
    FORMATETC format = { CF_HDROP, NULL, DVASPECT_CONTENT, -1, TYMED_HGLOBAL };
    STGMEDIUM medium = { 0 };
    wchar_t *path = NULL;
    HDROP drop;
    UINT length;

    if (FAILED(IDataObject_GetData(data, &format, &medium)))
        return NULL;
    drop = (HDROP)medium.hGlobal;
    length = medium.tymed == TYMED_HGLOBAL && drop && DragQueryFileW(drop, 0xffffffff, NULL, 0) == 1
                 ? DragQueryFileW(drop, 0, NULL, 0)
                 : 0;
    if (length)
        path = calloc(length + 1, sizeof *path);
    if (path)
        DragQueryFileW(drop, 0, path, length + 1);
    ReleaseStgMedium(&medium);
    return path;
}

/* Where the volume of a path is mounted; the caller frees it. An item of a drive is the mount point
 * itself. */
static wchar_t *mount_point_of(const wchar_t *path)
{
    DWORD room = (DWORD)wcslen(path) + MAX_PATH;
    wchar_t *root = calloc(room, sizeof *root);

    if (root && !GetVolumePathNameW(path, root, room))
        StringCchCopyW(root, room, path);
    return root;
}

/* \\?\Volume{...}, or \\?\E: where Windows knows no such name; the caller frees it. */
static wchar_t *volume_of(const wchar_t *path)
{
    wchar_t *root = mount_point_of(path), *volume;
    size_t room;

    if (!root)
        return NULL;
    room = wcslen(root) + 64;
    volume = calloc(room, sizeof *volume);
    if (volume && !GetVolumeNameForVolumeMountPointW(root, volume, (DWORD)room))
        StringCchPrintfW(volume, room, L"\\\\?\\%ls", root);
    if (volume && wcslen(volume) && volume[wcslen(volume) - 1] == L'\\')
        volume[wcslen(volume) - 1] = L'\0';
    free(root);
    return volume;
}

static BOOL can_be_ejected(const wchar_t *volume)
{
    struct launch_owner owner;

    return !launch_volume_owner_of(volume, &owner) && !owner.hides_eject;
}

static HRESULT STDMETHODCALLTYPE initialize(
    IShellExtInit *face, LPCITEMIDLIST folder, IDataObject *data, HKEY key)
{
    struct eject *eject = eject_of(face);
    wchar_t *path;

    (void)folder;
    (void)key;
    forget(&eject->object);
    if (!data)
        return E_INVALIDARG;
    path = path_of_item(data);
    if (!path)
        return E_FAIL;
    eject->volume = volume_of(path);
    free(path);
    if (eject->volume && can_be_ejected(eject->volume))
        return S_OK;
    forget(&eject->object);
    return E_FAIL;
}

static const IShellExtInitVtbl init_functions = {
    COM_UNKNOWN(IShellExtInit),
    .Initialize = initialize,
};

/* Above the next separator, so that it ends a group of entries. */
static UINT place_in(HMENU menu, UINT at)
{
    int count = GetMenuItemCount(menu);
    MENUITEMINFOW item = { .cbSize = sizeof item, .fMask = MIIM_FTYPE };

    while (count > 0 && at < (UINT)count) {
        if (GetMenuItemInfoW(menu, at, TRUE, &item) && item.fType & MFT_SEPARATOR)
            break;
        at++;
    }
    return at;
}

static HRESULT STDMETHODCALLTYPE query_menu(
    IContextMenu *face, HMENU menu, UINT at, UINT first, UINT last, UINT flags)
{
    wchar_t text[REPORT_TEXT_MAX];
    MENUITEMINFOW item = {
        .cbSize = sizeof item,
        .fMask = MIIM_ID | MIIM_STRING,
        .wID = first + VERB,
        .dwTypeData = text,
    };

    if (!eject_of(face)->volume || flags & CMF_DEFAULTONLY || first > last)
        return MAKE_HRESULT(SEVERITY_SUCCESS, 0, 0);
    report_text(TEXT_EJECT, text);
    if (!InsertMenuItemW(menu, place_in(menu, at), TRUE, &item))
        return E_FAIL;
    return MAKE_HRESULT(SEVERITY_SUCCESS, 0, VERB + 1);
}

/* Whether the verb is this object's, by its number or by a name. */
static BOOL is_verb(const CMINVOKECOMMANDINFO *info)
{
    const CMINVOKECOMMANDINFOEX *more = (const CMINVOKECOMMANDINFOEX *)info;
    BOOL wide = info->fMask & CMIC_MASK_UNICODE && info->cbSize >= sizeof *more;
    char name[64];

    if (wide && !IS_INTRESOURCE(more->lpVerbW)) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (!lstrcmpiW(more->lpVerbW, names[i]))
                return TRUE;
        return FALSE;
    }
    if (IS_INTRESOURCE(info->lpVerb))
        return LOWORD((ULONG_PTR)info->lpVerb) == VERB;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (WideCharToMultiByte(CP_ACP, 0, names[i], -1, name, sizeof name, NULL, NULL) &&
            !lstrcmpiA(info->lpVerb, name))
            return TRUE;
    }
    return FALSE;
}

static void run_eject(struct task *task)
{
    task->outcome = server_eject(task->subject);
}

static HRESULT STDMETHODCALLTYPE invoke(IContextMenu *face, CMINVOKECOMMANDINFO *info)
{
    struct eject *eject = eject_of(face);
    struct outcome outcome = outcome_of(ERROR_NOT_ENOUGH_MEMORY, 0);
    struct task *task;
    wchar_t *volume;
    BOOL no_ui;

    if (!info || info->cbSize < sizeof *info || !is_verb(info))
        return E_INVALIDARG;
    if (!eject->volume)
        return E_UNEXPECTED;
    no_ui = (info->fMask & CMIC_MASK_FLAG_NO_UI) != 0;
    /* Windows are served meanwhile: the object may get another drive, and go. */
    volume = _wcsdup(eject->volume);
    task = volume ? task_new(run_eject, TEXT_EJECT, TEXT_EJECTING, volume) : NULL;
    if (task)
        outcome = task_run(task, info->hwnd, no_ui);
    if (outcome.error && outcome.error != ERROR_CANCELLED && !no_ui)
        report_outcome(info->hwnd, TEXT_EJECT, volume ? volume : L"", &outcome);
    free(volume);
    return HRESULT_FROM_WIN32(outcome.error);
}

/* cut to the room, always with its end. */
static HRESULT give_text(const wchar_t *text, BOOL wide, char *name, UINT room)
{
    char narrow[REPORT_TEXT_MAX];

    if (!name)
        return E_POINTER;
    if (wide)
        return StringCchCopyW((wchar_t *)name, room, text);
    if (!WideCharToMultiByte(CP_ACP, 0, text, -1, narrow, sizeof narrow, NULL, NULL))
        return HRESULT_FROM_WIN32(GetLastError());
    return StringCchCopyA(name, room, narrow);
}

static HRESULT STDMETHODCALLTYPE get_command_string(
    IContextMenu *face, UINT_PTR verb, UINT type, UINT *reserved, char *name, UINT room)
{
    wchar_t help[REPORT_TEXT_MAX];

    (void)face;
    (void)reserved;
    if ((type & ~GCS_UNICODE) == GCS_VALIDATEA)
        return verb == VERB ? S_OK : S_FALSE;
    if (verb != VERB)
        return E_INVALIDARG;
    switch (type & ~GCS_UNICODE) {
    case GCS_VERBA:
        return give_text(names[0], type & GCS_UNICODE, name, room);
    case GCS_HELPTEXTA:
        report_text(TEXT_EJECT_HELP, help);
        return give_text(help, type & GCS_UNICODE, name, room);
    default:
        return E_INVALIDARG;
    }
}

static const IContextMenuVtbl menu_functions = {
    COM_UNKNOWN(IContextMenu),
    .QueryContextMenu = query_menu,
    .InvokeCommand = invoke,
    .GetCommandString = get_command_string,
};

const struct com_class shellex_eject_class = {
    .id = &shellex_eject_id,
    .size = sizeof(struct eject),
    .destroy = forget,
    .interface_count = 2,
    .interfaces = {
        { &IID_IShellExtInit, &init_functions },
        { &IID_IContextMenu, &menu_functions },
    },
};
