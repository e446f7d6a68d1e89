/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Clients of the launcher that do wrong take nothing from others. */

#include "launched.h"

#include "servers.h"

#define MANY 48 /* more than there are pipes */

static void others_are_served(void)
{
    static const char *const calls[][2] = {
        { "Skit-t|a|", "Tkit-t|a|" }, { "Skit-t|b|", "Tkit-t|b|" }, { "Skit-t|c|", "Tkit-t|c|" } };

    class_add("t");
    class_command("t", "others", "run");
    SAYS("OK\n", "list");
    for (unsigned i = 0; i < 3; i++) {
        ANSWERS(calls[i][0], "$");
        ANSWERS(calls[i][1], "$");
    }
    WAIT_FOR_INSTANCES("");
}

static void silent_clients_block_nobody(void)
{
    HANDLE client = bad_client_start(SILENT, MANY);

    others_are_served();
    bad_client_end(client);
}

static void clients_that_do_not_read_block_nobody(void)
{
    HANDLE client = bad_client_start(DEAF, MANY);

    others_are_served();
    bad_client_end(client);
}

static void clients_that_write_without_end_block_nobody(void)
{
    HANDLE one = bad_client_start(FLOOD, 1), thousand = bad_client_start(FLOOD, 1000);

    others_are_served();
    bad_client_end(one);
    bad_client_end(thousand);
}

/* Wine has no anonymous clients: there it is served as any other. */
static void a_client_that_hides_is_refused(void)
{
    char answer[ANSWER_ROOM];

    message_send("L", answer, SECURITY_ANONYMOUS);
    CHECK(!strcmp(answer, "!5|") || !strcmp(answer, "$"));
}

static void a_client_that_dies_leaves_nothing(void)
{
    for (unsigned i = 0; i < 3; i++)
        bad_client_end(bad_client_start(SILENT, 20));
    others_are_served();
}

const struct test launched_clients_tests[] = {
    { "launcher: silent clients block nobody", silent_clients_block_nobody },
    { "launcher: clients that do not read block nobody", clients_that_do_not_read_block_nobody },
    { "launcher: clients that write without end block nobody",
        clients_that_write_without_end_block_nobody },
    { "launcher: a client that hides who it is is answered", a_client_that_hides_is_refused },
    { "launcher: a client that dies leaves nothing", a_client_that_dies_leaves_nothing },
    { 0 }
};
