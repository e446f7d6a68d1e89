/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launch/list.h"

void launch_list_begin(struct launch_list *list)
{
    *list = (struct launch_list){ .class_name = u"", .instance_name = u"", .command = LAUNCH_NEXT };
}

static bool ask(struct launch_list *list)
{
    /* The names lie in the reply; the call copies them first. */
    struct launch_request request = { .command = list->command,
        .class_name = list->class_name,
        .instance_name = list->instance_name };

    list->error = launch_call(&request, &list->reply);
    return !list->error && !list->reply.error;
}

static bool is_name(const char16_t *text)
{
    return text && *text;
}

/* False: the page has no more, or, with an error, what follows is none. */
static bool take(struct launch_list *list)
{
    struct launch_reply *reply = &list->reply;
    const char16_t *class_name, *instance_name;

    if (!reply->payload_length)
        return false;
    class_name = launch_next_string(&reply->payload, &reply->payload_length);
    instance_name = launch_next_string(&reply->payload, &reply->payload_length);
    if (!is_name(class_name) || !is_name(instance_name) || list->count == LAUNCH_LIST_MAX) {
        reply->error = LAUNCH_ERROR_MALFORMED;
        return false;
    }
    list->count++;
    list->class_name = class_name;
    list->instance_name = instance_name;
    return true;
}

bool launch_list_next(struct launch_list *list)
{
    if (list->error || list->reply.error)
        return false;
    if (take(list))
        return true;
    if (list->reply.error || list->command == LAUNCH_LIST)
        return false;
    if (ask(list))
        return take(list);
    if (list->error || list->reply.error != LAUNCH_ERROR_INVALID || list->count)
        return false;
    list->command = LAUNCH_LIST;
    return ask(list) && take(list);
}
