/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Rights of users who are no administrators. Their tokens are real, and so is the check. */

#include "launched.h"

static void add_both(void)
{
    class_add("open");
    class_command("open", "open", "run");
    class_text("open", "Security", ANYBODY_STARTS);
    class_add("closed");
    class_command("closed", "closed", "run");
    class_text("closed", "Security", NULL);
}

/* Whom a test starts as has the same name: so this one comes out of the registry. */
static void start_one_of_another_user(void)
{
    static const char descriptor[] = "O:SYG:SYD:P(A;;RPWPLC;;;SY)(A;;RPWPLC;;;BA)\0";

    class_number("closed", "Persistent", 1);
    service_stop();
    store("closed", "there", descriptor, sizeof descriptor);
    service_start();
    WAIT_FOR_INSTANCES("kit-closed there\n");
    class_number("closed", "Persistent", 0);
}

static void administrators_may_all_by_default(void)
{
    add_both();
    SAYS("OK\n", "start kit-closed x");
    CHECK(!strncmp(ctl("info kit-closed x")->output, "OK\nkit-closed x\n", 16));
    SAYS("OK\n", "stop kit-closed x");
    WAIT_FOR_INSTANCES("");
}

/* And it is the same to them whether there is such an instance. */
static void users_may_nothing_by_default(void)
{
    static const char *const words[] = { "start kit-closed there", "info kit-closed there",
        "stop kit-closed there", "stopForced kit-closed there", "start kit-closed absent",
        "info kit-closed absent", "stop kit-closed absent", "stopForced kit-closed absent",
        "stop .pid. 0", "stop .pid. x", "stop .pid. 999999", "stop kit-none x" };

    add_both();
    start_one_of_another_user();
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        USER_READS("KO launcher: error 5\n", words[i]);
    CHECK(!strstr(ctl_as_user("list")->output, "kit-"));
    CHECK(strstr(ctl("list")->output, "kit-closed there\n"));
    USER_READS("KO launcher: error 2\n", "start kit-none x");
}

static void who_starts_may_ask_and_stop(void)
{
    add_both();
    USER_READS("OK\n", "start kit-open mine");
    USER_READS("KO launcher: error 183\n", "start kit-open mine");
    CHECK(strstr(ctl_as_user("list")->output, "kit-open mine\n"));
    CHECK(!strncmp(ctl_as_user("info kit-open mine")->output, "OK\nkit-open mine\n", 17));
    USER_READS("OK\n", "stop kit-open mine");
    WAIT_FOR_INSTANCES("");
}

/* Under Wine by another message in the place of CTRL_BREAK: programs/ask.c. */
static void servers_are_asked_before_they_are_ended(void)
{
    static const char *const modes[] = { "run", "stubborn" };

    for (unsigned i = 0; i < 2; i++) {
        struct records now = records_now();
        char text[80];

        class_add("t");
        class_command("t", modes[i], modes[i]);
        snprintf(text, sizeof text, "Skit-t|%s|", modes[i]);
        ANSWERS(text, "$");
        wait_for_note(modes[i], "ready", 1);
        *text = 'T';
        ANSWERS(text, "$");
        snprintf(text, sizeof text, "kit-t %s: stopped, exit code 0", modes[i]);
        wait_for_record(&now, text, NULL);
        CHECK(!strcmp(note_at(modes[i], -1), "break"));
    }
}

const struct test launched_rights_tests[] = {
    { "rights: administrators may all by default", administrators_may_all_by_default },
    { "rights: users may nothing by default, and learn nothing", users_may_nothing_by_default },
    { "rights: who starts an instance may ask for it and stop it", who_starts_may_ask_and_stop },
    { "rights: servers are asked before they are ended", servers_are_asked_before_they_are_ended },
    { 0 }
};
