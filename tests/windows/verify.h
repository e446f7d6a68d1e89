/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* winspd-verify: what is done on a real Windows, step by step, and the report of it. */

#ifndef WINDOWS_VERIFY_H
#define WINDOWS_VERIFY_H

#include <stdbool.h>
#include <stdio.h>
#include <windows.h>

#include "system.h"

enum {
    IF_INSTALLING = 1, /* only where the driver was not there, so that it goes in the end */
    IF_VERIFIER = 2,   /* only with --verifier */
    IF_SLEEP = 4,      /* only with --sleep */
    FOR_REPORT = 8,    /* what it says is wanted; it may be missing, and fails nothing */
    MUST_WORK = 16,    /* otherwise only the steps of the report and of the end are left */
    AT_THE_END = 32,   /* cleans up: runs whatever failed */
    UNLESS_CHOSEN = 128, /* not with --tests */
    RESTARTS = 64,     /* Windows has to be restarted; then the run is started again, and goes on */
    IF_PACKAGE = 256,     /* only where the installer's package lies beside this program */
    UNLESS_PACKAGE = 512, /* and only where none does */
};

struct run {
    bool dry;
    unsigned asked; /* IF_... */
    const char *tests; /* names with ; between them; NULL: all */
    char report[MAX_PATH], state[MAX_PATH], folder[MAX_PATH];
    char package[MAX_PATH]; /* the installer's, in the folder; "": there is none */
    FILE *out;
    unsigned next, failed;
    bool broken; /* a step that must work has not */
};

struct step {
    const char *name, *command; /* the program is beside this one, or Windows' own */
    unsigned flags;
    unsigned minutes;  /* after which it hangs */
    const char *file;  /* only where this is beside this program; NULL: always */
    bool (*act)(struct run *run); /* instead of the command; false: it failed */
    DWORD also_good;   /* an exit status, besides 0 and 3010, which asks for a restart */
};

/* In a command: the installer's package, the log of it, and the launcher's program as sc wants
 * it. */
#define PACKAGE "{package}"
#define PACKAGE_LOG "{log}"
#define LAUNCHER "{launcher}"

/* In their order. */
extern const struct step steps[];
extern const unsigned step_count;

/* Writes to the report and to the screen. */
void say(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, of a text with Windows' ends of lines; without lines that name the machine or its user,
 * which Windows Installer tells. */
void say_text(struct run *run, const char *text);
/* Runs a command and takes down what it prints. Its exit status; NO_PROGRAM: it is not there;
 * HANGS: it was ended. */
enum { NO_PROGRAM = 0x10000001, HANGS = 0x10000002 };
DWORD run_command(struct run *run, const char *command, unsigned minutes);
/* The command line with which a command is run: its program, when it is of the package, by its full
 * path. false: it would be of the package, and is not there. */
bool command_line(const struct run *run, const char *command, char *line, size_t room);

/* verify_report.c: steps that no program of Windows does. */
bool report_setup_log(struct run *run);
bool report_package_log(struct run *run);
/* verify_package.c: what an installation by the package consists of. */
bool check_installation(struct run *run);
bool report_dumps(struct run *run);
bool check_system(struct run *run);

#endif
