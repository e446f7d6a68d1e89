/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * LOG MODE ...: a server of the tests, which serves nothing. It notes in the file LOG what it is
 * started with, each word in a line, and what happens to it.
 *
 *     run                until it is ended; CTRL_BREAK does that
 *     stubborn           CTRL_BREAK does not
 *     exit STATUS        at once
 *     crash FILE         exit status 3 when there is no such file, which it makes; else as run
 *     who                notes who it is, then as run
 *     noise LINES        writes that many lines to standard error, then as run
 */

#ifndef LAUNCHER_NOTING_H
#define LAUNCHER_NOTING_H

#include <windows.h>

struct noting {
    int count;
    wchar_t **words;
    int log;                 /* the number of the word LOG */
    int first;               /* of the words that are noted */
    void (*note_who)(void);
};

/* Returns the exit status, unless it is ended before. Once a process. */
int noting_run(const struct noting *noting);

/* A line of the file. */
void note(const wchar_t *text);

#endif
