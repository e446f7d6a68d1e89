/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The Explorer extension: a verb that mounts a file by the launcher, and a menu entry that ejects a
 * disk by it.
 *
 *   com.c        objects, interfaces, class factory
 *   module.c     the DLL's exports
 *   register.c   its registry keys
 *   mount.c      the verb's object, eject.c the menu entry's
 *   image.c      the path and the class of a file
 *   server.c     what both ask the launcher for
 *   task.c       a thread that asks, while the window of the caller stays alive
 *   dialog.c     Windows' progress dialog
 *   report.c     messages
 *
 * Explorer calls on a thread with windows. Slow work runs on another thread, which outlives the
 * call if the user cancels: a launcher starts a program, or a file system flushes.
 */

#ifndef SHELLEX_SHELLEX_H
#define SHELLEX_SHELLEX_H

#include "com.h"

#include "launch/volume.h"
#include "strings.h"

extern const CLSID shellex_mount_id, shellex_eject_id;
extern const struct com_class shellex_mount_class, shellex_eject_class;
extern HINSTANCE shellex_module;

/* module.c and register.c, for COM and regsvr32, whose header declares not all of them. */
STDAPI DllRegisterServer(void);
STDAPI DllUnregisterServer(void);

/* report.c. The text of a number of strings.h, cut where there is no room; "" if there is none. */
enum { REPORT_TEXT_MAX = 512 };
void report_text(unsigned number, wchar_t text[REPORT_TEXT_MAX]);

/* How something ended. */
struct outcome {
    DWORD error;                /* 0, or a Win32 error */
    unsigned hint;              /* a string of strings.h, the remedy; 0: only the system's text */
    wchar_t argument[MAX_PATH]; /* the hint's; "": none */
};

struct outcome outcome_of(DWORD error, unsigned hint);

/* A message box: the title is a number of strings.h, the subject a path. False: there is no desktop
 * to show it on. */
BOOL report_outcome(
    HWND window, unsigned title, const wchar_t *subject, const struct outcome *outcome);

/* image.c. The final path of a file as the launcher gets it, which may be longer than MAX_PATH; the
 * caller frees it. NULL: outcome says why. */
wchar_t *image_path(const wchar_t *name, struct outcome *outcome);

/* The launcher class of a file, which is the extension of its name and lies in the path; NULL: its
 * name has none. */
const wchar_t *image_class(const wchar_t *path);

/* server.c. Calls that block, for the thread of a task; any thread. */
struct outcome server_start(const wchar_t *class_name, const wchar_t *path);
/* Stops an instance that was started for somebody who no longer wants it. */
void server_take_back(const wchar_t *class_name, const wchar_t *path);
/* volume: as launch_volume_owner_of() takes it. */
struct outcome server_eject(const wchar_t *volume);

/* dialog.c. A progress dialog whose texts are numbers of strings.h, and its second line a path.
 * NULL if there is none: the wait goes on without. */
struct dialog;
struct dialog *dialog_show(unsigned title, unsigned line, const wchar_t *subject, HWND window);
BOOL dialog_is_cancelled(struct dialog *dialog);
void dialog_close(struct dialog *dialog); /* NULL: does nothing */

/* task.c. */
struct task {
    void (*run)(struct task *task); /* on a thread of its own; sets the outcome */
    void (*cancelled)(
        struct task *task); /* on that thread, when nobody waited for run(); or NULL */
    unsigned title, line;   /* strings of strings.h, for the progress dialog */
    wchar_t *subject;       /* a path or a volume, the dialog's second line; freed with the task */
    struct outcome outcome;
    LONG references, gave_up; /* task.c alone */
    HANDLE done;
};

/* A task whose subject is a copy; NULL: no memory. */
struct task *task_new(
    void (*run)(struct task *task), unsigned title, unsigned line, const wchar_t *subject);

/* Runs the task, and frees it. The caller's windows stay alive. When the task takes long a dialog
 * lets the user cancel, unless there must be no UI. Returns the task's outcome, or
 * ERROR_CANCELLED. */
struct outcome task_run(struct task *task, HWND window, BOOL no_ui);

#endif
