/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "devsetup.h"

#include <stdarg.h>
#include <stdio.h>

enum { REPORT_MAX = 2048 };

static wchar_t kept[REPORT_MAX];

/* Remedies for errors whose system text does not name one. */
static const struct {
    DWORD error;
    const wchar_t *hint;
} hints[] = {
    { ERROR_ACCESS_DENIED, L"Run it as an administrator." },
    { (DWORD)ERROR_NO_SUCH_DEVINST, L"The INF file has no driver for that hardware id." },
    { (DWORD)ERROR_NO_COMPAT_DRIVERS, L"The INF file has no driver for that hardware id, or "
                                          L"not for this kind of processor." },
    { ERROR_EXE_MACHINE_TYPE_MISMATCH, L"Use the files that were built for this Windows." },
    { ERROR_TIMEOUT, L"See C:\\Windows\\INF\\setupapi.dev.log." },
    { ERROR_BAD_EXE_FORMAT, L"Copy it again." },
    { ERROR_NO_MORE_ITEMS, L"The INF file has no driver for that hardware id, or not for this "
                           L"kind of processor." },
    { (DWORD)ERROR_NO_CATALOG_FOR_OEM_INF, L"The driver package is not signed: doc/windows.md says "
                                           L"how to sign it." },
    { (DWORD)ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED, L"Windows does not trust who signed the "
                                                       L"driver package: doc/windows.md." },
    { (DWORD)ERROR_AUTHENTICODE_DISALLOWED, L"Windows does not accept the driver's signature: "
                                            L"doc/windows.md." },
    { TRUST_E_NOSIGNATURE,
        L"The driver package is not signed: doc/windows.md says how to sign it." },
    { CERT_E_UNTRUSTEDROOT, L"Windows does not trust who signed the driver package: "
                            L"doc/windows.md." },
};

DWORD fail(DWORD error, const wchar_t *format, ...)
{
    wchar_t what[REPORT_MAX / 2], text[512] = L"", digits[16];
    const wchar_t *hint = L"";
    va_list arguments;
    DWORD code;

    if (!error)
        error = ERROR_GEN_FAILURE;
    if (kept[0])
        return error;

    va_start(arguments, format);
    vswprintf(what, REPORT_MAX / 2, format, arguments);
    va_end(arguments);
    what[REPORT_MAX / 2 - 1] = L'\0';

    /* SetupAPI's own errors have texts only as HRESULTs. */
    code = (error & (APPLICATION_ERROR_MASK | ERROR_SEVERITY_ERROR)) ==
                   (APPLICATION_ERROR_MASK | ERROR_SEVERITY_ERROR)
               ? (DWORD)HRESULT_FROM_SETUPAPI(error)
               : error;
    FormatMessageW(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
        NULL, code, 0, text, 512, NULL);
    /* A text with room for the name of a file, which our text has. */
    if (wcschr(text, L'%'))
        text[0] = L'\0';
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (hints[i].error == error)
            hint = hints[i].hint;
    }
    swprintf(digits, 16, error > 0xffff ? L"0x%lx" : L"%lu", error);
    swprintf(kept, REPORT_MAX, PROGRAM L": %ls: error %ls: %ls%ls\n", what, digits, text, hint);
    return error;
}

bool desktop_visible(void)
{
    USEROBJECTFLAGS flags;

    return GetUserObjectInformationW(
               GetProcessWindowStation(), UOI_FLAGS, &flags, sizeof flags, NULL) &&
           flags.dwFlags & WSF_VISIBLE;
}

void report_text(const wchar_t *text)
{
    HANDLE handle = GetStdHandle(STD_ERROR_HANDLE);
    char line[4 * REPORT_MAX];
    DWORD written;

    /* A program without a console has a standard error only where somebody redirected it. */
    if (handle && handle != INVALID_HANDLE_VALUE && GetFileType(handle) != FILE_TYPE_UNKNOWN) {
        int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
        if (length > 1)
            WriteFile(handle, line, (DWORD)length - 1, &written, NULL);
    } else if (desktop_visible()) {
        MessageBoxW(NULL, text, PROGRAM, MB_OK | MB_ICONERROR | MB_SETFOREGROUND);
    }
}

void report_show(void)
{
    if (kept[0])
        report_text(kept);
}
