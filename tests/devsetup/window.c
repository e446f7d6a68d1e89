/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* window COMMAND...: starts a program that has no console and no standard handles, prints what the
 * window that it opens says, presses OK, and prints the exit status. */

#include <stdio.h>
#include <windows.h>

static BOOL CALLBACK print(HWND window, LPARAM unused)
{
    WCHAR text[2048];
    char line[4 * 2048];

    (void)unused;
    if (GetWindowTextW(window, text, 2048)) {
        WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof line, NULL, NULL);
        printf("says %s\n", line);
    }
    return TRUE;
}

int main(void)
{
    STARTUPINFOW start = { .cb = sizeof start };
    PROCESS_INFORMATION program;
    WCHAR *line = wcschr(GetCommandLineW(), L' ');
    DWORD status;

    if (!line || !CreateProcessW(NULL, line + wcsspn(line, L" "), NULL, NULL, FALSE,
                     DETACHED_PROCESS, NULL, NULL, &start, &program))
        return 1;
    while (WaitForSingleObject(program.hProcess, 20) == WAIT_TIMEOUT) {
        HWND window = FindWindowW(L"#32770" /* a dialog */, L"devsetup");
        if (window && IsWindowVisible(window)) {
            EnumChildWindows(window, print, 0);
            PostMessageW(window, WM_COMMAND, IDOK, 0);
            WaitForSingleObject(program.hProcess, INFINITE);
        }
    }
    GetExitCodeProcess(program.hProcess, &status);
    printf("exit status %lu\n", status);
    return 0;
}
