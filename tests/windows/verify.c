/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * winspd-verify [--dry-run] [--verifier] [--sleep] [--tests NAME;NAME...] [--report FILE]
 *
 * Takes the steps of verify_plan.c and writes one report. It is a program and no script so that
 * what it does on Windows is what the tests run under Wine. A step that restarts Windows ends the
 * run; the next start goes on behind it, by a state file beside the report.
 */

#include "verify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_VERSION = 1 };

void say(struct run *run, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
    if (!run->out)
        return;
    va_start(arguments, format);
    vfprintf(run->out, format, arguments);
    va_end(arguments);
    fflush(run->out);
}

void say_text(struct run *run, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        size_t shown = length && text[length - 1] == '\r' ? length - 1 : length;

        if (strncmp(text, "Property(", 9))
            say(run, "%.*s%s", (int)shown, text, text[length] ? "\n" : "");
        text += length + (text[length] == '\n');
    }
}

/* The options, and the findings of the first start, hold after a restart. */
static void save_state(const struct run *run)
{
    FILE *file = fopen(run->state, "w");

    if (!file)
        return;
    fprintf(file, "%d %u %u %u %d\n", STATE_VERSION, run->next, run->asked, run->failed,
        run->broken);
    fclose(file);
}

/* Whether there is one. A file that is none is as none. */
static bool load_state(struct run *run)
{
    unsigned next, asked, failed;
    int version, broken;
    FILE *file = fopen(run->state, "r");
    bool good;

    if (!file)
        return false;
    good = fscanf(file, "%d %u %u %u %d", &version, &next, &asked, &failed, &broken) == 5 &&
        version == STATE_VERSION && next <= step_count;
    fclose(file);
    if (!good)
        return false;
    run->next = next;
    run->asked = asked;
    run->failed = failed;
    run->broken = broken;
    return true;
}

static bool is_here(const struct run *run, const char *name)
{
    char path[2 * MAX_PATH];

    snprintf(path, sizeof path, "%s\\%s", run->folder, name);
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

static bool is_wanted(const struct run *run, const struct step *step)
{
    unsigned condition = step->flags & (IF_INSTALLING | IF_VERIFIER | IF_SLEEP | IF_PACKAGE);

    if ((run->asked & condition) != condition)
        return false;
    if (step->flags & UNLESS_PACKAGE && run->asked & IF_PACKAGE)
        return false;
    if (step->file && !is_here(run, step->file))
        return false;
    if (step->flags & UNLESS_CHOSEN && run->tests)
        return false;
    return !run->broken || step->flags & (FOR_REPORT | AT_THE_END);
}

static bool take(struct run *run, const struct step *step)
{
    DWORD status;

    if (step->act)
        return step->act(run);
    status = run_command(run, step->command, step->minutes);
    if (status == NO_PROGRAM)
        say(run, "[there is no such program]\n");
    else if (status == HANGS)
        say(run, "[ended after %u minutes]\n", step->minutes);
    else
        say(run, "[exit status %lu%s]\n", status,
            status == ERROR_SUCCESS_REBOOT_REQUIRED ? ": Windows wants a restart" : "");
    return status == 0 || status == ERROR_SUCCESS_REBOOT_REQUIRED || status == step->also_good;
}

static void take_step(struct run *run, const struct step *step)
{
    bool good;

    char line[1024];

    say(run, "\n=== %s\n", step->name);
    if (step->command) {
        command_line(run, step->command, line, sizeof line);
        say(run, "> %s\n", line);
    }
    good = take(run, step);
    if (good || step->flags & FOR_REPORT)
        return;
    run->failed++;
    say(run, "=== FAILED: %s\n", step->name);
    if (step->flags & MUST_WORK)
        run->broken = true;
}

static int finish(struct run *run)
{
    DeleteFileA(run->state);
    say(run, "\n%s: %u steps failed\n", run->failed ? "FAILED" : "PASSED", run->failed);
    printf("The report is %s: please send it.\n", run->report);
    return run->failed != 0;
}

static int take_steps(struct run *run)
{
    while (run->next < step_count) {
        const struct step *step = &steps[run->next++];

        if (!is_wanted(run, step))
            continue;
        save_state(run); /* should Windows stop in this step, the next start goes on behind it */
        take_step(run, step);
        if (step->flags & RESTARTS && !run->broken) {
            save_state(run);
            say(run, "\nRestart Windows (shutdown /r /t 0) and start verify.ps1 again:\n"
                "it goes on with: %s\n", steps[run->next].name);
            return 0;
        }
    }
    return finish(run);
}

/* The whole plan, with what each step depends on; and whether the package has its programs. */
static int print_plan(struct run *run)
{
    static const struct {
        unsigned flag;
        const char *text;
    } notes[] = {
        { IF_INSTALLING, "only where the driver is not installed" },
        { IF_PACKAGE, "only with winspd-VERSION.msi beside this program" },
        { UNLESS_PACKAGE, "only without winspd-VERSION.msi" },
        { IF_VERIFIER, "only with -Verifier" },
        { IF_SLEEP, "only with -Sleep" },
        { FOR_REPORT, "for the report" },
        { RESTARTS, "then Windows is to be restarted" },
    };
    unsigned missing = 0;

    for (unsigned i = 0; i < step_count; i++) {
        char line[1024];

        printf("%2u. %s", i + 1, steps[i].name);
        for (unsigned k = 0; k < sizeof notes / sizeof notes[0]; k++)
            if (steps[i].flags & notes[k].flag)
                printf("; %s", notes[k].text);
        if (steps[i].file)
            printf("; only with %s", steps[i].file);
        printf("\n");
        if (!steps[i].command)
            continue;
        if (!command_line(run, steps[i].command, line, sizeof line)) {
            printf("    MISSING: this program is not in %s\n", run->folder);
            missing++;
        }
        printf("    %s\n", line);
    }
    return missing != 0;
}

static bool read_options(struct run *run, int argc, char **argv)
{
    const char *home = getenv("USERPROFILE");

    snprintf(run->report, sizeof run->report, "%.200s\\winspd-report.txt", home ? home : ".");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--dry-run"))
            run->dry = true;
        else if (!strcmp(argv[i], "--verifier"))
            run->asked |= IF_VERIFIER;
        else if (!strcmp(argv[i], "--sleep"))
            run->asked |= IF_SLEEP;
        else if (!strcmp(argv[i], "--tests") && i + 1 < argc)
            run->tests = argv[++i];
        else if (!strcmp(argv[i], "--report") && i + 1 < argc)
            snprintf(run->report, sizeof run->report, "%.240s", argv[++i]);
        else
            return false;
    }
    snprintf(run->state, sizeof run->state, "%.240s.state", run->report);
    return true;
}

static void begin(struct run *run)
{
    struct system system;
    bool goes_on = load_state(run);

    run->out = fopen(run->report, goes_on ? "a" : "w");
    if (!run->out)
        printf("%s cannot be written: the report is what you see here\n", run->report);
    if (goes_on) {
        say(run, "\n=== the run goes on\n");
        return;
    }
    system_look(&system);
    if (!system.device)
        run->asked |= IF_INSTALLING;
    if (*run->package)
        run->asked |= IF_PACKAGE;
}

/* The newest by its name: a folder has one, or somebody has unpacked two kits into it. */
static void look_for_package(struct run *run)
{
    char pattern[MAX_PATH];
    WIN32_FIND_DATAA found;
    HANDLE search;

    snprintf(pattern, sizeof pattern, "%.240s\\winspd-*.msi", run->folder);
    search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do
        if (lstrcmpiA(found.cFileName, run->package) > 0)
            snprintf(run->package, sizeof run->package, "%s", found.cFileName);
    while (FindNextFileA(search, &found));
    FindClose(search);
}

int main(int argc, char **argv)
{
    struct run run = { 0 };

    GetModuleFileNameA(NULL, run.folder, sizeof run.folder);
    *strrchr(run.folder, '\\') = 0;
    if (!read_options(&run, argc, argv)) {
        fprintf(stderr, "winspd-verify: allowed are --dry-run, --verifier, --sleep, "
            "--tests NAME;NAME..., --report FILE\n");
        return 2;
    }
    look_for_package(&run);
    if (run.dry)
        return print_plan(&run);
    SetCurrentDirectoryA(run.folder);
    begin(&run);
    return take_steps(&run);
}
