/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

#include <errno.h>
#include <stdatomic.h>
#include <windows.h>

static struct {
    os_thread thread;
    void (*callback)(void *context);
    void *context;
    bool active;
} watch;

/* As in the posix folder, it is opened once and never closed. The handler runs on a thread of the
 * system, for which a watch cannot wait. */
static _Atomic(HANDLE) watch_event;
static _Atomic uint64_t caught_at; /* 0: there was no event yet */
static atomic_bool ending;

/* As in the posix folder, two events at once count as one. */
static const uint64_t ONE_WISH_NS = UINT64_C(1000000000);

static BOOL WINAPI handler(DWORD type)
{
    uint64_t now = os_now_ns(), first = 0;
    bool again = !atomic_compare_exchange_strong(&caught_at, &first, now);

    SetEvent(atomic_load(&watch_event));
    if (type == CTRL_C_EVENT || type == CTRL_BREAK_EVENT)
        return !again || now - first < ONE_WISH_NS;
    /* After a closed console, a logoff or a shutdown, the system ends the process when the handler
     * returns. The wait gives the program the seconds that the system allows. */
    if (!atomic_load(&ending))
        Sleep(INFINITE);
    return FALSE;
}

static void watch_main(void *argument)
{
    (void)argument;
    WaitForSingleObject(atomic_load(&watch_event), INFINITE);
    if (atomic_load(&caught_at) && !atomic_load(&ending))
        watch.callback(watch.context);
}

int os_signal_watch(void (*callback)(void *context), void *context)
{
    HANDLE event = atomic_load(&watch_event);
    int error;

    if (watch.active)
        return EBUSY;
    if (!event) {
        event = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (!event)
            return ENOMEM;
        atomic_store(&watch_event, event);
    }
    ResetEvent(event);
    watch.callback = callback;
    watch.context = context;
    atomic_store(&caught_at, 0);
    atomic_store(&ending, false);
    error = os_thread_create(&watch.thread, "spd-signal", watch_main, NULL);
    if (error)
        return error;
    /* The former watch may have left the handler: it must not be there twice. */
    SetConsoleCtrlHandler(handler, FALSE);
    SetConsoleCtrlHandler(handler, TRUE);
    watch.active = true;
    return 0;
}

void os_signal_unwatch(void)
{
    if (!watch.active)
        return;
    /* As in the posix folder, further ones of its kind may still come. */
    if (!atomic_load(&caught_at))
        SetConsoleCtrlHandler(handler, FALSE);
    atomic_store(&ending, true);
    SetEvent(atomic_load(&watch_event));
    os_thread_join(watch.thread);
    watch.active = false;
}
