/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "state.h"
#include "size.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <spd/spd.h>

#define STATE_MAGIC "winspd-state "

enum { STATE_VERSION = 1 };

enum state_kind {
    STATE_GUID,   /* uint8_t[16] */
    STATE_GUID_OR_NONE, /* the same; all zero is the word "none" */
    STATE_NUMBER, /* uint64_t; 0 is left out */
    STATE_TEXT,   /* char[STATE_TEXT_MAX]; the empty one is left out */
};

static const struct state_key {
    const char *name;
    enum state_kind kind;
    size_t offset;
    bool required;
} state_keys[] = {
    {"guid", STATE_GUID, offsetof(struct state, guid), .required = true},
    {"machine", STATE_GUID_OR_NONE, offsetof(struct state, machine), .required = true},
    {"inode", STATE_NUMBER, offsetof(struct state, inode)},
    {"birth", STATE_NUMBER, offsetof(struct state, birth)},
    {"device", STATE_TEXT, offsetof(struct state, device)},
};

enum { STATE_KEYS = sizeof state_keys / sizeof state_keys[0] };

static const uint8_t no_guid[16];

__attribute__((format(printf, 2, 3)))
static bool refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, STATE_WHY_MAX, format, args);
    va_end(args);
    return false;
}

static bool parse_value(const struct state_key *key, struct state *state, const char *value)
{
    void *at = (char *)state + key->offset;

    switch (key->kind) {
    case STATE_GUID:
        return spd_guid_parse(value, at) == 0 && memcmp(at, no_guid, sizeof no_guid) != 0;
    case STATE_GUID_OR_NONE:
        if (strcmp(value, "none") != 0)
            return spd_guid_parse(value, at) == 0;
        memcpy(at, no_guid, sizeof no_guid);
        return true;
    case STATE_NUMBER:
        return size_parse_number(value, at);
    case STATE_TEXT:
        return snprintf(at, STATE_TEXT_MAX, "%s", value) < STATE_TEXT_MAX;
    }
    return false;
}

static const struct state_key *find_key(const char *name)
{
    for (int i = 0; i < STATE_KEYS; i++) {
        if (strcmp(state_keys[i].name, name) == 0)
            return &state_keys[i];
    }
    return NULL;
}

/* A key that this version does not know. */
static bool keep(struct state *state, const char *name, const char *value)
{
    size_t used = strlen(state->other), room = sizeof state->other - used;

    return (size_t)snprintf(state->other + used, room, "%s=%s\n", name, value) < room;
}

/* line is "name=value" and is cut in two. */
static bool parse_line(struct state *state, char *line, unsigned number, unsigned *seen, char *why)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    char *value = strchr(line, '=');
    const struct state_key *key;

    if (!value || value == line || strspn(line, letters) != (size_t)(value - line))
        return refuse(why, "line %u is not of the form key=value", number);
    *value++ = '\0';
    key = find_key(line);
    if (!key)
        return keep(state, line, value) || refuse(why, "line %u is one too many", number);
    if (*seen >> (key - state_keys) & 1)
        return refuse(why, "line %u gives '%s' a second time", number, key->name);
    *seen |= 1u << (key - state_keys);
    return parse_value(key, state, value) ||
        refuse(why, "line %u: '%.80s' is no value of '%s'", number, value, key->name);
}

static bool parse_version(const char *line, char *why)
{
    uint64_t version;

    if (strncmp(line, STATE_MAGIC, strlen(STATE_MAGIC)) != 0 ||
        !size_parse_number(line + strlen(STATE_MAGIC), &version))
        return refuse(why, "line 1 is not '" STATE_MAGIC "%d': it is no state file", STATE_VERSION);
    return version == STATE_VERSION ||
        refuse(why, "it is of version %" PRIu64 " and this program knows version %d: use a newer "
            "program", version, STATE_VERSION);
}

/* Copies the line at *text, without its end; returns false when it has none or is no line. */
static bool next_line(const char **text, size_t *length, char line[STATE_LINE_MAX])
{
    const char *end = memchr(*text, '\n', *length);
    size_t count = end ? (size_t)(end - *text) : *length;

    if (!end || count >= STATE_LINE_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if ((*text)[i] < ' ' || (*text)[i] > '~')
            return false;
    }
    memcpy(line, *text, count);
    line[count] = '\0';
    *text += count + 1;
    *length -= count + 1;
    return true;
}

bool state_parse(struct state *state, const char *text, size_t length, char why[STATE_WHY_MAX])
{
    char line[STATE_LINE_MAX];
    unsigned seen = 0;

    memset(state, 0, sizeof *state);
    for (unsigned number = 1; number == 1 || length; number++) {
        if (!next_line(&text, &length, line))
            return refuse(why, "line %u is no line of at most %d printable ASCII characters",
                number, STATE_LINE_MAX - 1);
        if (!(number == 1 ? parse_version(line, why) :
                parse_line(state, line, number, &seen, why)))
            return false;
    }
    for (int i = 0; i < STATE_KEYS; i++) {
        if (state_keys[i].required && !(seen >> i & 1))
            return refuse(why, "there is no line '%s=...'", state_keys[i].name);
    }
    return true;
}

static int format_value(const struct state_key *key, const struct state *state, char *text,
    size_t room)
{
    const void *at = (const char *)state + key->offset;
    char guid[37] = "none";

    switch (key->kind) {
    case STATE_GUID:
    case STATE_GUID_OR_NONE:
        if (memcmp(at, no_guid, sizeof no_guid) != 0)
            spd_guid_format(at, guid);
        return snprintf(text, room, "%s=%s\n", key->name, guid);
    case STATE_NUMBER:
        if (*(const uint64_t *)at)
            return snprintf(text, room, "%s=%" PRIu64 "\n", key->name, *(const uint64_t *)at);
        break;
    case STATE_TEXT:
        if (*(const char *)at)
            return snprintf(text, room, "%s=%s\n", key->name, (const char *)at);
        break;
    }
    return 0;
}

size_t state_format(const struct state *state, char *text)
{
    size_t used = (size_t)snprintf(text, STATE_SIZE_MAX, STATE_MAGIC "%d\n", STATE_VERSION);

    for (int i = 0; i < STATE_KEYS; i++)
        used += (size_t)format_value(&state_keys[i], state, text + used, STATE_SIZE_MAX - used);
    if (used + strlen(state->other) >= STATE_SIZE_MAX)
        return 0;
    memcpy(text + used, state->other, strlen(state->other));
    return used + strlen(state->other);
}
