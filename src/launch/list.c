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

static bool take(struct launch_list *list)
{
    struct launch_reply *reply = &list->reply;
    const char16_t *class_name = launch_next_string(&reply->payload, &reply->payload_length);
    const char16_t *instance_name = launch_next_string(&reply->payload, &reply->payload_length);

    if (!class_name || !instance_name)
        return false;
    list->class_name = class_name;
    list->instance_name = instance_name;
    return true;
}

bool launch_list_next(struct launch_list *list)
{
    if (take(list))
        return true;
    if (list->command == LAUNCH_LIST)
        return false;
    if (ask(list))
        return take(list);
    if (list->error || list->reply.error != LAUNCH_ERROR_INVALID || *list->class_name)
        return false;
    list->command = LAUNCH_LIST;
    return ask(list) && take(list);
}
