/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A thread does the slow work, and the caller's thread waits for it. The caller goes on to serve
 * its windows, and shows Windows' progress dialog when the wait becomes long. On a cancel it stops
 * waiting, and the thread ends later; so both own the task.
 */

#include "shellex.h"

#include <stdlib.h>
#include <wchar.h>

enum { DIALOG_AFTER_MS = 1000, LOOK_MS = 100 };
enum { RUNNING, DONE, GIVEN_UP }; /* task->gave_up, which leaves RUNNING once */

struct task *task_new(
    void (*run)(struct task *task), unsigned title, unsigned line, const wchar_t *subject)
{
    struct task *task = calloc(1, sizeof *task);

    if (!task)
        return NULL;
    task->run = run;
    task->title = title;
    task->line = line;
    task->references = 1;
    task->subject = _wcsdup(subject);
    task->done = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (task->subject && task->done)
        return task;
    if (task->done)
        CloseHandle(task->done);
    free(task->subject);
    free(task);
    return NULL;
}

static void release(struct task *task)
{
    if (InterlockedDecrement(&task->references))
        return;
    CloseHandle(task->done);
    free(task->subject);
    free(task);
}

static DWORD WINAPI thread_body(void *context)
{
    struct task *task = context;

    task->run(task);
    if (InterlockedCompareExchange(&task->gave_up, DONE, RUNNING) == GIVEN_UP && task->cancelled)
        task->cancelled(task);
    SetEvent(task->done);
    release(task);
    com_release_module();
    /* COM frees a DLL whose last apartment ends, even against its answer. */
    FreeLibraryAndExitThread(shellex_module, 0);
    return 0;
}

static DWORD start(struct task *task)
{
    HMODULE module;
    HANDLE thread;
    DWORD error;

    if (!GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (const wchar_t *)shellex_module, &module))
        return GetLastError();
    com_hold_module();
    InterlockedIncrement(&task->references);
    thread = CreateThread(NULL, 0, thread_body, task, 0, NULL);
    if (thread) {
        CloseHandle(thread);
        return 0;
    }
    error = GetLastError();
    release(task);
    com_release_module();
    FreeLibrary(module);
    return error;
}

/* FALSE: the thread has to end, and the owner of its message loop has to learn of it as well. */
static BOOL serve_windows(void)
{
    MSG message;

    while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) {
        if (message.message == WM_QUIT) {
            PostQuitMessage((int)message.wParam);
            return FALSE;
        }
        TranslateMessage(&message);
        DispatchMessageW(&message);
    }
    return TRUE;
}

/* FALSE: the waiting thread has given up. */
static BOOL wait(struct task *task, HWND window, BOOL no_ui)
{
    ULONGLONG dialog_at = GetTickCount64() + DIALOG_AFTER_MS;
    struct dialog *dialog = NULL;
    BOOL waits = TRUE, done = FALSE;

    while (waits && !done) {
        DWORD event = MsgWaitForMultipleObjectsEx(
            1, &task->done, LOOK_MS, QS_ALLINPUT, MWMO_INPUTAVAILABLE);

        done = event == WAIT_OBJECT_0;
        if (event == WAIT_FAILED || (event == WAIT_OBJECT_0 + 1 && !serve_windows()))
            waits = FALSE;
        if (!done && !no_ui && GetTickCount64() >= dialog_at) {
            dialog = dialog_show(task->title, task->line, task->subject, window);
            no_ui = TRUE; /* one is enough, and without one there will be none */
        }
        if (dialog && dialog_is_cancelled(dialog))
            waits = FALSE;
    }
    dialog_close(dialog);
    return waits;
}

struct outcome task_run(struct task *task, HWND window, BOOL no_ui)
{
    struct outcome outcome = outcome_of(start(task), 0);

    if (!outcome.error) {
        if (wait(task, window, no_ui) ||
            InterlockedCompareExchange(&task->gave_up, GIVEN_UP, RUNNING) == DONE)
            outcome = task->outcome;
        else
            outcome = outcome_of(ERROR_CANCELLED, 0);
    }
    release(task);
    return outcome;
}
