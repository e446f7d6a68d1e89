/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The user's view: messages and the progress dialog. A second thread plays the user. It finds
 * the window by its title among those of this process, reads what is in it and presses a button.
 */

#include "shelltest.h"

#include "drive.h"

enum { TEXT_MAX = 4096, TEXTS = 4 };
#define IMAGE L"C:\\shell.test\\seen.disk"

/* The user's action on the next window of this title. */
struct user {
    const wchar_t *title, *texts[TEXTS]; /* of the window, and what has to be in it */
    HWND seen, owner;
    wchar_t text[TEXT_MAX]; /* of all that is in it, a line each */
    HWND asks;              /* a window that has to answer meanwhile; NULL: none */
    BOOL goes_on;           /* lets the launcher answer, and presses nothing */
};

struct search {
    const wchar_t *title;
    HWND found;
};

static BOOL CALLBACK look(HWND window, LPARAM argument)
{
    struct search *search = (struct search *)argument;
    wchar_t title[64] = L"";
    DWORD process;

    GetWindowThreadProcessId(window, &process);
    if (process != GetCurrentProcessId() || !IsWindowVisible(window))
        return TRUE;
    GetWindowTextW(window, title, 64);
    if (!wcscmp(title, search->title))
        search->found = window;
    return !search->found;
}

static HWND find(const wchar_t *title)
{
    struct search search = { .title = title };

    EnumWindows(look, (LPARAM)&search);
    return search.found;
}

static BOOL CALLBACK read(HWND control, LPARAM argument)
{
    wchar_t *text = (wchar_t *)argument;
    size_t length = wcslen(text);

    if (!IsWindowVisible(control) || length + 1 >= TEXT_MAX)
        return TRUE;
    GetWindowTextW(control, text + length, (int)(TEXT_MAX - 1 - length));
    wcscat(text, L"\n");
    return TRUE;
}

/* The text that is not there, or not yet: a dialog is visible before all its texts are. */
static const wchar_t *lacks(struct user *user)
{
    user->text[0] = L'\0';
    EnumChildWindows(user->seen, read, (LPARAM)user->text);
    for (unsigned i = 0; i < TEXTS && user->texts[i]; i++)
        if (!wcsstr(user->text, user->texts[i]))
            return user->texts[i];
    return NULL;
}

static void await_texts(struct user *user)
{
    ULONGLONG end = GetTickCount64() + PATIENCE;
    const wchar_t *lacking;

    while ((lacking = lacks(user))) {
        if (GetTickCount64() > end)
            fail(__FILE__, __LINE__, "%ls is not in: %ls", lacking, user->text);
        Sleep(1);
    }
}

static BOOL CALLBACK press(HWND control, LPARAM unused)
{
    wchar_t kind[16] = L"";

    (void)unused;
    GetClassNameW(control, kind, 16);
    if (lstrcmpiW(kind, L"Button") || !IsWindowVisible(control))
        return TRUE;
    PostMessageW(control, BM_CLICK, 0, 0);
    return FALSE;
}

static DWORD WINAPI act(void *argument)
{
    struct user *user = argument;

    WAIT_UNTIL((user->seen = find(user->title)));
    await_texts(user);
    user->owner = GetWindow(user->seen, GW_OWNER);
    if (user->asks)
        CHECK_EQUAL(SendMessageW(user->asks, WM_GETTEXTLENGTH, 0, 0), 4);
    if (user->goes_on)
        fake_go_on();
    else
        EnumChildWindows(user->seen, press, 0);
    return 0;
}

static HANDLE begin(struct user *user)
{
    HANDLE thread = CreateThread(NULL, 0, act, user, 0, NULL);

    CHECK(thread);
    return thread;
}

/* The user has seen all, and the window has gone. */
static void end(HANDLE thread, const struct user *user)
{
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(thread);
    WAIT_UNTIL(!IsWindow(user->seen));
}

/* Four characters, for who asks it whether it is served. */
static HWND window_of_the_caller(void)
{
    HWND window = CreateWindowW(L"Static", L"test", WS_OVERLAPPEDWINDOW | WS_VISIBLE, 0, 0, 200,
        100, NULL, NULL, NULL, NULL);

    CHECK(window);
    return window;
}

BOOL ui_is_there(void)
{
    HWND window = CreateWindowW(L"Static", L"", WS_POPUP, 0, 0, 1, 1, NULL, NULL, NULL, NULL);

    return window && DestroyWindow(window);
}

static HRESULT mount(void)
{
    const wchar_t *paths[] = { IMAGE };
    IShellItemArray *items = items_of(1, paths);
    IExecuteCommand *verb = create(&mount_id, &IID_IExecuteCommand);
    IObjectWithSelection *target;
    HRESULT result;
    HANDLE file;

    CreateDirectoryW(L"C:\\shell.test", NULL);
    file = CreateFileW(IMAGE, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    IExecuteCommand_QueryInterface(verb, &IID_IObjectWithSelection, (void **)&target);
    IObjectWithSelection_SetSelection(target, items);
    IObjectWithSelection_Release(target);
    IShellItemArray_Release(items);
    result = IExecuteCommand_Execute(verb);
    IExecuteCommand_Release(verb);
    return result;
}

/* Explorer would show a second one for another error than this. */
static void a_mount_that_fails_is_told(void)
{
    static const struct fake_row rows[] = { { .reply = L"!2\1" } };
    struct user user = { .title = L"Mount",
        .texts = { IMAGE, L"(1155)", L"No launcher class has the name \"disk\"." } };
    HANDLE thread;

    fake_start(1, rows);
    thread = begin(&user);
    CHECK_RESULT(mount(), HRESULT_FROM_WIN32(ERROR_CANCELLED));
    end(thread, &user);
    CHECK_EQUAL(fake_stop(), 1);
}

static HRESULT eject(const struct drive *drive, HWND window)
{
    CMINVOKECOMMANDINFO info = { .cbSize = sizeof info, .hwnd = window };
    IContextMenu *menu = drive_menu(drive);
    HRESULT result;

    CHECK(menu);
    result = IContextMenu_InvokeCommand(menu, &info);
    IContextMenu_Release(menu);
    return result;
}

static void an_eject_that_fails_is_told_to_the_window_that_asked(void)
{
    static const struct fake_row rows[] = { { .reply = L"!87\1" }, { .reply = L"!2404\1" } };
    HWND window = window_of_the_caller();
    struct drive drive = drive_start(L"");
    struct user user = { .title = L"Eject",
        .asks = window,
        .texts = { L"(2404)", L"A program uses the volume.", L"OK" } };
    HANDLE thread;

    fake_start(2, rows);
    thread = begin(&user);
    CHECK_RESULT(eject(&drive, window), HRESULT_FROM_WIN32(ERROR_DEVICE_IN_USE));
    end(thread, &user);
    CHECK(user.owner == window);
    CHECK_EQUAL(fake_stop(), 2);
    drive_close(&drive);
    DestroyWindow(window);
}

static void a_mount_that_takes_long_shows_its_progress(void)
{
    static const struct fake_row rows[] = { { .reply = L"$", .waits = TRUE } };
    HWND window = window_of_the_caller();
    struct user user = { .title = L"Mount",
        .asks = window,
        .goes_on = TRUE,
        .texts = { L"Starting the program that serves the disk...", L"\\\\?\\" IMAGE, L"Cancel" } };
    HANDLE thread;

    fake_start(1, rows);
    thread = begin(&user);
    CHECK_RESULT(mount(), S_OK);
    end(thread, &user);
    CHECK_EQUAL(fake_stop(), 1);
    DestroyWindow(window);
}

static void an_eject_that_takes_long_shows_its_progress(void)
{
    static const struct fake_row rows[] = { { .reply = L"!87\1", .waits = TRUE },
        { .reply = L"$" } };
    HWND window = window_of_the_caller();
    struct drive drive = drive_start(L"");
    struct user user = {
        .title = L"Eject", .goes_on = TRUE, .texts = { L"Writing back what is cached", L"\\\\?\\" }
    };
    HANDLE thread;

    fake_start(2, rows);
    thread = begin(&user);
    CHECK_RESULT(eject(&drive, window), S_OK);
    end(thread, &user);
    CHECK(user.owner == window);
    CHECK_EQUAL(fake_stop(), 2);
    drive_close(&drive);
    DestroyWindow(window);
}

/* Nor does a message follow: the user knows. */
static void its_button_cancels_a_mount(void)
{
    static const struct fake_row rows[] = { { .reply = L"$", .waits = TRUE }, { .reply = L"$" } };
    struct user user = { .title = L"Mount", .texts = { L"Cancel" } };
    HANDLE thread;

    fake_start(2, rows);
    thread = begin(&user);
    CHECK_RESULT(mount(), HRESULT_FROM_WIN32(ERROR_CANCELLED));
    end(thread, &user);
    fake_go_on();
    fake_await(2);
    CHECK_EQUAL(fake_stop(), 2);
    CHECK(!wcsncmp(fake_request(1), L"T", 1));
}

const struct test ui_tests[] = {
    { "ui: a mount that fails is told", a_mount_that_fails_is_told },
    { "ui: an eject that fails is told to the window that asked",
        an_eject_that_fails_is_told_to_the_window_that_asked },
    { "ui: a mount that takes long shows its progress",
        a_mount_that_takes_long_shows_its_progress },
    { "ui: an eject that takes long shows its progress",
        an_eject_that_takes_long_shows_its_progress },
    { "ui: its button cancels a mount", its_button_cancels_a_mount },
    { NULL, NULL },
};
