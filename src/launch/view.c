/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The payload of LAUNCH_VIEW: one table for both ways. */

#include "launch/protocol.h"

#include "launch/text.h"

#include <string.h>

enum { FIELD_MAX = 16 + TEXT_NUMBER_MAX + 1 + LAUNCH_GUID_MAX };

static uint64_t process_id(const struct launch_view *view)
{
    return view->process_id;
}

static uint64_t uptime(const struct launch_view *view)
{
    return view->uptime;
}

static uint64_t restarts(const struct launch_view *view)
{
    return view->restarts;
}

static void set_process_id(struct launch_view *view, uint64_t value)
{
    view->process_id = (uint32_t)value;
}

static void set_uptime(struct launch_view *view, uint64_t value)
{
    view->uptime = value;
}

static void set_restarts(struct launch_view *view, uint64_t value)
{
    view->restarts = (uint32_t)value;
}

static const struct field {
    const char16_t *name;
    uint64_t max;
    uint64_t (*get)(const struct launch_view *view);
    void (*set)(struct launch_view *view, uint64_t value);
} fields[] = {
    { u"pid=", UINT32_MAX, process_id, set_process_id },
    { u"uptime=", UINT64_MAX, uptime, set_uptime },
    { u"restarts=", UINT32_MAX, restarts, set_restarts },
};

static const char16_t DISK[] = u"disk=";

static void append(char16_t text[FIELD_MAX], const char16_t *more)
{
    size_t length = text_length(text), all = text_length(more) + 1;

    if (all <= FIELD_MAX - length)
        memcpy(text + length, more, all * sizeof *more);
}

static bool encode_number(
    struct launch_answer *answer, const char16_t *name, uint64_t value, const char16_t *guid)
{
    char16_t text[FIELD_MAX] = { 0 }, number[TEXT_NUMBER_MAX];

    text_of_number(value, number);
    append(text, name);
    append(text, number);
    if (guid) {
        append(text, u" ");
        append(text, guid);
    }
    return launch_answer_string(answer, text);
}

bool launch_encode_view(const struct launch_view *view, struct launch_answer *answer)
{
    bool fits = launch_answer_string(answer, view->class_name) &&
                launch_answer_string(answer, view->instance_name);

    for (size_t i = 0; fits && i < sizeof fields / sizeof fields[0]; i++)
        fits = encode_number(answer, fields[i].name, fields[i].get(view), NULL);
    for (size_t i = 0; fits && i < view->disk_count; i++)
        fits = encode_number(answer, DISK, view->disks[i].number, view->disks[i].guid);
    return fits;
}

static bool decode_disk(const char16_t *text, struct launch_view *view)
{
    struct launch_disk disk = { 0 };
    char16_t number[TEXT_NUMBER_MAX] = { 0 };
    size_t digits = 0, length;
    uint64_t value;

    while (text[digits] && text[digits] != u' ')
        digits++;
    length = text[digits] ? text_length(text + digits + 1) : LAUNCH_GUID_MAX;
    if (digits >= TEXT_NUMBER_MAX || length >= LAUNCH_GUID_MAX)
        return false;
    memcpy(number, text, digits * sizeof *text);
    memcpy(disk.guid, text + digits + 1, length * sizeof *text);
    if (!text_number(number, false, &value) || value > UINT32_MAX)
        return false;
    disk.number = (uint32_t)value;
    if (view->disk_count < LAUNCH_DISKS_MAX)
        view->disks[view->disk_count++] = disk;
    return true;
}

static bool decode_field(const char16_t *text, struct launch_view *view)
{
    const char16_t *value = text_behind(text, DISK);
    uint64_t number;

    if (value)
        return decode_disk(value, view);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        value = text_behind(text, fields[i].name);
        if (!value)
            continue;
        if (!text_number(value, false, &number) || number > fields[i].max)
            return false;
        fields[i].set(view, number);
    }
    return true;
}

bool launch_decode_view(const char16_t *payload, size_t length, struct launch_view *view)
{
    memset(view, 0, sizeof *view);
    view->class_name = launch_next_string(&payload, &length);
    view->instance_name = launch_next_string(&payload, &length);
    if (!view->class_name || !view->instance_name)
        return false;
    while (length > 0) {
        const char16_t *text = launch_next_string(&payload, &length);

        if (!text || !decode_field(text, view))
            return false;
    }
    return true;
}
