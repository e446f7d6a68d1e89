/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "device.h"
#include "confine.h"
#include "notify.h"
#include "output.h"
#include "quote.h"
#include "sink.h"
#include "statistics.h"
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOPPED = -1 };

static const struct device_program *log_program;
static int log_level;

static void log_line(void *context, int level, const char *text)
{
    char now[SINK_TIME_MAX];

    (void)context;
    if (level > log_level)
        return;
    sink_time(now);
    device_error(log_program, "%s %s", now, text);
}

/* The program's own lines would be written over the disk's blocks. */
static bool check_outputs(const struct device_options *options)
{
    struct output_file image = output_of_path(options->file);
    bool output = output_same(output_of_descriptor(1), image);
    bool error = output_same(output_of_descriptor(2), image);

    if (options->debug_log && output_same(output_of_path(options->debug_log), image)) {
        device_error(options->program, "the debug log %s is the image %s itself: name another file",
            options->debug_log, options->file);
        return false;
    }
    if (!output && !error)
        return true;
    /* The message goes to the remaining descriptor; without one, only the exit status tells. */
    if (!output || !error) {
        char name[1024];

        quote_line(options->file, name, sizeof name);
        fprintf(error ? stdout : stderr,
            "%s: standard %s is the image %s itself: send it elsewhere\n", options->program->name,
            error ? "error" : "output", name);
    }
    return false;
}

int device_begin(struct device_options *options, const struct device_program *program, int argc,
    char **argv)
{
    /* It comes before anything is opened or printed. */
    if (spd_reserve_descriptors() != 0)
        return DEVICE_EXIT_FAILURE;
    sink_begin(program->name);

    int status = options_parse(options, program, argc, argv);
    if (status < 0)
        notify_begin();
    if (status < 0 && spd_inherit_sockets() < 0) {
        device_error(program, "%s", spd_error_detail());
        return DEVICE_EXIT_FAILURE;
    }
    if (status < 0 && options->file && !check_outputs(options))
        return DEVICE_EXIT_USAGE;
    return status;
}

spd_params device_params(const struct device_options *options)
{
    spd_params params = SPD_PARAMS_INIT;

    memcpy(params.guid, options->guid, sizeof params.guid);
    params.block_count = options->size ? options->size / options->block_length
                                       : options->block_count;
    params.block_length = (uint32_t)options->block_length;
    params.flags = (options->write_allowed ? 0 : SPD_WRITE_PROTECTED) |
        (options->cache ? SPD_CACHE : 0) |
        (options->unmap ? SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS : 0);
    memcpy(params.wwn, options->wwn, sizeof params.wwn);
    params.wwn_length = (uint32_t)(strlen(options->wwn_text) / 2);
    params.grace = (uint32_t)options->grace;
    if (options->slow_call_asked)
        params.slow_call = (uint32_t)options->slow_call;
    /* The option parser has checked the lengths. */
    snprintf(params.product_id, sizeof params.product_id, "%s", options->product_id);
    snprintf(params.product_revision, sizeof params.product_revision, "%s", options->revision);
    return params;
}

/* The user's input is at fault: exit as the original does for bad parameters. */
static bool is_usage_error(int error)
{
    return (error <= SPD_ERROR_BLOCK_COUNT && error >= SPD_ERROR_URI_PARAMETER) ||
        error == SPD_ERROR_GRACE || error == SPD_ERROR_WWN;
}

/* If the driver or a pipe is at fault the status is Windows' number for the error, as with the
 * original: scripts know 2, there is no driver. */
static int device_fail(const struct device_options *options, const char *what, int error)
{
    const char *detail = spd_error_detail();
    int system_error = (int)spd_error_system();

    device_error(options->program, "%s: %s%s%s", what, spd_strerror(error), *detail ? ": " : "",
        detail);
    if (system_error)
        return system_error;
    return is_usage_error(error) ? DEVICE_EXIT_USAGE : DEVICE_EXIT_FAILURE;
}

static int open_doors(const struct device_options *options, const spd_params *params,
    const spd_device *device, spd_unit **unit)
{
    const char *first = options->door_count ? options->doors[0] : NULL;
    int error = spd_unit_create(first, params, device, unit);

    if (error)
        return device_fail(options, first ? first : "no -p URI", error);
    for (uint32_t i = 1; i < options->door_count; i++) {
        error = spd_unit_add_door(*unit, options->doors[i]);
        if (error)
            return device_fail(options, options->doors[i], error);
    }
    return 0;
}

/* Scripts wait for the last line: then every door is open. */
static void print_start(struct device_options *options, const spd_unit *unit)
{
    const char *uris[DEVICE_DOORS_MAX + 1], *again[DEVICE_DOORS_MAX];
    spd_params params = { .size = sizeof params };
    uint32_t count = 0;
    FILE *text;

    /* A URI is for initiators. The name has facts that only the server knows, such as who must
     * authenticate. */
    while (count < DEVICE_DOORS_MAX && (uris[count] = spd_unit_door_uri(unit, count))) {
        again[count] = spd_unit_door_name(unit, count);
        count++;
    }
    uris[count] = NULL;
    notify_ready(uris);
    spd_unit_params(unit, &params);
    options->block_count = params.block_count;
    spd_guid_format(params.guid, options->guid_text);
    text = sink_text_open();
    if (!text)
        return;
    options_print(options, text, again, count);
    fputc('\n', text);
    for (uint32_t i = 0; i < count; i++)
        fprintf(text, "serving %s\n", uris[i]);
    sink_text_close(text, &sink_output);
}

static void print_statistics(const spd_unit *unit)
{
    FILE *text = sink_text_open();

    if (!text)
        return;
    statistics_print(unit, text);
    sink_text_close(text, &sink_output);
}

/* Open files and bound doors stay; from here on the process has no more rights than serving
 * needs. */
static bool give_up_rights(const struct device_options *options, const spd_unit *unit)
{
    const char *uris[DEVICE_DOORS_MAX + 1];

    for (uint32_t i = 0; (uris[i] = spd_unit_door_uri(unit, i)); i++)
        ;
    return confine_user(options) && confine_calls(options, uris);
}

/* The order matters: files that a failed start would leave behind are made last. Returns an exit
 * status, or STOPPED when a signal came first. */
static int start(const struct device_options *options, spd_unit *unit,
    const struct device_store *store, void *context)
{
    spd_params params = { .size = sizeof params };
    int status = 0;
    int error;

    spd_unit_params(unit, &params);
    if (store)
        status = store->make(context, &params);
    if (status == 0 && !give_up_rights(options, unit))
        status = DEVICE_EXIT_FAILURE;
    if (status == 0) {
        error = spd_unit_start(unit, (uint32_t)options->threads);
        if (error == SPD_ERROR_STATE)
            status = STOPPED;
        else if (error)
            status = device_fail(options, "cannot start", error);
    }
    if (status && store)
        store->unmake(context);
    return status;
}

/* A thread hangs in the device: nothing that it may use can be freed. */
static void end_at_once(int status)
{
    spd_log_set(NULL, NULL);
    fflush(stdout);
    _Exit(status);
}

static int serve(struct device_options *options, spd_unit *unit, const struct device_store *store,
    void *context)
{
    int error = spd_unit_shutdown_on_signal(unit);
    int status;

    if (error)
        return device_fail(options, "cannot handle signals", error);
    status = start(options, unit, store, context);
    if (status)
        return status == STOPPED ? 0 : status;
    print_start(options, unit);
    error = spd_unit_wait_for(
        unit, options->stop_timeout ? (uint32_t)options->stop_timeout : DEVICE_STOP_TIMEOUT);
    notify_stopping();
    if (options->stats)
        print_statistics(unit);
    status = error ? device_fail(options, "stopped", error) : 0;
    if (error == SPD_ERROR_HANGS)
        end_at_once(status);
    return status;
}

/* Where requests are logged. */
struct debug_log {
    FILE *file; /* NULL: on standard error */
    struct sink sink;
    bool made; /* there was no such file before */
};

static bool open_debug_log(struct debug_log *log, const struct device_options *options)
{
    char why[OUTPUT_WHY_MAX];

    *log = (struct debug_log){.sink.name = options->debug_log};
    if (!options->debug || !options->debug_log || strcmp(options->debug_log, "-") == 0)
        return true;
    log->file = output_open(options->debug_log, &log->made, why);
    if (!log->file) {
        device_error(options->program, "cannot open the debug log %s: %s", options->debug_log, why);
        return false;
    }
    log->sink.fd = sink_descriptor(fileno(log->file));
    return true;
}

/* A log that a failed start has made is removed, if it is empty. */
static void close_debug_log(const struct debug_log *log, const struct device_options *options,
    bool failed)
{
    bool empty = log->made && fseek(log->file, 0, SEEK_END) == 0 && ftell(log->file) == 0;

    if (log->sink.lost)
        device_error(options->program, "the last %" PRIu64 " lines of the debug log %s are lost",
            log->sink.lost, options->debug_log);
    if (log->file)
        fclose(log->file);
    if (failed && empty)
        remove(options->debug_log);
}

/* context: the store's. */
static int run(struct device_options *options, const spd_params *params, const spd_device *device,
    const struct device_store *store, void *context)
{
    spd_unit *unit = NULL;
    int status = open_doors(options, params, device, &unit);

    if (status == 0)
        status = serve(options, unit, store, context);
    spd_unit_shutdown_on_signal(NULL);
    spd_unit_delete(unit);
    return status;
}

int device_run(struct device_options *options, const spd_params *params, const spd_device *device,
    const struct device_store *store)
{
    spd_params effective = *params;
    void *context = device->context;
    struct debug_log log;
    struct trace trace;
    int status;

    log_program = options->program;
    log_level = options->debug ? 3 : 2;
    spd_log_set(log_line, NULL);
    if (!open_debug_log(&log, options))
        return DEVICE_EXIT_FAILURE;
    /* The file exists now, and has its other name. */
    if (options->file && !check_outputs(options)) {
        close_debug_log(&log, options, true);
        return DEVICE_EXIT_USAGE;
    }
    if (options->debug) {
        trace_init(&trace, device, options->debug, options->program->name,
            log.file ? &log.sink : &sink_error);
        device = &trace.device;
        effective.flags &= ~(uint32_t)SPD_TRY_FIRST; /* or what is tried twice is logged twice */
    }
    status = run(options, &effective, device, store, context);
    /* The disk was served all the same, but the lines that were asked for are not complete. */
    if (status == 0 && !(sink_is_whole(&sink_output) && sink_is_whole(&log.sink)))
        status = DEVICE_EXIT_FAILURE;
    close_debug_log(&log, options, status != 0);
    return status;
}
