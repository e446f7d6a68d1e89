/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units behind a URI. tests/dll/uri.py tests them from the initiators' side. */

#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

#include "disk.h"
#include "hook.h"

static WCHAR uri[] = L"iscsi://127.0.0.1:0/iqn.2026-01.org.example:dll";
static WCHAR name[128];

static SPD_STORAGE_UNIT *create(PWSTR device_name)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;

    CHECK(SpdStorageUnitCreate(device_name, &params, &disk_interface, &unit) == 0);
    CHECK(SpdStorageUnitGetDeviceName(unit, name, sizeof name) == 0);
    return unit;
}

static void the_port_that_was_chosen_is_known(void)
{
    SPD_STORAGE_UNIT *unit = create(uri);

    CHECK(!wcsncmp(name, L"iscsi://127.0.0.1:", 18) && name[18] >= L'1' && name[18] <= L'9');
    CHECK(wcsstr(name, L"/iqn.2026-01.org.example:dll"));
    CHECK(((ULONG_PTR)unit->Handle & 1) == 1); /* no device */
    SpdStorageUnitDelete(unit);
}

static void an_address_is_used_once_and_free_again(void)
{
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit = create(uri), *other = (void *)1;

    params.Guid.Data1++;
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &other) == WSAEADDRINUSE);
    CHECK(!other);
    SpdStorageUnitDelete(unit);
    CHECK(SpdStorageUnitCreate(name, &params, &disk_interface, &other) == 0);
    SpdStorageUnitDelete(other);
}

static void bad_uris_are_refused_with_a_reason(void)
{
    static const struct {
        PWSTR uri;
        DWORD error;
        const char *reason;
    } rows[] = {
        { L"iscsi://127.0.0.1:0/no-such-name", ERROR_INVALID_PARAMETER, "no-such-name" },
        { L"iscsi://127.0.0.1:99999/iqn.2026-01.org.example:a", ERROR_INVALID_PARAMETER, "99999" },
        { L"iscsi://127.0.0.1:0/iqn.2026-01.org.example:a?colour=1", ERROR_INVALID_PARAMETER,
            "colour" },
        { L"iscsi://192.0.2.1:0/iqn.2026-01.org.example:a", ERROR_INVALID_PARAMETER, "" },
        { L"iscsi://192.0.2.1:0/iqn.2026-01.org.example:a?allow-anonymous=1", WSAEADDRNOTAVAIL,
            "192.0.2.1" },
        { L"iscsi://127.0.0.1:0/iqn.2026-01.org.example:a?chap=C:\\no\\secrets",
            ERROR_INVALID_PARAMETER, "C:\\no\\secrets" },
        { L"gopher://127.0.0.1/a", ERROR_INVALID_PARAMETER, "gopher" },
        { L"ublk:", ERROR_NOT_SUPPORTED, "ublk" },
    };
    SPD_STORAGE_UNIT_PARAMS params = disk_params();

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SPD_STORAGE_UNIT *unit = (void *)1;
        DWORD error = SpdStorageUnitCreate(rows[i].uri, &params, &disk_interface, &unit);

        CHECK(error == rows[i].error && !unit);
        CHECK(strstr(spd_error_detail(), rows[i].reason));
        if (error != rows[i].error)
            printf("# %ls: %lu %s\n", rows[i].uri, error, spd_error_detail());
    }
    params.Reserved[0] = 1; /* the driver's grace */
    CHECK(SpdStorageUnitCreate(uri, &params, &disk_interface, &(SPD_STORAGE_UNIT *){ NULL }) ==
        ERROR_INVALID_PARAMETER);
    params.Reserved[0] = 0;
    params.BlockLength = 500;
    CHECK(SpdStorageUnitCreate(uri, &params, &disk_interface, &(SPD_STORAGE_UNIT *){ NULL }) ==
        ERROR_INVALID_PARAMETER);
}

/* Adapters have such names; they are looked for, and not found. */
static void other_names_are_no_uris(void)
{
    static const PWSTR names[] = { L"a:", L"ROOT\\winspd:1", L"no-such-adapter", L":x", L"" };
    SPD_STORAGE_UNIT_PARAMS params = disk_params();
    SPD_STORAGE_UNIT *unit;

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        DWORD error = SpdStorageUnitCreate(names[i], &params, &disk_interface, &unit);

        CHECK(error != 0 && error != ERROR_INVALID_PARAMETER && error != ERROR_NOT_SUPPORTED);
    }
}

static void shutdown_is_no_error(void)
{
    SPD_STORAGE_UNIT *unit = create(uri);

    disk_flushes = 0;
    CHECK(SpdStorageUnitStartDispatcher(unit, 3) == 0);
    CHECK(SpdStorageUnitStartDispatcher(unit, 3) == ERROR_INVALID_PARAMETER);
    CHECK(disk_end(unit) == 0 && disk_flushes == 1);
}

static void shut_down_before_the_start(void)
{
    SPD_STORAGE_UNIT *unit = create(uri);

    disk_flushes = 0;
    SpdStorageUnitShutdown(unit);
    CHECK(SpdStorageUnitStartDispatcher(unit, 2) == 0);
    CHECK(disk_end(unit) == 0 && disk_flushes == 1);
}

static HANDLE(WINAPI *create_thread)(
    LPSECURITY_ATTRIBUTES, SIZE_T, LPTHREAD_START_ROUTINE, LPVOID, DWORD, LPDWORD);
static volatile LONG threads_left;

static HANDLE WINAPI create_few_threads(LPSECURITY_ATTRIBUTES security, SIZE_T stack,
    LPTHREAD_START_ROUTINE function, LPVOID argument, DWORD flags, LPDWORD id)
{
    if (InterlockedDecrement(&threads_left) >= 0)
        return create_thread(security, stack, function, argument, flags, id);
    SetLastError(ERROR_TOO_MANY_TCBS);
    return NULL;
}

/* Whichever of the threads it is that cannot be made, of the door or of the dispatcher. */
static void a_thread_that_cannot_be_made_ends_the_unit(void)
{
    enum { THREADS = 2, ALL = 1 + THREADS };
    void *real = hook_set("CreateThread", (void *)create_few_threads);

    memcpy(&create_thread, &real, sizeof real);
    for (LONG i = 0; i < ALL; i++) {
        SPD_STORAGE_UNIT *unit;
        DWORD error;

        threads_left = ALL;
        unit = create(uri);
        threads_left = i;
        error = SpdStorageUnitStartDispatcher(unit, THREADS);
        CHECK((error != 0) == (!unit->DispatcherThread));
        SpdStorageUnitWaitDispatcher(unit);
        CHECK(error != 0 || disk_end(unit) == ERROR_TOO_MANY_TCBS);
        if (error)
            SpdStorageUnitDelete(unit);
    }
    hook_set("CreateThread", real);
}

const struct test uri_tests[] = {
    { "uri: the port that was chosen is known", the_port_that_was_chosen_is_known },
    { "uri: an address is used once, and free again", an_address_is_used_once_and_free_again },
    { "uri: bad ones are refused with a reason", bad_uris_are_refused_with_a_reason },
    { "uri: other names are none", other_names_are_no_uris },
    { "uri: a shutdown is no error", shutdown_is_no_error },
    { "uri: shut down before the start", shut_down_before_the_start },
    { "uri: a thread that cannot be made ends the unit",
        a_thread_that_cannot_be_made_ends_the_unit },
    { 0 }
};
