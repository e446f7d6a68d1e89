/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The common part of the Explorer extension's tests: they play Explorer and the launcher. */

#ifndef SHELLTEST_H
#define SHELLTEST_H

#define COBJMACROS
#include "../../wine/programs/check.h"

#include <shellapi.h>
#include <shlobj.h>
#include <shobjidl.h>

#include "launch/protocol.h"

/* The DLL for programs such as this one. */
#define SHELLEX L"shellex-" ARCH ".dll"

extern const CLSID mount_id, eject_id;
extern const struct test com_tests[], mount_tests[], eject_tests[], ui_tests[];

/* test_ui.c: there is a display, without which Wine has no windows. */
BOOL ui_is_there(void);

/* shelltest.c. An object of the DLL, by COM. */
void *create(const CLSID *class_id, const IID *id);

/* test_com.c. The DLL's answers to COM. */
HRESULT can_unload(void);

/* items.c. Selections as Explorer would make them. They are counted: items_alive() is how many of
 * them have references left. */
IShellItemArray *items_of(unsigned count, const wchar_t *const *paths);
IDataObject *data_of(unsigned count, const wchar_t *const *paths);
LONG items_alive(void);

/*
 * fake.c. A launcher that answers as the test says: one script row a request, in their order. A
 * request beyond the script's end is answered with error 87. It is LocalSystem's as far as anybody
 * can see.
 */
struct fake_row {
    const wchar_t *reply; /* NULs as \1 */
    BOOL waits;           /* answers only after fake_go_on() */
    BOOL hangs_up;        /* answers nothing and ends the connection */
};

void fake_start(unsigned count, const struct fake_row *rows);
void fake_go_on(void);
/* Waits until so many requests have come. */
void fake_await(unsigned count);
/* The request, with NULs as \1; "" where there was none. */
const wchar_t *fake_request(unsigned number);
/* Ends it, and returns how many requests there were. */
unsigned fake_stop(void);

#define CHECK_TEXT(Found, Wanted)                                                                  \
    do {                                                                                           \
        const wchar_t *found_ = (Found), *wanted_ = (Wanted);                                      \
        if (wcscmp(found_, wanted_))                                                               \
            fail(__FILE__, __LINE__, "%s is %ls, not %ls", #Found, found_, wanted_);               \
    } while (0)
#define CHECK_RESULT(Value, Expected) CHECK_EQUAL((DWORD)(Value), (DWORD)(Expected))

#endif
