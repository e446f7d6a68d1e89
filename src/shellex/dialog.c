/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Windows' progress dialog. It has a thread and a window of its own. */

#include "shellex.h"

#include <shlobj.h>

/* IProgressDialog's functions; MinGW's table for C lacks those of IUnknown. */
struct dialog_functions {
    HRESULT(STDMETHODCALLTYPE *QueryInterface)(struct dialog *, REFIID, void **);
    ULONG(STDMETHODCALLTYPE *AddRef)(struct dialog *);
    ULONG(STDMETHODCALLTYPE *Release)(struct dialog *);
    HRESULT(STDMETHODCALLTYPE *StartProgressDialog)
    (struct dialog *, HWND, IUnknown *, DWORD, const void *);
    HRESULT(STDMETHODCALLTYPE *StopProgressDialog)(struct dialog *);
    HRESULT(STDMETHODCALLTYPE *SetTitle)(struct dialog *, const wchar_t *);
    HRESULT(STDMETHODCALLTYPE *SetAnimation)(struct dialog *, HINSTANCE, UINT);
    BOOL(STDMETHODCALLTYPE *HasUserCancelled)(struct dialog *);
    HRESULT(STDMETHODCALLTYPE *SetProgress)(struct dialog *, DWORD, DWORD);
    HRESULT(STDMETHODCALLTYPE *SetProgress64)(struct dialog *, ULONGLONG, ULONGLONG);
    HRESULT(STDMETHODCALLTYPE *SetLine)
    (struct dialog *, DWORD, const wchar_t *, BOOL, const void *);
    HRESULT(STDMETHODCALLTYPE *SetCancelMsg)(struct dialog *, const wchar_t *, const void *);
    HRESULT(STDMETHODCALLTYPE *Timer)(struct dialog *, DWORD, const void *);
};

struct dialog {
    const struct dialog_functions *functions;
};

struct dialog *dialog_show(unsigned title, unsigned line, const wchar_t *subject, HWND window)
{
    wchar_t text[REPORT_TEXT_MAX];
    struct dialog *dialog = NULL;

    if (FAILED(CoCreateInstance(&CLSID_ProgressDialog, NULL, CLSCTX_INPROC_SERVER,
            &IID_IProgressDialog, (void **)&dialog)))
        return NULL;
    report_text(title, text);
    dialog->functions->SetTitle(dialog, text);
    report_text(TEXT_STOPS_WAITING, text);
    dialog->functions->SetCancelMsg(dialog, text, NULL);
    report_text(line, text);
    dialog->functions->SetLine(dialog, 1, text, FALSE, NULL);
    dialog->functions->SetLine(dialog, 2, subject, TRUE, NULL);
    if (SUCCEEDED(dialog->functions->StartProgressDialog(dialog, window, NULL,
            PROGDLG_NOTIME | PROGDLG_NOMINIMIZE | PROGDLG_MARQUEEPROGRESS, NULL)))
        return dialog;
    dialog->functions->Release(dialog);
    return NULL;
}

BOOL dialog_is_cancelled(struct dialog *dialog)
{
    return dialog->functions->HasUserCancelled(dialog);
}

void dialog_close(struct dialog *dialog)
{
    if (!dialog)
        return;
    dialog->functions->StopProgressDialog(dialog);
    dialog->functions->Release(dialog);
}
