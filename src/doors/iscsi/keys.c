/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/keys.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "doors/iscsi/limits.h"
#include "lib/hex.h"

/* The result functions of RFC 7143 13, which make one value of two. */
enum key_kind {
    KEY_DECLARED_NUMBER, /* the initiator's own value; no answer to it */
    KEY_DECLARED_TEXT,   /* the same, and it changes nothing here */
    KEY_LIST,            /* the first offered value that is known here */
    KEY_OR,
    KEY_AND,
    KEY_MINIMUM,
    KEY_MAXIMUM,
    KEY_OBSOLETE_BOOLEAN, /* RFC 7143 13.25: No, never NotUnderstood */
    KEY_OBSOLETE_RANGE,   /* Reject */
    KEY_TARGETS_OWN,      /* only a target may send it */
};

enum key_flag {
    KEY_ANY_PHASE = 1 << 0,            /* may also be declared after login */
    KEY_NOT_IN_DISCOVERY = 1 << 1,     /* irrelevant there */
    KEY_NEEDS_UNSOLICITED = 1 << 2,    /* irrelevant when no data may come unsolicited */
};

struct key_row {
    const char *name;
    uint8_t kind;
    uint8_t flags;
    uint16_t offset;  /* in struct iscsi_params */
    uint32_t initial; /* the default */
    uint32_t low;     /* numbers: what may be offered */
    uint32_t high;
    uint32_t ours;
    const char *const *values; /* lists: by number, NULL-terminated */
};

static const char *const digests[] = { "None", "CRC32C", NULL };
/* Tasks that a reset ended are reported only in the way of RFC 3720. */
static const char *const reporting[] = { "RFC3720", NULL };

#define PARAM(MEMBER) (uint16_t) offsetof(struct iscsi_params, MEMBER)

static const struct key_row rows[] = {
    { "HeaderDigest", KEY_LIST, 0, PARAM(header_digest), .values = digests },
    { "DataDigest", KEY_LIST, 0, PARAM(data_digest), .values = digests },
    { "MaxConnections", KEY_MINIMUM, KEY_NOT_IN_DISCOVERY, PARAM(max_connections), 1, 1, 65535, 1 },
    { "InitialR2T", KEY_OR, KEY_NOT_IN_DISCOVERY, PARAM(initial_r2t), 1, 0, 1, 0 },
    { "ImmediateData", KEY_AND, KEY_NOT_IN_DISCOVERY, PARAM(immediate_data), 1, 0, 1, 1 },
    { "MaxRecvDataSegmentLength", KEY_DECLARED_NUMBER, KEY_ANY_PHASE, PARAM(max_send), 8192, 512,
        0xffffff, 0 },
    { "MaxBurstLength", KEY_MINIMUM, KEY_NOT_IN_DISCOVERY, PARAM(max_burst), 262144, 512, 0xffffff,
        ISCSI_BURST_MAX },
    { "FirstBurstLength", KEY_MINIMUM, KEY_NOT_IN_DISCOVERY | KEY_NEEDS_UNSOLICITED,
        PARAM(first_burst), 65536, 512, 0xffffff, ISCSI_FIRST_BURST_MAX },
    { "DefaultTime2Wait", KEY_MAXIMUM, 0, PARAM(time2wait), 2, 0, 3600, 0 },
    { "DefaultTime2Retain", KEY_MINIMUM, 0, PARAM(time2retain), 20, 0, 3600, 0 },
    { "MaxOutstandingR2T", KEY_MINIMUM, KEY_NOT_IN_DISCOVERY, PARAM(max_r2t), 1, 1, 65535, 1 },
    { "DataPDUInOrder", KEY_OR, KEY_NOT_IN_DISCOVERY, PARAM(pdu_in_order), 1, 0, 1, 1 },
    { "DataSequenceInOrder", KEY_OR, KEY_NOT_IN_DISCOVERY, PARAM(sequence_in_order), 1, 0, 1, 1 },
    { "ErrorRecoveryLevel", KEY_MINIMUM, 0, PARAM(recovery_level), 0, 0, 2, 0 },
    { "TaskReporting", KEY_LIST, KEY_NOT_IN_DISCOVERY, PARAM(task_reporting), .values = reporting },
    { "iSCSIProtocolLevel", KEY_MINIMUM, 0, PARAM(protocol_level), 1, 0, 31, 1 },
    { "IFMarker", KEY_OBSOLETE_BOOLEAN },
    { "OFMarker", KEY_OBSOLETE_BOOLEAN },
    { "IFMarkInt", KEY_OBSOLETE_RANGE },
    { "OFMarkInt", KEY_OBSOLETE_RANGE },
    { "InitiatorAlias", KEY_DECLARED_TEXT, KEY_ANY_PHASE },
    { "TargetAlias", KEY_TARGETS_OWN },
    { "TargetAddress", KEY_TARGETS_OWN },
    { "TargetPortalGroupTag", KEY_TARGETS_OWN },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static uint32_t *param_of(struct iscsi_params *params, const struct key_row *row)
{
    return (uint32_t *)(void *)((char *)params + row->offset);
}

void iscsi_params_init(struct iscsi_params *params)
{
    memset(params, 0, sizeof *params);
    for (const struct key_row *row = rows; row < rows + ROWS; row++)
        if (row->kind <= KEY_MAXIMUM && row->kind != KEY_DECLARED_TEXT)
            *param_of(params, row) = row->initial;
}

void iscsi_params_finish(struct iscsi_params *params)
{
    /* RFC 7143 13.14: FirstBurstLength must not exceed MaxBurstLength, whatever was offered. */
    if (params->first_burst > params->max_burst)
        params->first_burst = params->max_burst;
}

void iscsi_text_put(struct iscsi_text *text, const char *key, const char *value)
{
    size_t need = strlen(key) + strlen(value) + 2;

    if (need > text->size - text->length) {
        text->overflow = true;
        return;
    }
    /* The zero of snprintf also ends the pair. */
    text->length +=
        (uint32_t)snprintf(text->bytes + text->length, need, "%s=%s", key, value) + 1;
}

void iscsi_text_put_number(struct iscsi_text *text, const char *key, uint32_t value)
{
    char number[12];

    snprintf(number, sizeof number, "%u", value);
    iscsi_text_put(text, key, number);
}

/* RFC 7143 6.1: standard-label */
static bool key_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
        (c != '\0' && strchr(".-+@_/#", c));
}

bool iscsi_text_next(char *text, uint32_t length, uint32_t *position, char **key, char **value,
    bool *bad)
{
    char *pair, *end, *c;

    *bad = false;
    if (*position >= length) /* text may be NULL, then */
        return false;
    c = pair = text + *position;
    end = memchr(pair, '\0', length - *position);
    if (end == pair) {
        /* Some initiators fill the segment with zeros; nothing but zeros may follow. */
        while (*position < length && text[*position] == '\0')
            ++*position;
        *bad = *position < length;
        return false;
    }
    *bad = true;
    if (!end)
        return false;
    while (key_character(*c))
        c++;
    if (*c != '=' || c == pair || c - pair > ISCSI_KEY_MAX)
        return false;
    *c = '\0';
    *key = pair;
    *value = c + 1;
    *position = (uint32_t)(end - text) + 1;
    *bad = false;
    return true;
}

bool iscsi_number(const char *text, uint32_t *number)
{
    uint64_t value = 0;
    int base = 10;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        int digit = spd_hex_value(*text);

        if (digit < 0 || digit >= base)
            return false;
        value = value * (unsigned)base + (unsigned)digit;
        if (value > UINT32_MAX)
            return false;
    }
    *number = (uint32_t)value;
    return true;
}

/* The first known value of the initiator's list, in its order of preference. */
static const char *choose(const struct key_row *row, const char *list, uint32_t *chosen)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");

        for (uint32_t i = 0; row->values[i]; i++)
            if (strlen(row->values[i]) == length && memcmp(row->values[i], list, length) == 0) {
                *chosen = i;
                return row->values[i];
            }
        list += length;
        list += *list == ',';
    }
    return "Reject";
}

static void answer_boolean(const struct key_row *row, uint32_t *param, const char *value,
    struct iscsi_text *answer)
{
    bool yes = strcmp(value, "Yes") == 0;

    if (!yes && strcmp(value, "No") != 0) {
        iscsi_text_put(answer, row->name, "Reject");
        return;
    }
    *param = row->kind == KEY_OR ? (yes || row->ours) : (yes && row->ours);
    iscsi_text_put(answer, row->name, *param ? "Yes" : "No");
}

static bool answer_number(const struct key_row *row, uint32_t *param, const char *value,
    struct iscsi_text *answer)
{
    uint32_t number;

    if (!iscsi_number(value, &number) || number < row->low || number > row->high) {
        /* RFC 7143 6.2.1: a declaration gets no answer, so a bad one cannot be refused. */
        if (row->kind == KEY_DECLARED_NUMBER)
            return false;
        iscsi_text_put(answer, row->name, "Reject");
        return true;
    }
    if (row->kind == KEY_MINIMUM && number > row->ours)
        number = row->ours;
    if (row->kind == KEY_MAXIMUM && number < row->ours)
        number = row->ours;
    *param = number;
    if (row->kind != KEY_DECLARED_NUMBER)
        iscsi_text_put_number(answer, row->name, number);
    return true;
}

static bool irrelevant(const struct iscsi_params *params, const struct key_row *row)
{
    if ((row->flags & KEY_NOT_IN_DISCOVERY) && params->discovery)
        return true;
    return (row->flags & KEY_NEEDS_UNSOLICITED) && params->initial_r2t && !params->immediate_data;
}

static bool answer_row(struct iscsi_params *params, const struct key_row *row, const char *value,
    struct iscsi_text *answer)
{
    uint32_t *param = param_of(params, row);

    if (irrelevant(params, row)) {
        iscsi_text_put(answer, row->name, "Irrelevant");
        return true;
    }
    switch (row->kind) {
    case KEY_DECLARED_TEXT:
        return true;
    case KEY_LIST:
        iscsi_text_put(answer, row->name, choose(row, value, param));
        return true;
    case KEY_OR:
    case KEY_AND:
        answer_boolean(row, param, value, answer);
        return true;
    case KEY_OBSOLETE_BOOLEAN:
        iscsi_text_put(answer, row->name, "No");
        return true;
    case KEY_OBSOLETE_RANGE:
        iscsi_text_put(answer, row->name, "Reject");
        return true;
    case KEY_TARGETS_OWN:
        return false;
    default:
        return answer_number(row, param, value, answer);
    }
}

bool iscsi_key_offer(struct iscsi_params *params, enum iscsi_phase phase, const char *key,
    const char *value, struct iscsi_text *answer)
{
    for (unsigned i = 0; i < ROWS; i++) {
        const struct key_row *row = &rows[i];

        if (strcmp(row->name, key) != 0)
            continue;
        if (strlen(value) > ISCSI_VALUE_MAX)
            return false;
        if (phase == PHASE_FULL_FEATURE && !(row->flags & KEY_ANY_PHASE)) {
            iscsi_text_put(answer, key, "Reject");
            return true;
        }
        /* RFC 7143 6.2: a negotiation settles a key once. */
        if (phase == PHASE_LOGIN && (params->offered & (uint64_t)1 << i))
            return false;
        params->offered |= (uint64_t)1 << i;
        return answer_row(params, row, value, answer);
    }
    iscsi_text_put(answer, key, "NotUnderstood");
    return true;
}
