/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Values of the launcher's classes: what they do, and what is said of bad ones. */

#include "launched.h"

#define LONGEST (1024 * 1024) /* bytes of a file of standard errors */
#define TEMPLATE 508          /* characters of a CommandLine */
/* Where the 32-bit view is, as regedit shows it. */
#ifdef _WIN64
#define REG_VIEW "WOW6432Node\\"
#else
#define REG_VIEW ""
#endif

static void add(const char *log, const char *mode)
{
    class_add("t");
    class_command("t", log, mode);
}

static void bad_values_are_told(void)
{
    static char long_path[261], long_line[TEMPLATE + 2];
    static const struct {
        const char *value, *text; /* NULL: the number */
        DWORD number;
        const char *allowed;
    } rows[] = {
        { "Executable", NULL, 7, "the full path of a program" },
        { "Executable", long_path, 0, "the full path of a program" },
        { "CommandLine", long_line, 0, "at most 508 characters" },
        { "WorkDirectory", NULL, 1, "the path of a folder" },
        { "Security", "D:(A;;RP;;;nobody)", 0, "a security descriptor in SDDL" },
        { "RunAs", "Administrator", 0, "LocalSystem, LocalService or NetworkService" },
        { "StandardError", NULL, 1, "the full path of a file" },
        { "JobControl", "1", 0, "a number" },
        { "Persistent", "yes", 0, "a number" },
        { "Restart", NULL, 2, "the number 0 or 1" },
        { "RestartDelay", NULL, 0, "a number from 1 to 3600" },
        { "RestartLimit", NULL, 1001, "a number from 1 to 1000" },
        { "Credentials", NULL, 1, "only 0: the launcher hands no passwords to programs" },
    };

    memset(long_path, 'x', 260);
    memset(long_line, 'x', TEMPLATE + 1);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct records now = records_now();
        char bad[100];

        add("none", "run");
        if (rows[i].text)
            class_text("t", rows[i].value, rows[i].text);
        else
            class_number("t", rows[i].value, rows[i].number);
        ANSWERS("Skit-t|x|", "!1610|");
        snprintf(bad, sizeof bad, "class kit-t: the value %s is bad; allowed is ", rows[i].value);
        wait_for_record(&now, bad, rows[i].allowed, NULL);
        classes_remove();
    }
    CHECK(!strcmp(instances(), ""));
}

static void the_longest_command_line_is_taken(void)
{
    char line[TEMPLATE + 1], *words;

    snprintf(line, sizeof line, "--child server \"%s\" run ", file_of("longest.log"));
    words = line + strlen(line);
    memset(words, 'x', (size_t)(line + TEMPLATE - words));
    line[TEMPLATE] = 0;
    class_add("t");
    class_text("t", "CommandLine", line);
    ANSWERS("Skit-t|x|", "$");
    wait_for_note("longest", words, 1);
}

/* As programs of others register themselves. */
static void a_class_comes_from_a_reg_file(void)
{
    char program[MAX_PATH], line[3 * MAX_PATH];
    FILE *file = fopen(file_of("class.reg"), "w");

    CHECK(file && GetModuleFileNameA(NULL, program, sizeof program));
    fprintf(file, "REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\" REG_VIEW
        "WinSpd\\Services\\kit-file]\n\"Executable\"=\"");
    for (const char *c = program; *c; c++)
        fprintf(file, *c == '\\' ? "\\%c" : "%c", *c);
    fprintf(file, "\"\n\"CommandLine\"=\"--child server \\\"");
    for (const char *c = file_of("file.log"); *c; c++)
        fprintf(file, *c == '\\' ? "\\%c" : "%c", *c);
    fprintf(file, "\\\" run\"\n\"Security\"=\"" EVERYBODY "\"\n");
    CHECK(!fclose(file));
    snprintf(line, sizeof line, "reg import \"%s\"", file_of("class.reg"));
    CHECK_EQUAL(run_line(line, false)->status, 0);
    ANSWERS("Skit-file|x|", "$");
    wait_for_note("file", "ready", 1);
}

static void a_server_works_in_its_folder(void)
{
    char windows[MAX_PATH], launcher[2 * MAX_PATH], line[2 * MAX_PATH + 8];

    CHECK(GetWindowsDirectoryA(windows, sizeof windows));
    add("windows", "run");
    class_text("t", "WorkDirectory", windows);
    ANSWERS("Skit-t|x|", "$");
    wait_for_note("windows", "ready", 1);
    CHECK(!lstrcmpiA(note_at("windows", -2) + strlen("folder "), windows));
    add("point", "run");
    class_text("t", "WorkDirectory", ".");
    ANSWERS("Skit-t|y|", "$");
    wait_for_note("point", "ready", 1);
    strcpy(launcher, service_program());
    *strrchr(launcher, '\\') = 0;
    snprintf(line, sizeof line, "folder %s", launcher);
    CHECK(!lstrcmpiA(note_at("point", -2), line));
}

static char *read_file(const char *name)
{
    static char texts[2][LONGEST + 200000];
    static unsigned next;
    char *text = texts[next++ % 2];
    FILE *file = fopen(file_of(name), "rb");
    size_t length;

    CHECK(file);
    length = fread(text, 1, sizeof texts[0] - 1, file);
    text[length] = 0;
    fclose(file);
    return text;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (; (text = strstr(text, part)); text++)
        count++;
    return count;
}

static void standard_errors_are_in_a_file(void)
{
    const char *text;

    add("errors", "run %1");
    class_text("t", "StandardError", file_of("errors.txt"));
    ANSWERS("Skit-t|one|", "$");
    ANSWERS("Skit-t|two|", "$");
    wait_for_note("errors", "ready", 2);
    instances_end();
    text = read_file("errors.txt");
    CHECK_EQUAL(count_of(text, "\n"), 2);
    CHECK_EQUAL(count_of(text, "Z kit-t one: hello\r\n"), 1);
    CHECK_EQUAL(count_of(text, "Z kit-t two: hello\r\n"), 1);
    CHECK(text[4] == '-' && text[10] == 'T' && text[19] == 'Z'); /* 2026-01-02T03:04:05Z */
}

static void a_file_of_errors_is_set_aside_when_it_is_full(void)
{
    FILE *file = fopen(file_of("noise.txt"), "wb");
    const char *now, *aside;

    CHECK(file);
    fprintf(file, "old\r\n");
    for (int i = 0; i < LONGEST - 505; i++)
        fputc('x', file);
    CHECK(!fclose(file));
    add("noise", "noise 200");
    class_text("t", "StandardError", file_of("noise.txt"));
    ANSWERS("Skit-t|x|", "$");
    wait_for_note("noise", "ready", 1);
    instances_end();
    aside = read_file("noise.txt.1");
    now = read_file("noise.txt");
    CHECK(!strncmp(aside, "old\r\n", 5));
    CHECK_EQUAL(count_of(aside, " kit-t x: line ") + count_of(now, " kit-t x: line "), 200);
    CHECK(strlen(aside) > LONGEST - 500 && strlen(aside) <= LONGEST && strlen(now) < 100000);
}

static void errors_that_cannot_be_written_stop_no_server(void)
{
    struct records now = records_now();

    add("nowhere", "noise 200");
    class_text("t", "StandardError", file_of("none\\noise.txt"));
    ANSWERS("Skit-t|x|", "$");
    wait_for_note("nowhere", "ready", 1);
    wait_for_record(&now, "kit-t x: StandardError: ", "noise.txt cannot be written: error 3", NULL);
}

/* Wine has no token for it: there it may not run as somebody else instead. */
static void a_server_runs_as_no_other_account(void)
{
    struct records now = records_now();
    char answer[ANSWER_ROOM];

    add("account", "who");
    class_text("t", "RunAs", "LocalService");
    message_send("Skit-t|x|", answer, SECURITY_IDENTIFICATION);
    CHECK(answer[0] == '!');
    wait_for_record(&now, "kit-t x: cannot be started: error", NULL);
    CHECK(!strcmp(instances(), "") && !*note_at("account", 0));
    class_text("t", "RunAs", "LocalSystem");
    ANSWERS("Skit-t|x|", "$");
    wait_for_note("account", "ready", 1);
}

/* It notes in a folder that all may write. */
static void a_server_runs_as_another_account(void)
{
    static const char *const rows[][2] = {
        { "LocalSystem", "user S-1-5-18" }, { "LocalService", "user S-1-5-19" },
        { "NetworkService", "user S-1-5-20" } };
    char line[2 * MAX_PATH];

    snprintf(line, sizeof line, "icacls \"%s\" /grant *S-1-1-0:(OI)(CI)M", file_of("."));
    CHECK_EQUAL(run_line(line, false)->status, 0);
    for (unsigned i = 0; i < 3; i++) {
        add(rows[i][0], "who");
        class_text("t", "RunAs", rows[i][0]);
        ANSWERS("Skit-t|x|", "$");
        wait_for_note(rows[i][0], rows[i][1], 1);
        instances_end();
    }
}

const struct test launched_classes_tests[] = {
    { "launcher: bad values are told", bad_values_are_told },
    { "launcher: the longest command line is taken", the_longest_command_line_is_taken },
    { "launcher: a class comes from a .reg file", a_class_comes_from_a_reg_file },
    { "launcher: a server works in its folder", a_server_works_in_its_folder },
    { "launcher: standard errors are in a file", standard_errors_are_in_a_file },
    { "launcher: a file of errors is set aside when it is full",
        a_file_of_errors_is_set_aside_when_it_is_full },
    { "launcher: errors that cannot be written stop no server",
        errors_that_cannot_be_written_stop_no_server },
    { "launcher: a server runs as no other account instead", a_server_runs_as_no_other_account,
        .needs = NEEDS_DOUBLE },
    { "launcher: a server runs as another account", a_server_runs_as_another_account,
        .needs = NEEDS_WINDOWS },
    { 0 }
};
