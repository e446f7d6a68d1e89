/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "launchctl/listing.h"

#include "launchctl/output.h"

#include <stdio.h>
#include <wchar.h>

enum { COLUMN_MAX = 128 };

static void write_uptime(uint64_t seconds, wchar_t text[COLUMN_MAX])
{
    unsigned long long days = seconds / 86400;
    unsigned rest = (unsigned)(seconds % 86400);

    if (days)
        _snwprintf(text, COLUMN_MAX, L"%llud %02u:%02u:%02u", days, rest / 3600, rest / 60 % 60,
            rest % 60);
    else
        _snwprintf(text, COLUMN_MAX, L"%02u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
}

/* As Windows numbers them; commas between. */
static void write_disks(const struct launch_view *view, wchar_t text[COLUMN_MAX])
{
    size_t length = 0;

    wcscpy(text, L"-");
    for (size_t i = 0; i < view->disk_count; i++) {
        int more = _snwprintf(text + length, COLUMN_MAX - 1 - length, L"%ls%lu",
            length ? L"," : L"", (unsigned long)view->disks[i].number);

        if (more < 0)
            break;
        length += (size_t)more;
    }
    text[COLUMN_MAX - 1] = 0;
}

static void show(const struct launch_view *view)
{
    wchar_t process[COLUMN_MAX] = L"-", uptime[COLUMN_MAX] = L"-", disks[COLUMN_MAX];

    if (view->process_id) {
        _snwprintf(process, COLUMN_MAX, L"%lu", (unsigned long)view->process_id);
        write_uptime(view->uptime, uptime);
    }
    write_disks(view, disks);
    output(STD_OUTPUT_HANDLE, L"%7ls %12ls %8lu %5ls  %ls %ls\n", process, uptime,
        (unsigned long)view->restarts, disks, view->class_name, view->instance_name);
}

static DWORD show_instance(const wchar_t *class_name, const wchar_t *instance_name, DWORD *refused)
{
    struct launch_request request = {
        .command = LAUNCH_VIEW, .class_name = class_name, .instance_name = instance_name
    };
    struct launch_reply reply;
    struct launch_view view;
    DWORD error = launch_call(&request, &reply);

    if (error)
        return error;
    if (!reply.error && launch_decode_view(reply.payload, reply.payload_length, &view))
        show(&view);
    else if (!reply.error)
        *refused = LAUNCH_ERROR_MALFORMED;
    else if (reply.error != LAUNCH_ERROR_NOT_FOUND && reply.error != LAUNCH_ERROR_ACCESS_DENIED)
        *refused = reply.error;
    return 0;
}

DWORD listing_show(struct launch_list *list, DWORD *refused)
{
    bool more = launch_list_next(list);

    if (!list->error && !list->reply.error)
        output(STD_OUTPUT_HANDLE, L"OK\n");
    for (; more; more = launch_list_next(list))
        output(STD_OUTPUT_HANDLE, L"%ls %ls\n", list->class_name, list->instance_name);
    *refused = list->reply.error;
    return list->error;
}

DWORD listing_show_long(struct launch_list *list, DWORD *refused)
{
    bool more = launch_list_next(list);
    DWORD error = 0;

    if (!list->error && !list->reply.error)
        output(STD_OUTPUT_HANDLE, L"OK\n%7ls %12ls %8ls %5ls  %ls\n", L"PID", L"UPTIME",
            L"RESTARTS", L"DISK", L"CLASS INSTANCE");
    for (; more && !error && !*refused; more = launch_list_next(list))
        error = show_instance(list->class_name, list->instance_name, refused);
    if (!*refused)
        *refused = list->reply.error;
    return error ? error : list->error;
}
