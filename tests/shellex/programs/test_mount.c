/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The verb: what it asks of the launcher, what becomes of the answer, and what happens meanwhile.
 */

#include "shelltest.h"

#define FOLDER L"C:\\shell.test"
#define IMAGE  FOLDER L"\\one.Disk"
/* As the launcher gets it. */
#define PATH               L"\\\\?\\C:\\shell.test\\one.Disk"
#define START(Class, Path) L"S" Class L"\1" Path L"\1" Path L"\1"

static void make_file(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);

    CHECK(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
}

static IExecuteCommand *verb_for(IShellItemArray *items)
{
    IExecuteCommand *verb = create(&mount_id, &IID_IExecuteCommand);
    IObjectWithSelection *target;

    CHECK_RESULT(
        IExecuteCommand_QueryInterface(verb, &IID_IObjectWithSelection, (void **)&target), S_OK);
    CHECK_RESULT(IObjectWithSelection_SetSelection(target, items), S_OK);
    IObjectWithSelection_Release(target);
    CHECK_RESULT(IExecuteCommand_SetNoShowUI(verb, TRUE), S_OK);
    return verb;
}

static HRESULT mount_all(unsigned count, const wchar_t *const *paths)
{
    IShellItemArray *items = items_of(count, paths);
    IExecuteCommand *verb = verb_for(items);
    HRESULT result;

    IShellItemArray_Release(items);
    result = IExecuteCommand_Execute(verb);
    CHECK_EQUAL(IExecuteCommand_Release(verb), 0);
    CHECK_EQUAL(items_alive(), 0);
    return result;
}

static HRESULT mount_one(const wchar_t *path)
{
    return mount_all(1, &path);
}

static void prepare(void)
{
    CreateDirectoryW(FOLDER, NULL);
    make_file(IMAGE);
}

static void a_file_is_mounted_by_its_class(void)
{
    static const struct fake_row rows[] = { { .reply = L"$" } };

    prepare();
    fake_start(1, rows);
    CHECK_RESULT(mount_one(IMAGE), S_OK);
    CHECK_EQUAL(fake_stop(), 1);
    CHECK_TEXT(fake_request(0), START(L"Disk", PATH));
}

/* So that the launcher finds a file that is mounted already, whatever it is called by. */
static void all_names_of_a_file_lead_to_one_path(void)
{
    static const wchar_t *const names[] = { L"c:\\SHELL.TEST\\ONE.dISK",
        L"C:\\windows\\..\\shell.test\\.\\one.Disk", L"\\\\?\\C:\\shell.test\\one.Disk" };
    static const struct fake_row rows[] = { { .reply = L"$" }, { .reply = L"$" },
        { .reply = L"$" } };

    prepare();
    fake_start(3, rows);
    CHECK_RESULT(mount_all(3, names), S_OK);
    CHECK_EQUAL(fake_stop(), 3);
    for (unsigned i = 0; i < 3; i++)
        CHECK_TEXT(fake_request(i), START(L"Disk", PATH));
}

static void the_class_is_the_extension_of_the_name_alone(void)
{
    static const struct {
        const wchar_t *path;
        const wchar_t *request; /* NULL: no request is made */
    } files[] = {
        { FOLDER L"\\none", NULL },
        { FOLDER L"\\.hidden", START(L"hidden", L"\\\\?\\C:\\shell.test\\.hidden") },
        { FOLDER L"\\a.b.c", START(L"c", L"\\\\?\\C:\\shell.test\\a.b.c") },
    };
    static const struct fake_row rows[] = { { .reply = L"$" }, { .reply = L"$" } };
    unsigned requests = 0;

    prepare();
    fake_start(2, rows);
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        make_file(files[i].path);
        CHECK_RESULT(mount_one(files[i].path),
            files[i].request ? S_OK : HRESULT_FROM_WIN32(ERROR_NO_ASSOCIATION));
        if (files[i].request)
            CHECK_TEXT(fake_request(requests++), files[i].request);
    }
    CHECK_EQUAL(fake_stop(), requests);
}

static void a_file_that_another_program_has_locked_is_mounted(void)
{
    static const struct fake_row rows[] = { { .reply = L"$" } };
    HANDLE locked;

    prepare();
    locked = CreateFileW(IMAGE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(locked != INVALID_HANDLE_VALUE);
    fake_start(1, rows);
    CHECK_RESULT(mount_one(L"c:\\shell.test\\ONE.disk"), S_OK);
    CHECK_EQUAL(fake_stop(), 1);
    CloseHandle(locked);
}

static void answers_become_results(void)
{
    static const struct {
        struct fake_row row;
        DWORD error;
    } cases[] = {
        { { .reply = L"!183\1" }, 0 }, /* it is mounted already */
        { { .reply = L"!2\1" }, ERROR_NO_ASSOCIATION },
        { { .reply = L"!5\1" }, ERROR_ACCESS_DENIED },
        { { .reply = L"!193\1" }, ERROR_BAD_EXE_FORMAT },
        { { .reply = L"?\1" }, ERROR_BROKEN_PIPE },
        { { .hangs_up = TRUE }, ERROR_NO_ASSOCIATION },
    };

    prepare();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_start(1, &cases[i].row);
        CHECK_RESULT(mount_one(IMAGE), HRESULT_FROM_WIN32(cases[i].error));
        fake_stop();
    }
    /* No launcher at all. */
    CHECK_RESULT(mount_one(IMAGE), HRESULT_FROM_WIN32(ERROR_NO_ASSOCIATION));
}

static void what_is_no_file_is_not_asked_for(void)
{
    static const wchar_t *const missing[] = { FOLDER L"\\missing.disk", NULL };

    prepare();
    fake_start(0, NULL);
    CHECK_RESULT(mount_one(missing[0]), HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND));
    CHECK_RESULT(mount_one(missing[1]), E_INVALIDARG);
    CHECK_EQUAL(fake_stop(), 0);
}

static void each_of_several_is_mounted_and_the_last_one_counts(void)
{
    static const wchar_t *const paths[] = { IMAGE, FOLDER L"\\2.x", FOLDER L"\\3.y" };
    static const struct fake_row good_last[] = { { .reply = L"!5\1" }, { .reply = L"!2\1" },
        { .reply = L"$" } };
    static const struct fake_row bad_last[] = { { .reply = L"$" }, { .reply = L"$" },
        { .reply = L"!5\1" } };

    prepare();
    make_file(paths[1]);
    make_file(paths[2]);
    fake_start(3, good_last);
    CHECK_RESULT(mount_all(3, paths), S_OK);
    CHECK_EQUAL(fake_stop(), 3);
    CHECK_TEXT(fake_request(0), START(L"Disk", PATH));
    CHECK_TEXT(fake_request(1), START(L"x", L"\\\\?\\C:\\shell.test\\2.x"));
    CHECK_TEXT(fake_request(2), START(L"y", L"\\\\?\\C:\\shell.test\\3.y"));
    fake_start(3, bad_last);
    CHECK_RESULT(mount_all(3, paths), HRESULT_FROM_WIN32(ERROR_ACCESS_DENIED));
    CHECK_EQUAL(fake_stop(), 3);
}

static void the_selection_is_kept_and_given_back(void)
{
    static const wchar_t *const paths[] = { IMAGE };
    IShellItemArray *first = items_of(1, paths), *second = items_of(1, paths), *found;
    IExecuteCommand *verb = create(&mount_id, &IID_IExecuteCommand);
    IObjectWithSelection *target;

    CHECK_RESULT(IExecuteCommand_Execute(verb), E_UNEXPECTED);
    IExecuteCommand_QueryInterface(verb, &IID_IObjectWithSelection, (void **)&target);
    found = first;
    CHECK_RESULT(
        IObjectWithSelection_GetSelection(target, &IID_IShellItemArray, (void **)&found), E_FAIL);
    CHECK(!found);
    IObjectWithSelection_SetSelection(target, first);
    IShellItemArray_Release(first);
    CHECK_EQUAL(items_alive(), 2);
    IObjectWithSelection_SetSelection(target, second);
    IShellItemArray_Release(second);
    CHECK_EQUAL(items_alive(), 1);
    /* The same once more: it must not go in between. */
    IObjectWithSelection_SetSelection(target, second);
    CHECK_EQUAL(items_alive(), 1);
    CHECK_RESULT(
        IObjectWithSelection_GetSelection(target, &IID_IShellItemArray, (void **)&found), S_OK);
    CHECK(found == second);
    IShellItemArray_Release(found);
    IObjectWithSelection_SetSelection(target, NULL);
    CHECK_EQUAL(items_alive(), 0);
    IObjectWithSelection_Release(target);
    IExecuteCommand_Release(verb);
}

static void the_setters_and_the_state_do_no_harm(void)
{
    IExecuteCommand *verb = create(&mount_id, &IID_IExecuteCommand);
    IInitializeCommand *init;
    IExplorerCommandState *state;
    POINT point = { 1, 2 };
    EXPCMDSTATE found = 77;

    CHECK_RESULT(IExecuteCommand_SetKeyState(verb, 1), S_OK);
    CHECK_RESULT(IExecuteCommand_SetParameters(verb, L"x"), S_OK);
    CHECK_RESULT(IExecuteCommand_SetPosition(verb, point), S_OK);
    CHECK_RESULT(IExecuteCommand_SetShowWindow(verb, SW_SHOW), S_OK);
    CHECK_RESULT(IExecuteCommand_SetDirectory(verb, NULL), S_OK);
    IExecuteCommand_QueryInterface(verb, &IID_IInitializeCommand, (void **)&init);
    CHECK_RESULT(IInitializeCommand_Initialize(init, L"open", NULL), S_OK);
    IInitializeCommand_Release(init);
    IExecuteCommand_QueryInterface(verb, &IID_IExplorerCommandState, (void **)&state);
    CHECK_RESULT(IExplorerCommandState_GetState(state, NULL, FALSE, &found), S_OK);
    CHECK_EQUAL(found, ECS_ENABLED);
    CHECK_RESULT(IExplorerCommandState_GetState(state, NULL, FALSE, NULL), E_POINTER);
    IExplorerCommandState_Release(state);
    IExecuteCommand_Release(verb);
}

/* Another thread's work while Execute() waits for a launcher that does not answer. */
struct meanwhile {
    DWORD thread;
    UINT message;
    HANDLE served; /* the message has been, on the thread that waits */
    BOOL goes_on;
};

static struct meanwhile meanwhile;

static void CALLBACK timer(HWND window, UINT message, UINT_PTR id, DWORD time)
{
    (void)window;
    (void)message;
    (void)time;
    KillTimer(NULL, id);
    SetEvent(meanwhile.served);
}

static DWORD WINAPI intervene(void *unused)
{
    (void)unused;
    fake_await(1);
    if (meanwhile.message)
        PostThreadMessageW(meanwhile.thread, meanwhile.message, 3, 0);
    else
        CHECK_EQUAL(WaitForSingleObject(meanwhile.served, PATIENCE), WAIT_OBJECT_0);
    if (meanwhile.goes_on)
        fake_go_on();
    return 0;
}

static HANDLE start_meanwhile(UINT message, BOOL goes_on)
{
    meanwhile = (struct meanwhile){ GetCurrentThreadId(), message,
        CreateEventW(NULL, TRUE, FALSE, NULL), goes_on };
    return CreateThread(NULL, 0, intervene, NULL, 0, NULL);
}

/* Without a display Wine has no windows, but timers. */
static void windows_are_served_while_the_launcher_is_busy(void)
{
    static const struct fake_row rows[] = { { .reply = L"$", .waits = TRUE } };
    HANDLE thread;

    prepare();
    fake_start(1, rows);
    thread = start_meanwhile(0, TRUE);
    CHECK(SetTimer(NULL, 0, 10, timer));
    CHECK_RESULT(mount_one(IMAGE), S_OK);
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQUAL(fake_stop(), 1);
}

/* A cancelled mount leaves no disk: the instance that comes up all the same is stopped. */
static void who_waits_no_longer_gets_no_disk(void)
{
    static const struct fake_row rows[] = { { .reply = L"$", .waits = TRUE }, { .reply = L"$" } };
    HANDLE thread;
    MSG message;

    prepare();
    fake_start(2, rows);
    thread = start_meanwhile(WM_QUIT, FALSE);
    CHECK_RESULT(mount_one(IMAGE), HRESULT_FROM_WIN32(ERROR_CANCELLED));
    /* The message is for the loop of the thread, too. */
    CHECK(PeekMessageW(&message, NULL, 0, 0, PM_REMOVE));
    CHECK_EQUAL(message.message, WM_QUIT);
    CHECK_EQUAL(message.wParam, 3);
    fake_go_on();
    fake_await(2);
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQUAL(fake_stop(), 2);
    CHECK_TEXT(fake_request(1), L"TDisk\1" PATH L"\1");
}

static void what_was_mounted_before_stays_when_a_mount_is_cancelled(void)
{
    static const wchar_t *const paths[] = { IMAGE, IMAGE };
    static const struct fake_row rows[] = { { .reply = L"!183\1", .waits = TRUE } };
    HANDLE thread;
    MSG message;

    prepare();
    fake_start(1, rows);
    thread = start_meanwhile(WM_QUIT, FALSE);
    /* The second one is not even tried. */
    CHECK_RESULT(mount_all(2, paths), HRESULT_FROM_WIN32(ERROR_CANCELLED));
    PeekMessageW(&message, NULL, WM_QUIT, WM_QUIT, PM_REMOVE);
    CHECK_EQUAL(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    fake_go_on();
    /* The thread that has asked is done with all that it does. */
    WAIT_UNTIL(can_unload() == S_OK);
    CHECK_EQUAL(fake_stop(), 1);
}

static DWORD WINAPI mount_on_a_thread(void *path)
{
    HRESULT result;
    const wchar_t *paths[] = { path };
    IShellItemArray *items;
    IExecuteCommand *verb;

    CHECK_RESULT(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
    items = items_of(1, paths);
    verb = verb_for(items);
    IShellItemArray_Release(items);
    result = IExecuteCommand_Execute(verb);
    IExecuteCommand_Release(verb);
    CoUninitialize();
    return (DWORD)result;
}

/* The launcher has both requests before it answers either. */
static void two_are_mounted_at_once(void)
{
    static const struct fake_row rows[] = { { .reply = L"$", .waits = TRUE },
        { .reply = L"$", .waits = TRUE } };
    HANDLE threads[2];
    DWORD result;

    prepare();
    make_file(FOLDER L"\\two.disk");
    fake_start(2, rows);
    threads[0] = CreateThread(NULL, 0, mount_on_a_thread, (void *)IMAGE, 0, NULL);
    threads[1] = CreateThread(NULL, 0, mount_on_a_thread, (void *)FOLDER L"\\two.disk", 0, NULL);
    fake_await(2);
    fake_go_on();
    CHECK_EQUAL(WaitForMultipleObjects(2, threads, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (unsigned i = 0; i < 2; i++) {
        GetExitCodeThread(threads[i], &result);
        CHECK_RESULT(result, S_OK);
    }
    CHECK_EQUAL(fake_stop(), 2);
    CHECK_EQUAL(items_alive(), 0);
}

const struct test mount_tests[] = {
    { "mount: a file is mounted by its class", a_file_is_mounted_by_its_class },
    { "mount: all names of a file lead to one path", all_names_of_a_file_lead_to_one_path },
    { "mount: the class is the extension of the name alone",
        the_class_is_the_extension_of_the_name_alone },
    { "mount: a file that another program has locked is mounted",
        a_file_that_another_program_has_locked_is_mounted },
    { "mount: answers become results", answers_become_results },
    { "mount: what is no file is not asked for", what_is_no_file_is_not_asked_for },
    { "mount: each of several is mounted, and the last one counts",
        each_of_several_is_mounted_and_the_last_one_counts },
    { "mount: the selection is kept and given back", the_selection_is_kept_and_given_back },
    { "mount: the setters and the state do no harm", the_setters_and_the_state_do_no_harm },
    { "mount: windows are served while the launcher is busy",
        windows_are_served_while_the_launcher_is_busy },
    { "mount: who waits no longer gets no disk", who_waits_no_longer_gets_no_disk },
    { "mount: what was mounted before stays when a mount is cancelled",
        what_was_mounted_before_stays_when_a_mount_is_cancelled },
    { "mount: two are mounted at once", two_are_mounted_at_once },
    { NULL, NULL },
};
