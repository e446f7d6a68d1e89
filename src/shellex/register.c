/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The registry keys of both classes, of the file type and of the drives' menu. Extensions of file
 * names belong to the installers of the programs that serve such files. */

#include "shellex.h"

#include <shellapi.h>
#include <shlobj.h>
#include <strsafe.h>

enum { TEXT_MAX = MAX_PATH + 16, GUID_TEXT_MAX = 39 };

/* The addition to a value's own text. */
enum kind { TEXT, MODULE_PATH, CLASS_ID, DRIVE_ICON };

/* %ls in a key: the id of the class. */
static const struct value {
    const wchar_t *key, *name; /* name NULL: the default value */
    enum kind kind;
    const wchar_t *text;
    const CLSID *class_id;
} values[] = {
    { L"CLSID\\%ls", NULL, TEXT, L"WinSpd Mount", &shellex_mount_id },
    { L"CLSID\\%ls\\InProcServer32", NULL, MODULE_PATH, NULL, &shellex_mount_id },
    { L"CLSID\\%ls\\InProcServer32", L"ThreadingModel", TEXT, L"Apartment", &shellex_mount_id },
    { L"CLSID\\%ls", NULL, TEXT, L"WinSpd Eject", &shellex_eject_id },
    { L"CLSID\\%ls\\InProcServer32", NULL, MODULE_PATH, NULL, &shellex_eject_id },
    { L"CLSID\\%ls\\InProcServer32", L"ThreadingModel", TEXT, L"Apartment", &shellex_eject_id },
    { L"WinSpd.DiskFile", NULL, TEXT, L"WinSpd Disk File", NULL },
    { L"WinSpd.DiskFile\\DefaultIcon", NULL, DRIVE_ICON, NULL, NULL },
    { L"WinSpd.DiskFile\\shell\\open", NULL, TEXT, L"Mount", NULL },
    { L"WinSpd.DiskFile\\shell\\open", L"MultiSelectModel", TEXT, L"Document", NULL },
    { L"WinSpd.DiskFile\\shell\\open\\command", L"DelegateExecute", CLASS_ID, NULL,
        &shellex_mount_id },
    { L"Drive\\shellex\\ContextMenuHandlers\\WinSpd.Eject", NULL, CLASS_ID, NULL,
        &shellex_eject_id },
};

/* Removes keys with all that is below them. */
static const struct tree {
    const wchar_t *key;
    const CLSID *class_id;
} trees[] = {
    { L"CLSID\\%ls", &shellex_mount_id },
    { L"CLSID\\%ls", &shellex_eject_id },
    { L"WinSpd.DiskFile", NULL },
    { L"Drive\\shellex\\ContextMenuHandlers\\WinSpd.Eject", NULL },
};

static DWORD open_classes(HKEY *classes)
{
    return (DWORD)RegOpenKeyExW(
        HKEY_LOCAL_MACHINE, L"SOFTWARE\\Classes", 0, KEY_READ | KEY_WRITE | DELETE, classes);
}

static void key_name(const wchar_t *format, const CLSID *class_id, wchar_t key[TEXT_MAX])
{
    wchar_t id[GUID_TEXT_MAX] = L"";

    if (class_id)
        StringFromGUID2(class_id, id, GUID_TEXT_MAX);
    StringCchPrintfW(key, TEXT_MAX, format, id);
}

/* Where Windows keeps the picture of a fixed drive, as "path,index". */
static DWORD drive_icon(wchar_t text[TEXT_MAX])
{
    SHSTOCKICONINFO icon = { .cbSize = sizeof icon };
    HRESULT result = SHGetStockIconInfo(SIID_DRIVEFIXED, SHGSI_ICONLOCATION, &icon);

    if (FAILED(result))
        return (DWORD)result;
    StringCchPrintfW(text, TEXT_MAX, L"%ls,%d", icon.szPath, icon.iIcon);
    return 0;
}

static DWORD module_path(wchar_t text[TEXT_MAX])
{
    DWORD length = GetModuleFileNameW(shellex_module, text, TEXT_MAX);

    if (!length)
        return GetLastError();
    return length < TEXT_MAX ? 0 : ERROR_FILENAME_EXCED_RANGE;
}

static DWORD text_of(const struct value *value, wchar_t text[TEXT_MAX])
{
    switch (value->kind) {
    case MODULE_PATH:
        return module_path(text);
    case DRIVE_ICON:
        return drive_icon(text);
    case CLASS_ID:
        return StringFromGUID2(value->class_id, text, TEXT_MAX) ? 0 : ERROR_INVALID_DATA;
    default:
        StringCchCopyW(text, TEXT_MAX, value->text);
        return 0;
    }
}

static DWORD write_value(HKEY classes, const struct value *value)
{
    wchar_t key[TEXT_MAX], text[TEXT_MAX];
    HKEY opened;
    DWORD error = text_of(value, text);

    if (error)
        return error;
    key_name(value->key, value->class_id, key);
    error = (DWORD)RegCreateKeyExW(
        classes, key, 0, NULL, REG_OPTION_NON_VOLATILE, KEY_SET_VALUE, NULL, &opened, NULL);
    if (error)
        return error;
    error = (DWORD)RegSetValueExW(opened, value->name, 0, REG_SZ, (const BYTE *)text,
        (DWORD)((wcslen(text) + 1) * sizeof *text));
    RegCloseKey(opened);
    return error;
}

/* Returns the first error; the rest is removed all the same. */
static DWORD delete_all(HKEY classes)
{
    DWORD first = 0;

    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        wchar_t key[TEXT_MAX];
        DWORD error;

        key_name(trees[i].key, trees[i].class_id, key);
        error = (DWORD)RegDeleteTreeW(classes, key);
        if (error && error != ERROR_FILE_NOT_FOUND && !first)
            first = error;
    }
    return first;
}

/* Explorer reads them again. */
static HRESULT end(HKEY classes, DWORD error)
{
    RegCloseKey(classes);
    SHChangeNotify(SHCNE_ASSOCCHANGED, SHCNF_IDLIST, NULL, NULL);
    return HRESULT_FROM_WIN32(error);
}

STDAPI DllRegisterServer(void)
{
    HKEY classes;
    DWORD error = open_classes(&classes);

    if (error)
        return HRESULT_FROM_WIN32(error);
    for (size_t i = 0; !error && i < sizeof values / sizeof values[0]; i++)
        error = write_value(classes, &values[i]);
    /* With half of the keys Explorer would load an extension that does not work. */
    if (error)
        delete_all(classes);
    return end(classes, error);
}

STDAPI DllUnregisterServer(void)
{
    HKEY classes;
    DWORD error = open_classes(&classes);

    return error ? HRESULT_FROM_WIN32(error) : end(classes, delete_all(classes));
}
