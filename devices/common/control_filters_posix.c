/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The filters of the disks, for the control socket. All disks of a program have the same ones, and
 * a change is one of all disks. */

#include "control.h"
#include "filters.h"
#include "json.h"

#include <stdlib.h>

void control_list_filters(const struct control_disks *disks, FILE *out)
{
    const char *text;

    for (uint32_t i = 0; (text = filters_text(disks->filters, i)); i++)
        fprintf(out, "%u  %s\n", (unsigned)i + 1, text);
}

void control_json_filters(const struct control_disks *disks, FILE *out)
{
    const char *text;

    fputc('[', out);
    for (uint32_t i = 0; (text = filters_text(disks->filters, i)); i++) {
        fputs(i ? ", " : "", out);
        json_text(out, text);
    }
    fputs("]\n", out);
}

/* The first disk decides: the others have the same texts. */
bool control_change_filter(const struct control_disks *disks, const char *words, FILE *out)
{
    char message[FILTER_MESSAGE_MAX], *pairs;
    unsigned long number = strtoul(words, &pairs, 10);

    if (*words < '1' || *words > '9' || *pairs != ' ' || number > FILTERS_MAX) {
        fprintf(out, "error: a change is NUMBER KEY=VALUE,..., with a number from 1 to %d\n",
            FILTERS_MAX);
        return false;
    }
    for (uint32_t i = 0; i < disks->count; i++)
        if (!filters_change(&disks->filters[i], (uint32_t)number - 1, pairs + 1, message)) {
            fprintf(out, "error: %s\n", message);
            return false;
        }
    spd_program_error(disks->disks->options.program, "filter %lu is now %s", number,
        filters_text(disks->filters, (uint32_t)number - 1));
    return true;
}
