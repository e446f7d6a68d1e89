/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The values of filters' options, as people type them. */

#include "filter.h"
#include "size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const operations[] = {
    [SPD_READ] = "read",
    [SPD_WRITE] = "write",
    [SPD_FLUSH] = "flush",
    [SPD_UNMAP] = "unmap",
    [SPD_WRITE_ZEROES] = "zero",
    [SPD_EXTENTS] = "extents",
    [SPD_PREFETCH] = "prefetch",
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

const char *filter_operation_name(spd_operation operation)
{
    return operations[operation];
}

static bool parse_number(const struct filter_option *option, const char *text, void *value)
{
    uint64_t number;

    if (!size_parse_number(text, &number) || number < option->min || number > option->max)
        return false;
    *(uint64_t *)value = number;
    return true;
}

static bool parse_size(const struct filter_option *option, const char *text, void *value)
{
    (void)option;
    return size_parse(text, value);
}

/* Digits, perhaps with a fraction, as a number of units of 10^-digits. *end is what follows. False:
 * it is no such number, or too great. */
static bool parse_fraction(const char *text, unsigned digits, uint64_t *number, const char **end)
{
    unsigned seen = 0;
    bool point = false;

    *number = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (point && seen++ == digits)
            return false;
        if (*number > (UINT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    for (; seen < digits; seen++) {
        if (*number > UINT64_MAX / 10)
            return false;
        *number *= 10;
    }
    *end = text;
    return true;
}

static bool parse_time(const struct filter_option *option, const char *text, void *value)
{
    static const struct {
        const char *name;
        unsigned digits; /* zeros of its nanoseconds */
    } units[] = { { "ns", 0 }, { "us", 3 }, { "ms", 6 }, { "s", 9 } };
    const char *end;

    (void)option;
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        uint64_t time;

        if (parse_fraction(text, units[i].digits, &time, &end) && !strcmp(end, units[i].name) &&
            time <= UINT64_C(86400000000000)) {
            *(uint64_t *)value = time;
            return true;
        }
    }
    return false;
}

static bool parse_percent(const struct filter_option *option, const char *text, void *value)
{
    const char *end;
    uint64_t number;

    (void)option;
    if (!parse_fraction(text, 4, &number, &end) || number > 1000000 || (*end && strcmp(end, "%")))
        return false;
    *(uint64_t *)value = number;
    return true;
}

static bool parse_lbas(const struct filter_option *option, const char *text, void *value)
{
    struct filter_lbas lbas = { 0, UINT64_MAX };
    char first[24];
    size_t length = strcspn(text, "-");

    (void)option;
    if (length >= sizeof first)
        return false;
    memcpy(first, text, length);
    first[length] = 0;
    if (!size_parse_number(first, &lbas.first))
        return false;
    if (!text[length])
        lbas.last = lbas.first;
    else if (text[length + 1] && !size_parse_number(text + length + 1, &lbas.last))
        return false;
    if (lbas.last < lbas.first)
        return false;
    *(struct filter_lbas *)value = lbas;
    return true;
}

static uint32_t operation_bits(const char *word, size_t length)
{
    if (length == 3 && !memcmp(word, "all", 3))
        return (1u << OPERATIONS) - (1u << SPD_READ);
    for (unsigned i = SPD_READ; i < OPERATIONS; i++)
        if (strlen(operations[i]) == length && !memcmp(operations[i], word, length))
            return 1u << i;
    return 0;
}

static bool parse_operations(const struct filter_option *option, const char *text, void *value)
{
    uint32_t mask = 0;

    (void)option;
    for (;; text++) {
        size_t length = strcspn(text, "+");
        uint32_t bits = operation_bits(text, length);

        if (!bits)
            return false;
        mask |= bits;
        text += length;
        if (!*text)
            break;
    }
    *(uint32_t *)value = mask;
    return true;
}

static bool parse_file(const struct filter_option *option, const char *text, void *value)
{
    size_t length = strlen(text);

    (void)option;
    if (!length || length >= FILTER_PATH_MAX)
        return false;
    memcpy(value, text, length + 1);
    return true;
}

static bool parse_word(const struct filter_option *option, const char *text, void *value)
{
    for (uint32_t i = 0; option->words[i]; i++)
        if (!strcmp(option->words[i], text)) {
            *(uint32_t *)value = i;
            return true;
        }
    return false;
}

static const struct {
    bool (*parse)(const struct filter_option *option, const char *text, void *value);
    const char *wanted; /* NULL: it depends on the option */
} kinds[] = {
    [FILTER_NUMBER] = { parse_number, NULL },
    [FILTER_SIZE] = { parse_size, "bytes: a whole number, perhaps with one of K M G T P E" },
    [FILTER_TIME] = { parse_time, "a time of at most a day with its unit: 250us, 1.5ms, 2s" },
    [FILTER_PERCENT] = { parse_percent, "a percentage from 0 to 100, with at most 4 decimals" },
    [FILTER_LBAS] = { parse_lbas, "blocks: 5, 5-9, or 5- for all from 5 on" },
    [FILTER_OPERATIONS] = { parse_operations,
        "all, or some of read+write+flush+unmap+zero+extents+prefetch" },
    [FILTER_FILE] = { parse_file, "the name of a file, at most 1023 bytes without a comma" },
    [FILTER_WORD] = { parse_word, NULL },
};

static void list_words(const char *const *words, char wanted[FILTER_MESSAGE_MAX])
{
    size_t used = (size_t)snprintf(wanted, FILTER_MESSAGE_MAX, "one of");

    for (unsigned i = 0; words[i] && used < FILTER_MESSAGE_MAX; i++)
        used += (size_t)snprintf(wanted + used, FILTER_MESSAGE_MAX - used, " %s", words[i]);
}

bool filter_value_parse(const struct filter_option *option, const char *text, void *value,
    char wanted[FILTER_MESSAGE_MAX])
{
    if (kinds[option->kind].parse(option, text, value))
        return true;
    if (option->words)
        list_words(option->words, wanted);
    else if (kinds[option->kind].wanted)
        snprintf(wanted, FILTER_MESSAGE_MAX, "%s", kinds[option->kind].wanted);
    else
        snprintf(wanted, FILTER_MESSAGE_MAX, "a number from %" PRIu64 " to %" PRIu64, option->min,
            option->max);
    return false;
}
