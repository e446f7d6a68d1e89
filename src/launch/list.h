/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The instances of the launcher that its caller may see, for launchctl and the shell extension. A
 * list may be longer than a message, so it comes in pages. Each page begins behind the last name of
 * the former page. Whatever starts and ends meanwhile, none comes twice, and none that is there all
 * the time is missed. An older launcher has one page, and leaves out the rest.
 *
 * The launcher's answers are checked: a faulty launcher that repeats its pages keeps no caller for
 * ever.
 */

#ifndef LAUNCH_LIST_H
#define LAUNCH_LIST_H

#include "launch/client.h"

enum { LAUNCH_LIST_MAX = 4096 }; /* instances; a launcher that has more is not believed */

struct launch_list {
    const char16_t *class_name, *instance_name; /* the current one's */
    uint32_t error;                             /* the transport's */
    struct launch_reply reply;                  /* .error: why the launcher refused */
    enum launch_command command;                /* list.c alone, as the next */
    uint32_t count;
};

/* Before the first launch_list_next(). Nothing has to be freed. */
void launch_list_begin(struct launch_list *list);

/* True: class_name and instance_name are those of the next instance, until the next call. False:
 * there are no more, or list->error or list->reply.error is not 0, which stays so:
 * LAUNCH_ERROR_MALFORMED where a name is missing or empty. As launch_call() otherwise. */
bool launch_list_next(struct launch_list *list);

#endif
