/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The menu entry: for which drives there is one, where it is, and which instance it stops. */

#include "shelltest.h"

#include "drive.h"

#include <winspd/winspd.h>

enum { TEXT_MAX = 512 };

static wchar_t reply_text[4][TEXT_MAX];

/* The record of an instance that serves the disk of the drive, or one with another GUID. */
static const wchar_t *record(
    unsigned row, const struct drive *drive, const wchar_t *names, BOOL is_it)
{
    wchar_t guid[40] = L"";
    uint8_t bytes[16];

    memcpy(bytes, drive->owner.guid, sizeof bytes);
    bytes[15] = (uint8_t)(bytes[15] ^ (is_it ? 0 : 1));
    for (unsigned i = 0; i < sizeof bytes; i++)
        swprintf(guid + wcslen(guid), 40 - wcslen(guid), L"%ls%02X",
            i == 4 || i == 6 || i == 8 || i == 10 ? L"-" : L"", bytes[i]);
    swprintf(reply_text[row], TEXT_MAX, L"$%ls\1pid=%lu\1disk=7 {%ls}\1", names,
        (unsigned long)drive->pid, guid);
    return reply_text[row];
}

static HRESULT invoke(IContextMenu *menu)
{
    CMINVOKECOMMANDINFO info = { .cbSize = sizeof info, .fMask = CMIC_MASK_FLAG_NO_UI };

    return IContextMenu_InvokeCommand(menu, &info);
}

/* Ejects the drive with such a launcher, which gets so many requests. */
static HRESULT eject(
    const struct drive *drive, unsigned rows, const struct fake_row *row, unsigned requests)
{
    IContextMenu *menu = drive_menu(drive);
    HRESULT result;

    CHECK(menu);
    fake_start(rows, row);
    result = invoke(menu);
    CHECK_EQUAL(fake_stop(), requests);
    IContextMenu_Release(menu);
    CHECK_EQUAL(items_alive(), 0);
    return result;
}

static void check_request(unsigned number, const wchar_t *format, const struct drive *drive)
{
    wchar_t wanted[TEXT_MAX];

    swprintf(wanted, TEXT_MAX, format, (unsigned long)drive->pid);
    CHECK_TEXT(fake_request(number), wanted);
}

static void the_instance_that_serves_the_disk_is_stopped(void)
{
    struct drive drive = drive_start(L"");
    struct fake_row rows[2] = { { .reply = record(0, &drive, L"mem\1C:\\a", TRUE) },
        { .reply = L"$" } };

    CHECK_RESULT(eject(&drive, 2, rows, 2), S_OK);
    check_request(0, L"V.pid.\1%lu\1", &drive);
    CHECK_TEXT(fake_request(1), L"Tmem\1C:\\a\1");
    drive_close(&drive);
}

/* The process id of a disk may be that of another instance by now. */
static void an_instance_with_another_disk_is_left_alone(void)
{
    struct drive drive = drive_start(L"");
    struct fake_row rows[4] = { { .reply = record(0, &drive, L"mem\1other", FALSE) },
        { .reply = L"$mem\1other\1" }, { .reply = record(2, &drive, L"mem\1other", FALSE) },
        { .reply = L"$" } };

    CHECK_RESULT(eject(&drive, 4, rows, 4), HRESULT_FROM_WIN32(ERROR_NO_ASSOCIATION));
    CHECK_TEXT(fake_request(1), L"N\1\1");
    CHECK_TEXT(fake_request(2), L"Vmem\1other\1");
    CHECK_TEXT(fake_request(3), L"Nmem\1other\1");
    drive_close(&drive);
}

/* Windows may know a disk by a process that was: the one that took it over is found by the GUID. */
static void a_server_that_was_started_again_is_found(void)
{
    struct drive drive = drive_start(L"");
    const wchar_t *found = record(0, &drive, L"mem\1y", TRUE);
    struct fake_row rows[] = { { .reply = L"!2\1" }, { .reply = L"$mem\1x\1mem\1y\1" },
        { .reply = L"!5\1" }, { .reply = found }, { .reply = L"$" } };
    struct fake_row pages[] = { { .reply = L"!2\1" }, { .reply = L"$mem\1x\1" },
        { .reply = L"!5\1" }, { .reply = L"$mem\1y\1" }, { .reply = found }, { .reply = L"$" } };

    CHECK_RESULT(eject(&drive, 5, rows, 5), S_OK);
    CHECK_TEXT(fake_request(4), L"Tmem\1y\1");
    CHECK_RESULT(eject(&drive, 6, pages, 6), S_OK);
    CHECK_TEXT(fake_request(3), L"Nmem\1x\1");
    CHECK_TEXT(fake_request(5), L"Tmem\1y\1");
    drive_close(&drive);
}

static void an_older_launcher_is_asked_by_the_process_id(void)
{
    struct drive drive = drive_start(L"");
    static const struct fake_row rows[] = { { .reply = L"!87\1" }, { .reply = L"$" } };

    CHECK_RESULT(eject(&drive, 2, rows, 2), S_OK);
    check_request(1, L"T.pid.\1%lu\1", &drive);
    drive_close(&drive);
}

static void refusals_become_results(void)
{
    struct drive drive = drive_start(L"");
    const wchar_t *found = record(0, &drive, L"mem\1a", TRUE);
    struct {
        struct fake_row rows[4];
        unsigned requests;
        DWORD error;
    } cases[] = {
        { { { .reply = found }, { .reply = L"!2404\1" } }, 2, ERROR_DEVICE_IN_USE },
        { { { .reply = found }, { .reply = L"!5\1" } }, 2, ERROR_ACCESS_DENIED },
        { { { .reply = found }, { .reply = L"!2\1" } }, 2, ERROR_NO_ASSOCIATION },
        { { { .reply = found }, { .hangs_up = TRUE } }, 2, ERROR_NO_ASSOCIATION },
        { { { .reply = L"!5\1" }, { .reply = L"$mem\1a\1" }, { .reply = L"!5\1" },
              { .reply = L"$" } },
            4, ERROR_ACCESS_DENIED },
        { { { .reply = L"!5\1" }, { .reply = L"$" } }, 2, ERROR_ACCESS_DENIED },
        { { { .reply = L"!2\1" }, { .reply = L"$" } }, 2, ERROR_NO_ASSOCIATION },
        { { { .reply = L"$nonsense" }, { .reply = L"!122\1" } }, 2, ERROR_NO_ASSOCIATION },
        { { { .hangs_up = TRUE } }, 1, ERROR_NO_ASSOCIATION },
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_RESULT(
            eject(&drive, 4, cases[i].rows, cases[i].requests), HRESULT_FROM_WIN32(cases[i].error));
    drive_close(&drive);
}

/* Between the menu and the click. */
static void a_disk_that_has_gone_stops_nothing(void)
{
    struct drive drive = drive_start(L"");
    IContextMenu *menu = drive_menu(&drive);

    CHECK(menu);
    drive_kill(&drive);
    for (struct launch_volumes left = { .count = 1 }; left.count; launch_volume_release(&left))
        CHECK_RESULT(launch_volume_find(LAUNCH_DISKS, drive.pid, &left), 0);
    fake_start(0, NULL);
    CHECK_RESULT(invoke(menu), HRESULT_FROM_WIN32(ERROR_DEV_NOT_EXIST));
    CHECK_EQUAL(fake_stop(), 0);
    IContextMenu_Release(menu);
    drive_close(&drive);
}

static DWORD WINAPI eject_on_a_thread(void *drive)
{
    IContextMenu *menu;
    HRESULT result;

    CHECK_RESULT(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
    menu = drive_menu(drive);
    CHECK(menu);
    result = invoke(menu);
    IContextMenu_Release(menu);
    CoUninitialize();
    return (DWORD)result;
}

static void two_are_ejected_at_once(void)
{
    static const struct fake_row rows[] = { { .reply = L"!87\1", .waits = TRUE },
        { .reply = L"!87\1", .waits = TRUE }, { .reply = L"$" }, { .reply = L"$" } };
    struct drive drives[] = { drive_start(L""), drive_start(L"") };
    HANDLE threads[2];
    DWORD result;

    fake_start(4, rows);
    for (unsigned i = 0; i < 2; i++)
        threads[i] = CreateThread(NULL, 0, eject_on_a_thread, &drives[i], 0, NULL);
    fake_await(2);
    fake_go_on();
    CHECK_EQUAL(WaitForMultipleObjects(2, threads, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (unsigned i = 0; i < 2; i++) {
        GetExitCodeThread(threads[i], &result);
        CHECK_RESULT(result, S_OK);
        drive_close(&drives[i]);
    }
    CHECK_EQUAL(fake_stop(), 4);
}

static HRESULT initialize(unsigned count, const wchar_t *const *paths)
{
    IShellExtInit *init = create(&eject_id, &IID_IShellExtInit);
    IDataObject *data = count ? data_of(count, paths) : NULL;
    HRESULT result = IShellExtInit_Initialize(init, NULL, data, NULL);
    IContextMenu *menu;
    HMENU entries = CreatePopupMenu();

    /* A caller that goes on in spite of it gets no entry. */
    CHECK_RESULT(IShellExtInit_QueryInterface(init, &IID_IContextMenu, (void **)&menu), S_OK);
    if (FAILED(result)) {
        CHECK_RESULT(IContextMenu_QueryContextMenu(menu, entries, 0, 1, 9, CMF_NORMAL), 0);
        CHECK_RESULT(invoke(menu), E_UNEXPECTED);
    }
    DestroyMenu(entries);
    IContextMenu_Release(menu);
    IShellExtInit_Release(init);
    if (data)
        IDataObject_Release(data);
    CHECK_EQUAL(items_alive(), 0);
    return result;
}

static void other_drives_have_no_entry(void)
{
    struct drive drive = drive_start(L"");
    const wchar_t *const paths[] = { drive.root, L"C:\\", L"Q:\\", L"", L"no path" };
    const wchar_t *const twice[] = { drive.root, drive.root };

    CHECK_RESULT(initialize(1, paths), S_OK);
    for (unsigned i = 1; i < 5; i++)
        CHECK_RESULT(initialize(1, paths + i), E_FAIL);
    CHECK_RESULT(initialize(0, NULL), E_INVALIDARG);
    CHECK_RESULT(initialize(2, twice), E_FAIL);
    drive_close(&drive);
}

static void a_disk_whose_program_does_not_want_it_has_no_entry(void)
{
    SPD_STORAGE_UNIT_PARAMS params = { .BlockCount = 64,
        .BlockLength = 512,
        .MaxTransferLength = 65536,
        .EjectDisabled = 1,
        .Guid = guid_a,
        .ProductId = "shelltest",
        .ProductRevisionLevel = "1.0" };
    SPD_STORAGE_UNIT_INTERFACE none = { 0 };
    struct launch_volumes disks;
    SPD_STORAGE_UNIT *unit;
    struct drive drive;

    CHECK_EQUAL(SpdStorageUnitCreate(NULL, &params, &none, &unit), 0);
    WAIT_UNTIL(
        !launch_volume_find(LAUNCH_DISKS, GetCurrentProcessId(), &disks) && disks.count == 1);
    CHECK(disks.items[0].owner.hides_eject);
    drive = drive_of_disk(disks.items[0].disk);
    launch_volume_release(&disks);
    CHECK_RESULT(initialize(1, (const wchar_t *const[]){ drive.root }), E_FAIL);
    drive_close(&drive);
    SpdStorageUnitDelete(unit);
}

static void check_entry(HMENU menu, UINT at, UINT id, const wchar_t *text)
{
    wchar_t found[64] = L"";

    CHECK_EQUAL(GetMenuItemID(menu, (int)at), id);
    GetMenuStringW(menu, at, found, 64, MF_BYPOSITION);
    CHECK_TEXT(found, text);
}

/* 0 open, 1 separator, 2 format, 3 separator, 4 properties */
static HMENU drives_menu(void)
{
    HMENU menu = CreatePopupMenu();

    AppendMenuW(menu, MF_STRING, 100, L"Open");
    AppendMenuW(menu, MF_SEPARATOR, 0, NULL);
    AppendMenuW(menu, MF_STRING, 102, L"Format");
    AppendMenuW(menu, MF_SEPARATOR, 0, NULL);
    AppendMenuW(menu, MF_STRING, 104, L"Properties");
    return menu;
}

static void the_entry_is_above_the_next_separator(void)
{
    static const UINT places[][2] = { { 0, 1 }, { 1, 1 }, { 2, 3 }, { 4, 5 }, { 99, 5 } };
    struct drive drive = drive_start(L"");
    IContextMenu *menu = drive_menu(&drive);

    CHECK(menu);
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        HMENU entries = drives_menu();

        CHECK_RESULT(
            IContextMenu_QueryContextMenu(menu, entries, places[i][0], 7, 50, CMF_NORMAL), 1);
        CHECK_EQUAL(GetMenuItemCount(entries), 6);
        check_entry(entries, places[i][1], 7, L"Eject");
        DestroyMenu(entries);
    }
    IContextMenu_Release(menu);
    drive_close(&drive);
}

static void there_may_be_no_room_for_the_entry(void)
{
    struct drive drive = drive_start(L"");
    IContextMenu *menu = drive_menu(&drive);
    HMENU entries = drives_menu();

    CHECK_RESULT(IContextMenu_QueryContextMenu(menu, entries, 0, 7, 6, CMF_NORMAL), 0);
    CHECK_RESULT(IContextMenu_QueryContextMenu(menu, entries, 0, 7, 9, CMF_DEFAULTONLY), 0);
    CHECK_EQUAL(GetMenuItemCount(entries), 5);
    CHECK_RESULT(IContextMenu_QueryContextMenu(menu, entries, 0, 7, 7, CMF_NORMAL), 1);
    CHECK(FAILED(IContextMenu_QueryContextMenu(menu, NULL, 0, 7, 7, CMF_NORMAL)));
    DestroyMenu(entries);
    IContextMenu_Release(menu);
    drive_close(&drive);
}

/* The verb's names, with a menu that has an entry; 0x87 is no result of any. */
static void the_entry_is_invoked_by_its_names(void)
{
    static const struct {
        const char *name;
        const wchar_t *wide;
        BOOL works;
    } verbs[] = {
        { NULL, NULL, TRUE },
        { "WinSpd.Eject", NULL, TRUE },
        { "winspd.eject", NULL, TRUE },
        { "Drive", NULL, TRUE }, /* as with the original */
        { "open", NULL, FALSE },
        { "", NULL, FALSE },
        { (const char *)1, NULL, FALSE },
        { "open", L"WinSpd.Eject", TRUE },
        { "WinSpd.Eject", L"open", FALSE },
        { NULL, L"Drive", TRUE },
    };
    struct drive drive = drive_start(L"");
    IContextMenu *menu = drive_menu(&drive);
    CMINVOKECOMMANDINFO small = { .cbSize = sizeof small - 1 };

    CHECK(menu);
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        CMINVOKECOMMANDINFOEX info = { .cbSize = sizeof info,
            .fMask = CMIC_MASK_FLAG_NO_UI | (verbs[i].wide ? CMIC_MASK_UNICODE : 0),
            .lpVerb = verbs[i].name,
            .lpVerbW = verbs[i].wide };

        fake_start(0, NULL);
        CHECK_RESULT(IContextMenu_InvokeCommand(menu, (CMINVOKECOMMANDINFO *)&info),
            verbs[i].works ? HRESULT_FROM_WIN32(ERROR_INVALID_PARAMETER) : E_INVALIDARG);
        CHECK_EQUAL(fake_stop(), verbs[i].works ? 2 : 0);
    }
    CHECK_RESULT(IContextMenu_InvokeCommand(menu, &small), E_INVALIDARG);
    CHECK_RESULT(IContextMenu_InvokeCommand(menu, NULL), E_INVALIDARG);
    IContextMenu_Release(menu);
    drive_close(&drive);
}

/* Nothing is written beyond the room, and what is written has an end. */
static void texts_fit_into_any_room(void)
{
    static const struct {
        UINT type, size;
        const char *narrow;
        const wchar_t *wide;
    } texts[] = {
        { GCS_VERBA, 1, "WinSpd.Eject", NULL },
        { GCS_VERBW, 2, NULL, L"WinSpd.Eject" },
        { GCS_HELPTEXTA, 1, "Ends the program", NULL },
        { GCS_HELPTEXTW, 2, NULL, L"Ends the program" },
    };
    IContextMenu *menu = create(&eject_id, &IID_IContextMenu);

    for (unsigned i = 0; i < 4; i++) {
        for (UINT room = 0; room < 200; room++) {
            union {
                char bytes[512];
                wchar_t wide[256];
            } buffer;
            HRESULT result;

            memset(&buffer, 0x55, sizeof buffer);
            result = IContextMenu_GetCommandString(
                menu, 0, texts[i].type, NULL, buffer.bytes, room);
            for (size_t k = room * texts[i].size; k < sizeof buffer.bytes; k++)
                CHECK_EQUAL(buffer.bytes[k], 0x55);
            CHECK(room || FAILED(result));
            if (room && texts[i].narrow)
                CHECK(!strncmp(
                          buffer.bytes, texts[i].narrow, min(room - 1, strlen(texts[i].narrow))) &&
                      memchr(buffer.bytes, 0, room));
            if (room && texts[i].wide)
                CHECK(!wcsncmp(buffer.wide, texts[i].wide, min(room - 1, wcslen(texts[i].wide))) &&
                      wmemchr(buffer.wide, 0, room));
            CHECK(room < 100 || result == S_OK);
        }
        CHECK_RESULT(
            IContextMenu_GetCommandString(menu, 0, texts[i].type, NULL, NULL, 9), E_POINTER);
    }
    CHECK_RESULT(IContextMenu_GetCommandString(menu, 0, GCS_VALIDATEW, NULL, NULL, 0), S_OK);
    CHECK_RESULT(IContextMenu_GetCommandString(menu, 1, GCS_VALIDATEA, NULL, NULL, 0), S_FALSE);
    CHECK_RESULT(
        IContextMenu_GetCommandString(menu, 1, GCS_VERBW, NULL, (char[4]){ 0 }, 2), E_INVALIDARG);
    CHECK_RESULT(
        IContextMenu_GetCommandString(menu, 0, 0x99, NULL, (char[4]){ 0 }, 2), E_INVALIDARG);
    IContextMenu_Release(menu);
}

const struct test eject_tests[] = {
    { "eject: the instance that serves the disk is stopped",
        the_instance_that_serves_the_disk_is_stopped },
    { "eject: an instance with another disk is left alone",
        an_instance_with_another_disk_is_left_alone },
    { "eject: a server that was started again is found", a_server_that_was_started_again_is_found },
    { "eject: an older launcher is asked by the process id",
        an_older_launcher_is_asked_by_the_process_id },
    { "eject: refusals become results", refusals_become_results },
    { "eject: a disk that has gone stops nothing", a_disk_that_has_gone_stops_nothing },
    { "eject: two are ejected at once", two_are_ejected_at_once },
    { "eject: other drives have no entry", other_drives_have_no_entry },
    { "eject: a disk whose program does not want it has no entry",
        a_disk_whose_program_does_not_want_it_has_no_entry },
    { "eject: the entry is above the next separator", the_entry_is_above_the_next_separator },
    { "eject: there may be no room for the entry", there_may_be_no_room_for_the_entry },
    { "eject: the entry is invoked by its names", the_entry_is_invoked_by_its_names },
    { "eject: texts fit into any room", texts_fit_into_any_room },
    { NULL, NULL },
};
