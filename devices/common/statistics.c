/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "filter.h"
#include "statistics.h"

#include <inttypes.h>

const char *statistics_name(int operation)
{
    return filter_operation_name((spd_operation)operation);
}

static void print_operation(const char *name, const spd_operation_statistics *s, FILE *out)
{
    double mean = s->operations ? (double)s->latency_total / (double)s->operations : 0;

    fprintf(out, "%-8s %12" PRIu64 " %10" PRIu64 " %16" PRIu64 " %10.1f %10.1f %10.1f\n", name,
        s->operations, s->errors, s->bytes, mean / 1e3, (double)spd_latency_percentile(s, 50) / 1e3,
        (double)spd_latency_percentile(s, 99) / 1e3);
}

void statistics_print(const spd_unit *unit, FILE *out)
{
    spd_statistics statistics = {.size = sizeof statistics};
    spd_operation_statistics operation = {.size = sizeof operation};

    if (spd_unit_statistics(unit, &statistics) != 0)
        return;
    fprintf(out, "%" PRIu64 " SCSI commands, %" PRIu64 " aborted\n", statistics.commands,
        statistics.aborted);
    fprintf(out, "%-8s %12s %10s %16s %10s %10s %10s\n", "", "operations", "errors", "bytes",
        "mean us", "50% <= us", "99% <= us");
    for (int i = SPD_READ; i <= SPD_PREFETCH; i++)
        if (spd_unit_operation_statistics(unit, (spd_operation)i, &operation) == 0)
            print_operation(statistics_name(i), &operation, out);
    fflush(out);
}
