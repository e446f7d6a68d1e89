/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The output of launchctl, and the messages of the pipe, are the original's. */

#include "launched.h"

static void add(const char *log, const char *mode)
{
    class_add("t");
    class_command("t", log, mode);
}

/* The command line of a server of kit-t, without the caller's arguments in the template. */
static const char *command_line(const char *log)
{
    static char line[4 * MAX_PATH];
    char program[MAX_PATH], file[80];

    CHECK(GetModuleFileNameA(NULL, program, sizeof program));
    snprintf(file, sizeof file, "%s.log", log);
    snprintf(line, sizeof line, "\"%s\" --child server \"%s\" run", program, file_of(file));
    return line;
}

static void an_instance_lives(void)
{
    char wanted[5 * MAX_PATH];

    add("one", "run %1 %2");
    SAYS("OK\n", "start kit-t one \"a b\"");
    SAYS("KO launcher: error 183\n", "start KIT-T ONE");
    CHECK(strstr(ctl("list")->output, "kit-t one\n"));
    snprintf(wanted, sizeof wanted, "OK\nkit-t one\n%s \"a b\" \"\"\n", command_line("one"));
    SAYS(wanted, "info kit-t one");
    SAYS("OK\n", "stop KIT-T One");
    WAIT_FOR_INSTANCES("");
    CHECK(!strstr(ctl("list")->output, "kit-t"));
}

static void refusals_are_told(void)
{
    static const struct {
        DWORD error;
        const char *words;
    } rows[] = {
        { 2, "start kit-none x" }, { 2, "start kit-empty x" }, { 2, "start kit-t\\Instances x" },
        { 2, "start kit-gone x" }, { 2, "stop kit-t x" }, { 2, "stopForced kit-t x" },
        { 2, "info kit-t x" }, { 87, "start .pid. 1" }, { 87, "quit" },
        { 2, "info .pid. 4294967295" }, { 2, "stop .pid. x" },
    };

    add("none", "run");
    class_add("empty");
    class_text("empty", "Executable", NULL);
    class_add("gone");
    class_text("gone", "Executable", file_of("gone.exe"));
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char wanted[60], strict[100];

        snprintf(wanted, sizeof wanted, "KO launcher: error %lu\n", rows[i].error);
        snprintf(strict, sizeof strict, "--strict-exit %s", rows[i].words);
        SAYS(wanted, rows[i].words);
        says(__FILE__, __LINE__, wanted, strict, rows[i].error, false);
    }
}

static void a_wrong_command_line_is_explained(void)
{
    static const char *const wrong[] = { "", "begin", "start t", "stop t", "list x", "info t x y",
        "start t x 1 2 3 4 5 6 7 8 9 0", "--strict-exit", "quit x" };
    const struct said *said;

    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        said = ctl(wrong[i]);
        CHECK_EQUAL(said->status, ERROR_INVALID_PARAMETER);
        CHECK(!*said->output && !strncmp(said->errors, "usage: launchctl", 16));
    }
    said = ctl("--help");
    CHECK_EQUAL(said->status, 0);
    CHECK(!*said->errors && !strncmp(said->output, "usage: launchctl", 16));
}

static void messages_are_the_originals(void)
{
    static const char *const bad[] = { "Skit-t|raw", "Skit-t|", "S", "", "X", "Q",
        "N|", "Skit-t|raw|cut" };
    char wanted[5 * MAX_PATH];

    add("raw", "run %1");
    ANSWERS("Skit-t|raw|a|", "$");
    CHECK(!strcmp(instances(), "kit-t raw\n"));
    snprintf(wanted, sizeof wanted, "$kit-t|raw|%s \"a\"|", command_line("raw"));
    ANSWERS("Ikit-t|raw|", wanted);
    ANSWERS("Skit-t|raw|", "!183|");
    ANSWERS("Tkit-t|raw|", "$");
    WAIT_FOR_INSTANCES("");
    ANSWERS("Tkit-t|none|", "!2|");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ANSWERS(bad[i], "!87|");
}

static void messages_of_any_size_are_answered(void)
{
    static const DWORD sizes[] = { 1, 3, 4095, 4096, 4097 };
    char answer[ANSWER_ROOM];

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        message_bytes(sizes[i], answer);
        CHECK(!strcmp(answer, "!87|"));
    }
    /* The system takes no more than a part of it before it is read: the client is cut off. */
    message_bytes(65536, answer);
    CHECK(!strncmp(answer, "none ", 5));
    CHECK(!strcmp(instances(), ""));
}

static void a_name_is_one_line(void)
{
    add("line", "run");
    ANSWERS("Skit-t|a\nb|", "!87|");
    ANSWERS("Skit-t|\r|", "!87|");
    ANSWERS("Skit-t|a\x1b[2J|", "!87|");
    ANSWERS("Skit-t|\x7f|", "!87|");
    CHECK(!strcmp(instances(), ""));
}

static void an_instance_is_found_by_its_process(void)
{
    static const char *const forms[] = { "info .pid. %lu", "info .pid. 0x%lx", "info .pid. 0%lo" };
    struct view found, same;
    char words[60];

    add("pid", "run");
    ANSWERS("Skit-t|x|", "$");
    CHECK(view("kit-t", "x", &found));
    for (unsigned i = 0; i < 3; i++) {
        snprintf(words, sizeof words, forms[i], found.process);
        CHECK(!strncmp(ctl(words)->output, "OK\nkit-t x\n", 11));
    }
    snprintf(words, sizeof words, "%lu", found.process);
    CHECK(view(".pid.", words, &same));
    CHECK_EQUAL(same.process, found.process);
    snprintf(words, sizeof words, "stop .pid. %lu", found.process);
    SAYS("OK\n", words);
    WAIT_FOR_INSTANCES("");
}

static void a_long_list_tells_more(void)
{
    unsigned long process, minutes, seconds, restarts;
    ULONGLONG before = GetTickCount64();
    const struct said *said;
    const char *line;
    char disk[8];

    add("long", "run");
    ANSWERS("Skit-t|some name|", "$");
    said = ctl("list -l");
    CHECK_EQUAL(said->status, 0);
    CHECK(!strncmp(said->output, "OK\n", 3) && !*said->errors);
    CHECK(strstr(said->output, "PID") && strstr(said->output, "  CLASS INSTANCE\n"));
    line = strstr(said->output, "  kit-t some name\n");
    CHECK(line);
    while (line[-1] != '\n')
        line--;
    CHECK_EQUAL(sscanf(line, "%lu 00:%lu:%lu %lu %7s", &process, &minutes, &seconds, &restarts,
                    disk), 5);
    CHECK(process && !restarts && !strcmp(disk, "-"));
    CHECK(60 * minutes + seconds <= (GetTickCount64() - before) / 1000);
}

static void a_command_line_that_does_not_fit_is_an_error(void)
{
    char text[1600];

    add("fit", "run %1 %1");
    memset(text, 'y', sizeof text);
    memcpy(text, "Skit-t|x|", 9);
    strcpy(text + sizeof text - 2, "|");
    ANSWERS(text, "$");
    SAYS("KO launcher: error 122\n", "info kit-t x");
}

static void arguments_arrive_as_they_were(void)
{
    static const char *const wanted[] = { "run", "a b", "back\\", "say \"yes\"", "\\\"", "", "%1",
        "100%", "\xc3\xa4\xe6\xbc\xa2", "end%" };

    add("words", "run %1 %2 %3 %4 %5 %6 %7 %8 end%");
    SAYS("OK\n", "start kit-t words \"a b\" \"back\\\\\" \"say \\\"yes\\\"\" \"\\\\\\\"\" \"\" "
        "\"%1\" \"100%\" \"\xc3\xa4\xe6\xbc\xa2\"");
    wait_for_note("words", "ready", 1);
    for (int i = 0; i < (int)(sizeof wanted / sizeof *wanted); i++) {
        const char *found = note_at("words", 2 + i);

        if (strcmp(found, wanted[i]))
            fail(__FILE__, __LINE__, "word %d is %s, not %s", i, found, wanted[i]);
    }
}

/* The result of launchctl with another launcher in the place of the real one; output: NULL: any. */
static void meets(const char *owner, const char *answer, const char *words, DWORD status,
    const char *output, const char *errors)
{
    const struct said *said;

    launcher_answer(owner, answer);
    said = ctl(words);
    if (said->status != status || (output && strcmp(said->output, output)) ||
        strcmp(said->errors, errors))
        fail(__FILE__, __LINE__, "%s, %s: %lu \"%s\" \"%s\"", owner, words, said->status,
            said->output, said->errors);
    launcher_answer_end();
}

static void without_a_launcher_there_is_an_error(void)
{
    const struct said *said;

    service_stop();
    said = ctl("list");
    CHECK_EQUAL(said->status, 2);
    CHECK(!*said->output && !strcmp(said->errors, "KO CallNamedPipe = 2\n"));
    meets("SY", "!87|", "list", 0, "OK\nc i\n", "");
    meets("SY", "?", "info c i", 0, "", "KO launcher: corrupted buffer\n");
    meets("SY", "", "info c i", 0, "", "KO launcher: empty buffer\n");
    meets("SY", "!87|", "list -l", 0, NULL,
        "KO launcher: it is older than this program and has no list -l\n");
    /* Somebody else's, not the system's: launchctl does not even ask it. */
    meets("BA", "!87|", "list", 5, "", "KO CallNamedPipe = 5\n");
    service_start();
}

const struct test launched_protocol_tests[] = {
    { "launcher: an instance is started, shown and stopped", an_instance_lives },
    { "launcher: refusals are told, and are the exit status when asked for", refusals_are_told },
    { "launcher: a wrong command line is explained", a_wrong_command_line_is_explained },
    { "launcher: messages are the original's", messages_are_the_originals },
    { "launcher: messages of any size are answered", messages_of_any_size_are_answered },
    { "launcher: a name is one line of a log", a_name_is_one_line },
    { "launcher: an instance is found by its process", an_instance_is_found_by_its_process },
    { "launcher: a long list tells more", a_long_list_tells_more },
    { "launcher: a command line that does not fit is an error",
        a_command_line_that_does_not_fit_is_an_error },
    { "launcher: arguments arrive as they were", arguments_arrive_as_they_were },
    { "launcher: without a launcher, or with another one, there is an error",
        without_a_launcher_there_is_an_error },
    { 0 }
};
