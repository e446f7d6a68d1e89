/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/ublk/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/door.h"
#include "lib/uri.h"

enum { NUMBER_MAX = 1 << 20, QUEUES_MAX = 64, DEPTH_MAX = 1024, NAME_MAX_LENGTH = 96 };

/* The whole text is a decimal number in the range. */
static bool parse(const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
    unsigned long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return *end == '\0' && value >= min && value <= max;
}

static int read_query(const struct spd_uri *uri, struct ublk_config *config)
{
    uint32_t queues = config->queues, depth = config->depth, recover = config->recover;
    const struct {
        const char *name;
        uint32_t min, max;
        uint32_t *value;
    } rows[] = {
        { "queues", 1, QUEUES_MAX, &queues },
        { "depth", 1, DEPTH_MAX, &depth },
        { "recover", 0, 1, &recover },
    };

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text = spd_uri_query(uri, rows[i].name);

        if (text && !parse(text, rows[i].min, rows[i].max, rows[i].value))
            return spd_fail(SPD_ERROR_URI_PARAMETER, "%s=%s: a number from %u to %u", rows[i].name,
                text, rows[i].min, rows[i].max);
    }
    config->queues = (uint16_t)queues;
    config->depth = (uint16_t)depth;
    config->recover = recover;
    return 0;
}

int ublk_config_read(const struct spd_uri *uri, struct ublk_config *config)
{
    static const char *const allowed[] = { "queues", "depth", "recover", NULL };
    int error = spd_uri_check_query(uri, allowed);

    *config = (struct ublk_config){
        .number = UBLK_ANY_NUMBER, .queues = 1, .depth = 128, .recover = true };
    if (error)
        return error;
    if (uri->host || (uri->path && *uri->path && !parse(uri->path, 0, NUMBER_MAX, &config->number)))
        return spd_fail(SPD_ERROR_URI, "write ublk: or ublk:NUMBER, with the number of the block "
            "device, from 0 to %d", NUMBER_MAX);
    return read_query(uri, config);
}

char *ublk_config_name(const struct ublk_config *config)
{
    char name[NAME_MAX_LENGTH];

    snprintf(name, sizeof name, "ublk:%u?queues=%u&depth=%u%s", config->number, config->queues,
        config->depth, config->recover ? "" : "&recover=0");
    return strdup(name);
}
