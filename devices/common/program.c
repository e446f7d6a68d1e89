/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "confine.h"
#include "control.h"
#include "exec.h"
#include "filters.h"
#include "measure.h"
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

enum {
    STOPPED = -1,
    URIS_MAX = SPD_PROGRAM_DISKS_MAX * SPD_PROGRAM_DOORS_MAX + 1,
    NAME_MAX_BESIDE = 4096, /* bytes of a device name */
};

static const spd_program *log_program;
static int log_level;

static void log_line(void *context, int level, const char *text)
{
    char now[SINK_TIME_MAX];

    (void)context;
    if (level > log_level)
        return;
    sink_time(now);
    spd_program_error(log_program, "%s %s", now, text);
}

/* The program's own lines would be written over the disk's blocks. */
static bool check_image(const spd_program_options *options, const char *file)
{
    struct output_file image = output_of_path(file);
    bool output = output_same(output_of_descriptor(1), image);
    bool error = output_same(output_of_descriptor(2), image);

    if (options->debug_log && output_same(output_of_path(options->debug_log), image)) {
        spd_program_error(options->program,
            "the debug log %s is the image %s itself: name another file", options->debug_log, file);
        return false;
    }
    if (!output && !error)
        return true;
    /* The message goes to the remaining descriptor; without one, only the exit status tells. */
    if (!output || !error) {
        char name[1024];

        quote_line(file, name, sizeof name);
        fprintf(error ? stdout : stderr,
            "%s: standard %s is the image %s itself: send it elsewhere\n", options->program->name,
            error ? "error" : "output", name);
    }
    return false;
}

static bool check_outputs(spd_program_options *options)
{
    const char *image;

    for (unsigned i = 0; (image = options_image(options, i)); i++)
        if (!check_image(options, image))
            return false;
    return true;
}

int spd_program_begin(const spd_program *program, int argc, char **argv,
    spd_program_options *options, void *own)
{
    int status;

    /* It comes before anything is opened or printed. */
    if (spd_reserve_descriptors() != 0)
        return SPD_PROGRAM_EXIT_FAILURE;
    sink_begin(program->name);
    status = options_parse(options, program, own, argc, argv);
    if (status >= 0)
        return status;
    notify_begin();
    if (spd_inherit_sockets() < 0) {
        spd_program_error(program, "%s", spd_error_detail());
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    return check_outputs(options) ? status : SPD_PROGRAM_EXIT_USAGE;
}

static spd_params make_params(const spd_program_options *options)
{
    spd_params params = SPD_PARAMS_INIT;

    memcpy(params.guid, options->guid, sizeof params.guid);
    params.block_count = options->size ? options->size / options->block_length
                                       : options->block_count;
    if (!params.block_count)
        params.block_count = SPD_PROGRAM_BLOCK_COUNT;
    params.block_length = (uint32_t)options->block_length;
    params.flags = (options->write_allowed ? 0 : SPD_WRITE_PROTECTED) |
        (options->cache ? SPD_CACHE : 0) |
        (options->unmap ? SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS : 0);
    memcpy(params.wwn, options->wwn, sizeof params.wwn);
    params.wwn_length = (uint32_t)(strlen(options->wwn_text) / 2);
    params.rotation_rate = (uint32_t)options->rotation_rate;
    if (spd_program_given(options, "slow-call"))
        params.slow_call = (uint32_t)options->slow_call;
    /* The option parser has checked the lengths. */
    if (options->vendor_id)
        snprintf(params.vendor_id, sizeof params.vendor_id, "%s", options->vendor_id);
    snprintf(params.product_id, sizeof params.product_id, "%s", options->product_id);
    snprintf(params.product_revision, sizeof params.product_revision, "%s", options->revision);
    return params;
}

void spd_program_disk_init(spd_program_disk *disk, const spd_program_options *options,
    uint32_t index)
{
    *disk = (spd_program_disk){ .options = options_disk(options, index) };
    disk->params = make_params(&disk->options);
}

/* The user's input is at fault: exit as the original does for bad parameters. */
static bool is_usage_error(int error)
{
    return (error <= SPD_ERROR_BLOCK_COUNT && error >= SPD_ERROR_URI_PARAMETER) ||
        error == SPD_ERROR_GRACE || error == SPD_ERROR_WWN || error == SPD_ERROR_ROTATION_RATE;
}

/* If the driver or a pipe is at fault the status is Windows' number for the error, as with the
 * original: scripts know 2, there is no driver. */
static int fail(const spd_program_options *options, const char *what, int error)
{
    const char *detail = spd_error_detail();
    int system_error = (int)spd_error_system();

    spd_program_error(options->program, "%s: %s%s%s", what, spd_strerror(error),
        *detail ? ": " : "", detail);
    if (system_error)
        return system_error;
    return is_usage_error(error) ? SPD_PROGRAM_EXIT_USAGE : SPD_PROGRAM_EXIT_FAILURE;
}

/* The name of an iSCSI door with a LUN that is greater by index. False: it is no such door, or the
 * LUN is no number. */
static bool name_beside(const char *name, uint32_t index, char beside[NAME_MAX_BESIDE])
{
    size_t target = strlen("iscsi://"), length, whole;
    unsigned long lun = 0;

    if (strncmp(name, "iscsi://", target) != 0)
        return false;
    target += strcspn(name + target, "/");
    target += name[target] == '/';
    length = target + strcspn(name + target, "/?"); /* to the end of the IQN */
    whole = target + strcspn(name + target, "?");
    if (whole > length + 1) {
        char *end;

        lun = strtoul(name + length + 1, &end, 10);
        if (end != name + whole)
            return false;
    }
    return snprintf(beside, NAME_MAX_BESIDE, "%.*s/%lu%s", (int)length, name, lun + index,
               name + whole) < NAME_MAX_BESIDE;
}

/* Opens a door, the disk's first or one more. */
static int open_door(spd_program_disk *disk, const char *name)
{
    int error = disk->unit ? spd_unit_add_door(disk->unit, name)
                           : spd_unit_create(name, &disk->params, &disk->device, &disk->unit);

    return error ? fail(&disk->options, name ? name : "no -p URI", error) : 0;
}

/* The doors of the first disk are what the user asked for. Those of another are beside them: at the
 * port that was chosen, with a LUN of its own. */
static int open_doors(const spd_program_disk *first, spd_program_disk *disk, uint32_t index)
{
    const spd_program_options *options = &disk->options;
    int status = options->door_count ? 0 : open_door(disk, NULL);

    for (uint32_t i = 0; i < options->door_count && !status; i++) {
        char name[NAME_MAX_BESIDE];

        if (disk == first)
            status = open_door(disk, options->doors[i]);
        else if (name_beside(spd_unit_door_name(first->unit, i), index, name))
            status = open_door(disk, name);
        else {
            spd_program_error(options->program, "%s cannot serve several disks: iscsi: can, with "
                "a LUN for each of up to 255", options->doors[i]);
            status = SPD_PROGRAM_EXIT_USAGE;
        }
    }
    return status;
}

/* Ends with NULL. Returns their number. */
static uint32_t list_uris(const spd_program_disk *disks, uint32_t count,
    const char *uris[URIS_MAX])
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t door = 0; (uris[found] = spd_unit_door_uri(disks[i].unit, door)); door++)
            found++;
    uris[found] = NULL;
    return found;
}

static void print_disk(spd_program_disk *disk, FILE *text)
{
    const char *again[SPD_PROGRAM_DOORS_MAX];
    spd_params params = { .size = sizeof params };
    uint32_t count = 0;

    /* A URI is for initiators. The name has facts that only the server knows, such as who must
     * authenticate. */
    while (count < SPD_PROGRAM_DOORS_MAX && (again[count] = spd_unit_door_name(disk->unit, count)))
        count++;
    spd_unit_params(disk->unit, &params);
    disk->options.block_count = params.block_count;
    spd_guid_format(params.guid, disk->options.guid_text);
    options_print(&disk->options, text, again, count);
    fputc('\n', text);
}

/* Scripts wait for the last line: then every door is open. */
static void print_start(spd_program_disk *disks, uint32_t count)
{
    const char *uris[URIS_MAX];
    uint32_t uri_count = list_uris(disks, count, uris);
    FILE *text;

    notify_ready(uris);
    text = sink_text_open();
    if (!text)
        return;
    for (uint32_t i = 0; i < count; i++)
        print_disk(&disks[i], text);
    for (uint32_t i = 0; i < uri_count; i++)
        fprintf(text, "serving %s\n", uris[i]);
    sink_text_close(text, &sink_output);
}

static void print_statistics(const spd_program_disk *disks, uint32_t count)
{
    FILE *text = sink_text_open();

    if (!text)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (count > 1)
            fprintf(text, "%s%s:\n", i ? "\n" : "", spd_unit_door_uri(disks[i].unit, 0));
        statistics_print(disks[i].unit, text);
    }
    sink_text_close(text, &sink_output);
}

/* All that was opened and bound stays; from here on we have no more rights than serving needs. */
static bool give_up_rights(const spd_program_disk *disks, uint32_t count)
{
    const char *uris[URIS_MAX];

    list_uris(disks, count, uris);
    return confine_user(&disks->options) && confine_calls(&disks->options, uris);
}

static int make(spd_program_disk *disk)
{
    spd_params params = { .size = sizeof params };

    if (!disk->store)
        return 0;
    spd_unit_params(disk->unit, &params);
    disk->made = true;
    return disk->store->make(disk->store_context, &params);
}

static int start_unit(const spd_program_disk *disk)
{
    int error = spd_unit_start(disk->unit, (uint32_t)disk->options.threads);

    if (error == SPD_ERROR_STATE)
        return STOPPED;
    return error ? fail(&disk->options, "cannot start", error) : 0;
}

/* The order matters: what a failed start would leave behind is made last. Returns an exit status,
 * or STOPPED when a signal came first and there is nothing to serve any more. */
static int start(spd_program_disk *disks, uint32_t count, struct filters *filters)
{
    int status = 0;

    for (uint32_t i = 0; i < count && status == 0; i++)
        status = make(&disks[i]);
    if (status == 0 && !give_up_rights(disks, count))
        status = SPD_PROGRAM_EXIT_FAILURE;
    for (uint32_t i = 0; i < count && status == 0; i++)
        status = filters_open(&filters[i], &disks[i]) ? 0 : SPD_PROGRAM_EXIT_FAILURE;
    for (uint32_t i = 0; i < count && status == 0; i++)
        status = start_unit(&disks[i]);
    for (uint32_t i = 0; i < count && status; i++) {
        spd_unit_shutdown(disks[i].unit);
        if (disks[i].made)
            disks[i].store->unmake(disks[i].store_context);
    }
    return status;
}

/* A thread hangs in the device: nothing that it may use can be freed. */
static void end_at_once(int status)
{
    spd_log_set(NULL, NULL);
    fflush(stdout);
    _Exit(status);
}

static int watch_signals(const spd_program_disk *disks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int error = spd_unit_shutdown_on_signal(disks[i].unit);

        if (error)
            return fail(&disks->options, "cannot handle signals", error);
    }
    return 0;
}

/* Waits until all have ended. Returns the first error, which was told. */
static int wait_for_all(const spd_program_disk *disks, uint32_t count, int *status)
{
    const spd_program_options *options = &disks->options;
    uint32_t patience = (uint32_t)options->stop_timeout;
    int first = 0;

    for (uint32_t i = 0; i < count; i++) {
        int error = spd_unit_wait_for(disks[i].unit, patience);

        if (i == 0)
            notify_stopping();
        if (!error)
            continue;
        *status = fail(options, "stopped", error);
        if (!first || error == SPD_ERROR_HANGS)
            first = error;
    }
    return first;
}

static void shut_down(void *context)
{
    const struct control_disks *disks = context;

    for (uint32_t i = 0; i < disks->count; i++)
        spd_unit_shutdown(disks->disks[i].unit);
}

/* The disks end at once if the command cannot start. */
static int start_command(struct exec *exec, struct control_disks *disks)
{
    const char *uris[URIS_MAX];

    list_uris(disks->disks, disks->count, uris);
    if (exec_start(exec, uris, shut_down, disks))
        return 0;
    shut_down(disks);
    return SPD_PROGRAM_EXIT_FAILURE;
}

static void measure_all(void *context)
{
    const struct control_disks *disks = context;

    for (uint32_t i = 0; i < disks->count; i++)
        measure_disk(&disks->disks[i]);
}

static int serve(
    spd_program_disk *disks, uint32_t count, struct exec *exec, struct filters *filters)
{
    struct control_disks served = { disks, count, filters };
    int status = watch_signals(disks, count), command;
    int error;

    control_open(&disks->options);
    if (status == 0)
        status = start(disks, count, filters);
    if (status) {
        control_close();
        return status == STOPPED ? 0 : status;
    }
    measure_start(measure_all, &served);
    control_start(&served);
    print_start(disks, count);
    command = start_command(exec, &served);
    error = wait_for_all(disks, count, &status);
    control_close();
    measure_stop();
    if (disks->options.stats)
        print_statistics(disks, count);
    if (error == SPD_ERROR_HANGS)
        end_at_once(status);
    return status ? status : command;
}

/* Where requests are logged. */
struct debug_log {
    FILE *file; /* NULL: on standard error */
    struct sink sink;
    bool made; /* there was no such file before */
};

static bool open_debug_log(struct debug_log *log, const spd_program_options *options)
{
    char why[OUTPUT_WHY_MAX];

    *log = (struct debug_log){.sink.name = options->debug_log};
    if (!(options->debug || filters_have_log(options)) || !options->debug_log ||
        strcmp(options->debug_log, "-") == 0)
        return true;
    log->file = output_open(options->debug_log, &log->made, why);
    if (!log->file) {
        spd_program_error(
            options->program, "cannot open the debug log %s: %s", options->debug_log, why);
        return false;
    }
    log->sink.fd = sink_descriptor(fileno(log->file));
    return true;
}

/* A log that a failed start has made is removed, if it is empty. */
static void close_debug_log(const struct debug_log *log, const spd_program_options *options,
    bool failed)
{
    bool empty = log->made && fseek(log->file, 0, SEEK_END) == 0 && ftell(log->file) == 0;

    if (log->sink.lost)
        spd_program_error(options->program,
            "the last %" PRIu64 " lines of the debug log %s are lost", log->sink.lost,
            options->debug_log);
    if (log->file)
        fclose(log->file);
    if (failed && empty)
        remove(options->debug_log);
}

static int run(
    spd_program_disk *disks, uint32_t count, struct exec *exec, struct filters *filters)
{
    int status = 0, command;

    for (uint32_t i = 0; i < count && status == 0; i++)
        status = open_doors(disks, &disks[i], i);
    if (status == 0)
        status = serve(disks, count, exec, filters);
    command = exec_end(exec);
    spd_unit_shutdown_on_signal(NULL);
    for (uint32_t i = count; i--;)
        spd_unit_delete(disks[i].unit);
    return status ? status : command;
}

static void trace_all(spd_program_disk *disks, uint32_t count, struct trace *traces,
    struct debug_log *log)
{
    const spd_program_options *options = &disks->options;

    for (uint32_t i = 0; i < count && options->debug; i++) {
        trace_init(&traces[i], &disks[i].device, options->debug, options->program->name,
            log->file ? &log->sink : &sink_error);
        disks[i].device = traces[i].device;
        /* Or what is tried twice is logged twice. */
        disks[i].params.flags &= ~(uint32_t)SPD_TRY_FIRST;
    }
}

/* Serves the disks through their filters. */
static int run_filtered(
    spd_program_disk *disks, uint32_t count, struct debug_log *log, struct exec *exec)
{
    struct filters filters[SPD_PROGRAM_DISKS_MAX] = { 0 };
    bool placed = true;
    int status;

    for (uint32_t i = 0; i < count && placed; i++)
        placed = filters_place(&filters[i], &disks[i], log->file ? &log->sink : &sink_error);
    if (placed) {
        status = run(disks, count, exec, filters);
    } else {
        status = SPD_PROGRAM_EXIT_FAILURE;
        exec_end(exec);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!filters_close(&filters[i], status == 0) && !status)
            status = SPD_PROGRAM_EXIT_FAILURE;
    return status;
}

int spd_program_run(spd_program_disk *disks, uint32_t count)
{
    spd_program_options *options = &disks->options;
    struct trace traces[SPD_PROGRAM_DISKS_MAX];
    struct debug_log log;
    struct exec *exec;
    int status;

    if (!exec_begin(options, &exec))
        return SPD_PROGRAM_EXIT_FAILURE;
    measure_begin();
    log_program = options->program;
    log_level = options->debug ? 3 : 2;
    spd_log_set(log_line, NULL);
    if (!open_debug_log(&log, options)) {
        exec_end(exec);
        return SPD_PROGRAM_EXIT_FAILURE;
    }
    /* Now that the log is there, so is its other name. */
    if (!check_outputs(options)) {
        close_debug_log(&log, options, true);
        exec_end(exec);
        return SPD_PROGRAM_EXIT_USAGE;
    }
    trace_all(disks, count, traces, &log);
    status = run_filtered(disks, count, &log, exec);
    /* The disk was served all the same, but the lines that were asked for are not complete. */
    if (status == 0 && !(sink_is_whole(&sink_output) && sink_is_whole(&log.sink)))
        status = SPD_PROGRAM_EXIT_FAILURE;
    close_debug_log(&log, options, status != 0);
    return status;
}
