/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The answers of the control socket. A row of the table is a line that a client may send. */

#include "control.h"
#include "history.h"
#include "json.h"
#include "measure.h"
#include "options.h"
#include "size.h"
#include "statistics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double percents[] = { 50, 90, 99, 99.9 };

enum { PERCENTS = sizeof percents / sizeof percents[0] };

/* A disk, read once for an answer. */
struct view {
    const spd_program_disk *disk;
    const char *uris[SPD_PROGRAM_DOORS_MAX + 1]; /* ended by NULL */
    spd_params params;
    spd_statistics all;
    char error[512];
    int error_number;
};

static struct view view_of(const spd_program_disk *disk)
{
    struct view view = { .disk = disk };

    for (uint32_t i = 0; i < SPD_PROGRAM_DOORS_MAX; i++)
        if (!(view.uris[i] = spd_unit_door_uri(disk->unit, i)))
            break;
    view.params.size = sizeof view.params;
    spd_unit_params(disk->unit, &view.params);
    view.all.size = sizeof view.all;
    spd_unit_statistics(disk->unit, &view.all);
    view.error_number = spd_unit_last_error(disk->unit, view.error, sizeof view.error);
    return view;
}

/* The image, or what else the program serves by its one required option. NULL: memory. */
static const char *store_of(const struct view *view)
{
    spd_program_options options = view->disk->options;
    const spd_program_option *row;

    for (unsigned i = 0; (row = option_row(options.program, i)); i++) {
        if (!row->required)
            continue;
        if (options.argument && strcmp(row->name, options.program->disk_option) == 0)
            return options.argument;
        return *(const char *const *)option_value(row, &options);
    }
    return NULL;
}

static uint64_t bytes_of(const struct view *view)
{
    return view->params.block_count * view->params.block_length;
}

static bool operation_of(const struct view *view, int number, spd_operation_statistics *operation)
{
    *operation = (spd_operation_statistics){ .size = sizeof *operation };
    return spd_unit_operation_statistics(view->disk->unit, (spd_operation)number, operation) == 0;
}

/* Sessions. */

struct session_list {
    const struct view *view; /* NULL: of all disks */
    FILE *out;               /* NULL: they are only counted */
    uint32_t count;
    bool json;
};

static bool is_of(const struct view *view, const spd_session *session)
{
    for (const char *const *uri = view->uris; *uri; uri++)
        if (strcmp(*uri, session->uri) == 0)
            return true;
    return false;
}

static void SPD_CALL list_session(void *context, const spd_session *session)
{
    struct session_list *list = context;

    if (list->view && !is_of(list->view, session))
        return;
    list->count++;
    if (!list->out)
        return;
    if (!list->json) {
        fprintf(list->out, "%s\n  %s %" PRIu64 ", %" PRIu64 " s: %s\n", session->uri,
            session->what, session->id, session->seconds, session->who);
        return;
    }
    fprintf(list->out, "%s{\"id\": %" PRIu64 ", \"door\": ", list->count > 1 ? ", " : "",
        session->id);
    json_text(list->out, session->uri);
    fputs(", \"what\": ", list->out);
    json_text(list->out, session->what);
    fputs(", \"who\": ", list->out);
    json_text(list->out, session->who);
    fprintf(list->out, ", \"seconds\": %" PRIu64 "}", session->seconds);
}

static uint32_t count_sessions(const struct view *view)
{
    struct session_list list = { .view = view };

    spd_sessions(list_session, &list);
    return list.count;
}

static void list_sessions(const struct control_disks *disks, FILE *out)
{
    struct session_list list = { .out = out };

    (void)disks;
    spd_sessions(list_session, &list);
}

static void json_sessions(const struct control_disks *disks, FILE *out)
{
    struct session_list list = { .out = out, .json = true };

    (void)disks;
    fputc('[', out);
    spd_sessions(list_session, &list);
    fputs("]\n", out);
}

/* For people. */

static void print_amount(FILE *out, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double amount = (double)bytes;
    size_t unit = 0;

    while (amount >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        amount /= 1024;
        unit++;
    }
    fprintf(out, unit ? "%8.1f %s" : "%8.0f %s", amount, units[unit]);
}

static void print_time(FILE *out, uint64_t nanoseconds)
{
    double microseconds = (double)nanoseconds / 1e3;

    if (microseconds < 10000)
        fprintf(out, " %8.1f us", microseconds);
    else
        fprintf(out, " %8.1f ms", microseconds / 1e3);
}

static void list_operation(const struct view *view, int number, FILE *out)
{
    spd_operation_statistics operation;

    if (!operation_of(view, number, &operation) || !operation.operations)
        return;
    fprintf(out, "  %-8s %12" PRIu64 " ", statistics_name(number), operation.operations);
    print_amount(out, operation.bytes);
    fprintf(out, "%*s %8" PRIu64, operation.bytes < 1024 ? 2 : 0, "", operation.errors);
    print_time(out, spd_latency_percentile(&operation, 50));
    print_time(out, spd_latency_percentile(&operation, 99));
    fputc('\n', out);
}

static void list_disk(const struct view *view, FILE *out)
{
    const spd_program *program = view->disk->options.program;
    uint32_t sessions = count_sessions(view);
    char size[SIZE_TEXT_MAX];

    fprintf(out, "%s %ld%s%s\n", program->name, (long)getpid(), store_of(view) ? ": " : "",
        store_of(view) ? store_of(view) : "");
    fprintf(out, "  %s, blocks of %" PRIu32 ", %" PRIu32 " session%s\n",
        size_format(bytes_of(view), size), view->params.block_length, sessions,
        sessions == 1 ? "" : "s");
    for (const char *const *uri = view->uris; *uri; uri++)
        fprintf(out, "  %s\n", *uri);
    if (view->error_number)
        fprintf(out, "  error: %s: %s\n", spd_strerror(view->error_number), view->error);
    if (view->all.commands)
        fprintf(out, "  %-8s %12s %12s %8s %11s %11s\n", "", "operations", "bytes", "errors",
            "50% <=", "99% <=");
    for (int i = SPD_READ; i <= SPD_PREFETCH; i++)
        list_operation(view, i, out);
}

static void list_disks(const struct control_disks *disks, FILE *out)
{
    for (uint32_t i = 0; i < disks->count; i++) {
        struct view view = view_of(&disks->disks[i]);

        list_disk(&view, out);
    }
}

/* For programs: JSON, in a line. */

static void json_operation(const struct view *view, int number, FILE *out)
{
    spd_operation_statistics operation;
    uint32_t last = SPD_LATENCY_BUCKETS;

    if (!operation_of(view, number, &operation))
        return;
    fprintf(out, "%s\"%s\": {\"operations\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"bytes\": %"
        PRIu64 ", \"latency_total_ns\": %" PRIu64 ", \"latency_ns\": {",
        number > SPD_READ ? ", " : "", statistics_name(number), operation.operations,
        operation.errors, operation.bytes, operation.latency_total);
    for (int i = 0; i < PERCENTS; i++)
        fprintf(out, "%s\"%g\": %" PRIu64, i ? ", " : "", percents[i],
            spd_latency_percentile(&operation, percents[i]));
    while (last && !operation.latency[last - 1])
        last--;
    fputs("}, \"histogram\": [", out);
    for (uint32_t i = 0; i < last; i++)
        fprintf(out, "%s%" PRIu64, i ? ", " : "", operation.latency[i]);
    fputs("]}", out);
}

static void json_disk(const struct view *view, FILE *out)
{
    struct session_list list = { .view = view, .out = out, .json = true };

    fputs("{\"device\": ", out);
    json_text(out, store_of(view));
    fputs(", \"doors\": [", out);
    for (const char *const *uri = view->uris; *uri; uri++) {
        fputs(uri > view->uris ? ", " : "", out);
        json_text(out, *uri);
    }
    fprintf(out, "], \"state\": \"%s\", \"error\": ", view->error_number ? "failed" : "serving");
    json_text(out, view->error_number ? view->error : NULL);
    fprintf(out, ", \"block_count\": %" PRIu64 ", \"block_length\": %" PRIu32 ", \"commands\": %"
        PRIu64 ", \"aborted\": %" PRIu64 ", \"operations\": {", view->params.block_count,
        view->params.block_length, view->all.commands, view->all.aborted);
    for (int i = SPD_READ; i <= SPD_PREFETCH; i++)
        json_operation(view, i, out);
    fputs("}, \"sessions\": [", out);
    spd_sessions(list_session, &list);
    fputs("]}", out);
}

static void json_disks(const struct control_disks *disks, FILE *out)
{
    fputs("{\"program\": ", out);
    json_text(out, disks->disks->options.program->name);
    fprintf(out, ", \"process\": %ld, \"version\": \"%d.%d.%d\", \"units\": [", (long)getpid(),
        SPD_VERSION_MAJOR, SPD_VERSION_MINOR, SPD_VERSION_PATCH);
    for (uint32_t i = 0; i < disks->count; i++) {
        struct view view = view_of(&disks->disks[i]);

        fputs(i ? ", " : "", out);
        json_disk(&view, out);
    }
    fputs("]}\n", out);
}

/* For spdctl top: a line for each operation of each disk. */
static void list_counters(const struct control_disks *disks, FILE *out)
{
    for (uint32_t i = 0; i < disks->count; i++) {
        struct view view = view_of(&disks->disks[i]);
        spd_operation_statistics operation;

        for (int number = SPD_READ; number <= SPD_PREFETCH; number++)
            if (operation_of(&view, number, &operation))
                fprintf(out, "%ld %" PRIu32 " %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                    " %s\n", (long)getpid(), i, statistics_name(number), operation.operations,
                    operation.bytes, operation.errors, operation.latency_total, view.uris[0]);
    }
}

/* Metrics, in the text format of Prometheus 0.0.4. */

enum metric_kind {
    METRIC_CAPACITY, METRIC_SESSIONS, METRIC_OPERATIONS, METRIC_ERRORS, METRIC_BYTES
};

static const struct {
    const char *name, *type, *help;
} metrics[] = {
    [METRIC_CAPACITY] = { "winspd_capacity_bytes", "gauge", "Capacity of the disk." },
    [METRIC_SESSIONS] = { "winspd_sessions", "gauge", "Sessions of the disk." },
    [METRIC_OPERATIONS] = { "winspd_operations_total", "counter", "Operations that ended." },
    [METRIC_ERRORS] = { "winspd_errors_total", "counter", "Operations that failed." },
    [METRIC_BYTES] = { "winspd_bytes_total", "counter", "Bytes moved or unmapped." },
};

enum { METRICS = sizeof metrics / sizeof metrics[0] };

static void print_labels(const struct view *view, int operation, FILE *out)
{
    fputs("{unit=", out);
    json_text(out, view->uris[0]);
    if (operation)
        fprintf(out, ",operation=\"%s\"", statistics_name(operation));
}

static void print_metric(const struct view *view, enum metric_kind kind, FILE *out)
{
    int last = kind >= METRIC_OPERATIONS ? SPD_PREFETCH : SPD_READ;

    for (int i = SPD_READ; i <= last; i++) {
        spd_operation_statistics operation;
        uint64_t value = kind == METRIC_CAPACITY ? bytes_of(view) : 0;

        if (kind == METRIC_SESSIONS)
            value = count_sessions(view);
        if (kind >= METRIC_OPERATIONS) {
            if (!operation_of(view, i, &operation))
                continue;
            value = kind == METRIC_OPERATIONS ? operation.operations
                : kind == METRIC_ERRORS       ? operation.errors
                                              : operation.bytes;
        }
        fputs(metrics[kind].name, out);
        print_labels(view, kind >= METRIC_OPERATIONS ? i : 0, out);
        fprintf(out, "} %" PRIu64 "\n", value);
    }
}

/* A bucket for each power of two from 1 us on is enough to draw, and a fourth of the lines. */
static void print_latencies(const struct view *view, int number, FILE *out)
{
    enum { FIRST = 35, STEP = 4 }; /* the bound of bucket 35 is 1024 ns */
    spd_operation_statistics operation;
    uint64_t count = 0;

    if (!operation_of(view, number, &operation) || !operation.operations)
        return;
    for (uint32_t i = 0; i < SPD_LATENCY_BUCKETS; i++) {
        count += operation.latency[i];
        if (i < FIRST || (i - FIRST) % STEP != 0 || i == SPD_LATENCY_BUCKETS - 1)
            continue;
        fputs("winspd_latency_seconds_bucket", out);
        print_labels(view, number, out);
        fprintf(out, ",le=\"%g\"} %" PRIu64 "\n", (double)spd_latency_bound(i) / 1e9, count);
    }
    fputs("winspd_latency_seconds_bucket", out);
    print_labels(view, number, out);
    fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\nwinspd_latency_seconds_sum", count);
    print_labels(view, number, out);
    fprintf(out, "} %.9f\nwinspd_latency_seconds_count", (double)operation.latency_total / 1e9);
    print_labels(view, number, out);
    fprintf(out, "} %" PRIu64 "\n", count);
}

static void list_metrics(const struct control_disks *disks, FILE *out)
{
    for (int kind = 0; kind < METRICS; kind++) {
        fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[kind].name, metrics[kind].help,
            metrics[kind].name, metrics[kind].type);
        for (uint32_t i = 0; i < disks->count; i++) {
            struct view view = view_of(&disks->disks[i]);

            print_metric(&view, (enum metric_kind)kind, out);
        }
    }
    fputs("# HELP winspd_latency_seconds Time that the device took for an operation.\n"
          "# TYPE winspd_latency_seconds histogram\n", out);
    for (uint32_t i = 0; i < disks->count; i++) {
        struct view view = view_of(&disks->disks[i]);

        for (int number = SPD_READ; number <= SPD_PREFETCH; number++)
            print_latencies(&view, number, out);
    }
}

static void answer_http(const struct control_disks *disks, FILE *out)
{
    fputs("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
          "Connection: close\r\n\r\n", out);
    list_metrics(disks, out);
}

/* Deeds. */

static void answer_resize(const struct control_disks *disks, FILE *out)
{
    (void)disks;
    fputs(measure_ask()
            ? "the program looks at its images, and its log says what it finds\n"
            : "error: this program cannot look at its images\n", out);
}

static void json_resize(const struct control_disks *disks, FILE *out)
{
    (void)disks;
    fprintf(out, "{\"asked\": %s}\n", measure_ask() ? "true" : "false");
}

/* The program ends as by SIGTERM: the answer comes first, since its thread serves the clients until
 * the units have stopped. */
static void answer_eject(const struct control_disks *disks, FILE *out)
{
    for (uint32_t i = 0; i < disks->count; i++)
        spd_unit_shutdown(disks->disks[i].unit);
    fputs("the program ends its disks\n", out);
}

static void json_eject(const struct control_disks *disks, FILE *out)
{
    for (uint32_t i = 0; i < disks->count; i++)
        spd_unit_shutdown(disks->disks[i].unit);
    fputs("{\"asked\": true}\n", out);
}

static void explain_drop(const struct control_disks *disks, FILE *out)
{
    (void)disks;
    fputs("error: the session's number is missing: `sessions` lists them\n", out);
}

/* Returns false when it has answered. */
static bool drop(const struct control_disks *disks, const char *words, FILE *out)
{
    uint64_t id;

    (void)disks;
    if (!size_parse_number(words, &id))
        fprintf(out, "error: a session has a number, not %.64s\n", words);
    else if (spd_session_drop(id) != 0)
        fprintf(out, "error: %s\n", spd_error_detail());
    else
        fputs("its connection is cut\n", out);
    return false;
}

static void list_log(const struct control_disks *disks, FILE *out)
{
    (void)disks;
    history_print(out);
}

static void json_log(const struct control_disks *disks, FILE *out)
{
    char *text = NULL, *line, *rest;
    size_t length;
    FILE *lines = open_memstream(&text, &length);

    (void)disks;
    if (!lines)
        return;
    history_print(lines);
    fclose(lines);
    fputc('[', out);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        fputs(line > text ? ",\n" : "", out);
        json_text(out, line);
    }
    fputs("]\n", out);
    free(text);
}

static void answer_help(const struct control_disks *disks, FILE *out);

static const struct {
    const char *line;
    void (*text)(const struct control_disks *disks, FILE *out);
    void (*json)(const struct control_disks *disks, FILE *out); /* after "json "; NULL: none */
    const char *help;
    /* NULL: the line is all. Else more words are a change; false: it has answered with an error. */
    bool (*change)(const struct control_disks *disks, const char *words, FILE *out);
} answers[] = {
    { "list", list_disks, json_disks, "the disks and their figures" },
    { "sessions", list_sessions, json_sessions, "who uses the disks" },
    { "drop", explain_drop, NULL, "NUMBER after it cuts a session's connection", drop },
    { "log", list_log, json_log, "the last lines of the log" },
    { "resize", answer_resize, json_resize, "make grown images visible" },
    { "filter", control_list_filters, control_json_filters,
        "the filters; NUMBER KEY=VALUE,... after it changes one", control_change_filter },
    { "eject", answer_eject, json_eject, "end all disks in order, and then the program" },
    { "counters", list_counters, NULL,
        "lines of process, disk, operation, count, bytes, errors, nanoseconds, URI" },
    { "metrics", list_metrics, NULL, "the figures for Prometheus" },
    { "GET /metrics HTTP/1.1", answer_http, NULL, "the same by HTTP" },
    { "GET /metrics HTTP/1.0", answer_http, NULL, "the same by HTTP" },
    { "help", answer_help, NULL, "these lines" },
};

enum { ANSWERS = sizeof answers / sizeof answers[0] };

static void answer_help(const struct control_disks *disks, FILE *out)
{
    (void)disks;
    for (int i = 0; i < ANSWERS; i++)
        fprintf(out, "%-24s%s%s\n", answers[i].line, answers[i].help,
            answers[i].json ? "; as JSON after \"json \"" : "");
}

static bool is_line(int row, const char *line)
{
    size_t length = strlen(answers[row].line);

    return strncmp(line, answers[row].line, length) == 0 &&
        (!line[length] || (answers[row].change && line[length] == ' '));
}

void control_answer(const struct control_disks *disks, const char *line, FILE *out)
{
    static const char prefix[] = "json ";
    bool json = strncmp(line, prefix, strlen(prefix)) == 0;
    const char *name = json ? line + strlen(prefix) : line;

    for (int i = 0; i < ANSWERS; i++) {
        void (*answer)(const struct control_disks *, FILE *) =
            json ? answers[i].json : answers[i].text;

        if (answer && is_line(i, name)) {
            const char *words = name + strlen(answers[i].line);

            if (!*words || answers[i].change(disks, words + 1, out))
                answer(disks, out);
            return;
        }
    }
    if (strncmp(line, "GET ", 4) == 0)
        fputs("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nthere is /metrics\n", out);
    else
        fputs("error: unknown; `help` lists what can be asked\n", out);
}
