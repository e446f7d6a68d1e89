/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How servers of the launcher begin, end and come again, also when several things happen at
 * once. */

#include "launched.h"

static void add_crashing(const char *log, const char *mode)
{
    class_add("t");
    class_command("t", log, mode);
    class_number("t", "Restart", 1);
    class_number("t", "RestartDelay", 1);
}

static void add_running(const char *log)
{
    class_add("t");
    class_command("t", log, "run %1 %2");
}

static void persistent_instances_come_again(void)
{
    static const char all[] = "kit-t C:\\a\\b.img\nkit-t bare\nkit-t one argument\n";
    char before[ANSWER_ROOM];

    add_running("again");
    class_number("t", "Persistent", 1);
    class_add("u");
    class_command("u", "again", "run");
    SAYS("OK\n", "start kit-t bare");
    SAYS("OK\n", "start kit-t \"one argument\" \"\" \"a b\"");
    ANSWERS("Skit-t|C:\\a\\b.img|C:\\a\\b.img|", "$");
    ANSWERS("Skit-t|stopped|", "$");
    ANSWERS("Skit-u|not stored|", "$");
    SAYS("OK\n", "stop kit-t stopped");
    CHECK_EQUAL(stored_count("t"), 3);
    strcpy(before, ctl("info kit-t \"one argument\"")->output);
    service_stop();
    CHECK_EQUAL(stored_count("t"), 3);
    service_start();
    WAIT_FOR_INSTANCES(all);
    CHECK(!strcmp(before, ctl("info kit-t \"one argument\"")->output));
    instances_end();
    CHECK_EQUAL(stored_count("t"), 0);
}

static void what_cannot_come_again_is_told(void)
{
    static const char many[] = "1\0002\0003\0004\0005\0006\0007\0008\0009\0000\0D:P\0";
    struct records now;

    add_running("bad");
    class_number("t", "Persistent", 1);
    ANSWERS("Skit-t|good|", "$");
    service_stop();
    store("t", "no descriptor", "x\0", 3);
    store("t", "many", many, sizeof many);
    now = records_now();
    service_start();
    wait_for_record(&now, "kit-t no descriptor: is stored and cannot be started", NULL);
    wait_for_record(&now, "kit-t many: is stored and cannot be started", NULL);
    WAIT_FOR_INSTANCES("kit-t good\n");
}

static void the_end_of_the_service_ends_all(void)
{
    unsigned before = own_processes();

    add_running("all");
    ANSWERS("Skit-t|a|", "$");
    ANSWERS("Skit-t|b|", "$");
    ANSWERS("Skit-t|c|", "$");
    wait_for_note("all", "ready", 3);
    CHECK_EQUAL(own_processes(), before + 3);
    service_stop();
    WAIT_UNTIL(own_processes() == before);
}

static void a_crash_is_followed_by_a_start(void)
{
    struct records now = records_now();
    struct view found;
    char mode[300];

    snprintf(mode, sizeof mode, "crash \"%s\"", file_of("crashed"));
    add_crashing("crash", mode);
    ANSWERS("Skit-t|x|", "$");
    wait_for_record(&now, "kit-t x: has ended with exit code 3, and is started again in 1 s "
                          "(restart 1 of 5)", NULL);
    wait_for_note("crash", "started", 2);
    wait_for_note("crash", "ready", 1);
    CHECK(view("kit-t", "x", &found));
    CHECK_EQUAL(found.restarts, 1);
}

static void who_crashes_again_and_again_is_given_up(void)
{
    struct records now = records_now();

    add_crashing("up", "exit 9");
    class_number("t", "RestartLimit", 2);
    ANSWERS("Skit-t|x|", "$");
    wait_for_record(&now, "started again in 2 s (restart 2 of 2)", NULL);
    wait_for_record(&now,
        "kit-t x: has ended with exit code 9, and is given up after 2 restarts in a row", NULL);
    WAIT_FOR_INSTANCES("");
    CHECK_EQUAL(notes("up", "started"), 3);
}

static void an_end_without_an_error_is_no_crash(void)
{
    struct records now = records_now();

    add_crashing("fine", "exit 0");
    ANSWERS("Skit-t|x|", "$");
    wait_for_record(&now, "kit-t x: has ended with exit code 0", NULL);
    WAIT_FOR_INSTANCES("");
    class_add("u");
    class_command("u", "fine", "exit 5");
    ANSWERS("Skit-u|y|", "$");
    wait_for_record(&now, "kit-u y: has ended with exit code 5", NULL);
    WAIT_FOR_INSTANCES("");
    CHECK_EQUAL(notes("fine", "started"), 2);
}

static void who_waits_to_be_started_again_can_be_stopped(void)
{
    struct records now = records_now();
    struct view found;

    add_crashing("wait", "exit 9");
    class_number("t", "RestartDelay", 3600);
    ANSWERS("Skit-t|x|", "$");
    wait_for_record(&now, "kit-t x: ", "started again in 3600 s", NULL);
    SAYS("KO launcher: error 183\n", "start kit-t x");
    CHECK(view("kit-t", "x", &found));
    CHECK(found.process == 0 && found.restarts == 0);
    SAYS("OK\n", "stop kit-t x");
    WAIT_FOR_INSTANCES("");
    CHECK_EQUAL(notes("wait", "started"), 1);
}

static const char *const names[] = { "a", "b", "c", "d" };

/* S, T or F of an instance of kit-t. */
static const char *call_for(char letter, const char *name, char room[40])
{
    snprintf(room, 40, "%ckit-t|%s|", letter, name);
    return room;
}

static bool runs(const char *name)
{
    struct view found;

    return view("kit-t", name, &found);
}

static void of_two_starts_at_once_one_is_done(void)
{
    add_running("both");
    for (unsigned i = 0; i < 4; i++) {
        char text[40];
        struct call calls[3] = { 0 };
        unsigned done = 0, refused = 0;

        for (unsigned k = 0; k < 3; k++)
            calls[k].text = call_for('S', names[i], text);
        messages_at_once(calls, 3);
        for (unsigned k = 0; k < 3; k++) {
            done += !strcmp(calls[k].answer, "$");
            refused += !strcmp(calls[k].answer, "!183|");
        }
        CHECK_EQUAL(done, 1);
        CHECK_EQUAL(refused, 2);
    }
    wait_for_note("both", "ready", 4);
    CHECK_EQUAL(notes("both", "started"), 4);
}

static bool is_done(const struct call *call)
{
    CHECK(!strcmp(call->answer, "$") || !strcmp(call->answer, "!2|"));
    return call->answer[0] == '$';
}

static void a_stop_beside_a_start_is_before_or_after_it(void)
{
    add_running("beside");
    class_number("t", "Persistent", 1);
    for (unsigned i = 0; i < 4; i++) {
        char start[40], stop[40];
        struct call calls[3] = { { .text = call_for('S', names[i], start) },
            { .text = call_for('T', names[i], stop) }, { .text = stop } };
        unsigned stops;

        messages_at_once(calls, 3);
        CHECK(!strcmp(calls[0].answer, "$"));
        stops = (unsigned)is_done(&calls[1]) + is_done(&calls[2]);
        if (stops)
            WAIT_UNTIL(!runs(names[i]));
        CHECK_EQUAL(is_stored("t", names[i]), stops == 0);
    }
}

static void an_exit_beside_a_stop_leaves_nothing(void)
{
    add_crashing("exit", "exit 1");
    for (unsigned i = 0; i < 4; i++) {
        char start[40], stop[40];
        struct call calls[2] = { { .text = call_for('S', names[i], start) },
            { .text = call_for('F', names[i], stop) } };

        messages_at_once(calls, 2);
        CHECK(!strcmp(calls[0].answer, "$"));
        if (!is_done(&calls[1]))
            ANSWERS(stop, "$");
        WAIT_UNTIL(!runs(names[i]));
    }
}

static DWORD WINAPI stop_service(void *unused)
{
    (void)unused;
    service_stop();
    return 0;
}

static void the_end_of_the_service_beside_starts_leaves_nothing(void)
{
    static const char *const starts[] = { "Skit-t|a|", "Skit-t|b|", "Skit-t|c|", "Skit-t|d|",
        "Skit-t|e|", "Skit-t|f|" };
    struct call calls[6] = { 0 };
    unsigned before = own_processes();
    HANDLE stops;

    add_running("ends");
    for (unsigned i = 0; i < 6; i++)
        calls[i].text = starts[i];
    stops = CreateThread(NULL, 0, stop_service, NULL, 0, NULL);
    messages_at_once(calls, 6);
    CHECK_EQUAL(WaitForSingleObject(stops, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(stops);
    for (unsigned i = 0; i < 6; i++)
        CHECK(!strcmp(calls[i].answer, "$") || !strcmp(calls[i].answer, "!1115|") ||
            !strncmp(calls[i].answer, "none ", 5));
    WAIT_UNTIL(own_processes() == before);
    service_start();
    CHECK(!strcmp(instances(), ""));
}

static void there_is_one_launcher(void)
{
    char line[2 * MAX_PATH + 20];
    const struct said *said;

    snprintf(line, sizeof line, "\"%s\" --console", service_program());
    said = run_line(line, false);
    CHECK(said->status == ERROR_ACCESS_DENIED || said->status == ERROR_PIPE_BUSY); /* Wine's */
    CHECK(!strncmp(said->errors, "cannot serve: error ", 20));
    snprintf(line, sizeof line, "\"%s\" --help", service_program());
    said = run_line(line, false);
    CHECK_EQUAL(said->status, ERROR_INVALID_PARAMETER);
    CHECK(!strncmp(said->errors, "usage: launcher", 15));
    CHECK(!strcmp(instances(), ""));
}

const struct test launched_lives_tests[] = {
    { "launcher: persistent instances come again, with arguments or without",
        persistent_instances_come_again },
    { "launcher: what cannot come again is told", what_cannot_come_again_is_told },
    { "launcher: the end of the service ends all servers", the_end_of_the_service_ends_all },
    { "launcher: a crash is followed by a start", a_crash_is_followed_by_a_start },
    { "launcher: who crashes again and again is given up",
        who_crashes_again_and_again_is_given_up },
    { "launcher: an end without an error is no crash", an_end_without_an_error_is_no_crash },
    { "launcher: who waits to be started again can be stopped",
        who_waits_to_be_started_again_can_be_stopped },
    { "launcher: of two starts at once one is done", of_two_starts_at_once_one_is_done },
    { "launcher: a stop beside a start is before or after it",
        a_stop_beside_a_start_is_before_or_after_it },
    { "launcher: an exit beside a stop leaves nothing", an_exit_beside_a_stop_leaves_nothing },
    { "launcher: the end of the service beside starts leaves nothing",
        the_end_of_the_service_beside_starts_leaves_nothing },
    { "launcher: there is one launcher", there_is_one_launcher },
    { 0 }
};
