/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Filters of --filter: what people who test storage software want between a disk and its users.
 *
 * A filter is an asynchronous device above another one (spd/device.h). Each kind has a file, with
 * its options and its operations, and is a row of the table in filter.c. The table serves parsing
 * and --help, and the tests compare spd-filters(7) with it. All devices of a stack are
 * asynchronous, so that a filter can hold requests: workers.h makes a simple device fit.
 *
 * A filter that holds requests does so when the device below has ended them. A request that is
 * passed on by another thread than that of its queue would be new to most devices.
 */

#ifndef DEVICES_COMMON_FILTER_H
#define DEVICES_COMMON_FILTER_H

#include <stdatomic.h>
#include <stdio.h>

#include <spd/program.h>

#include "sink.h"

enum {
    FILTER_MESSAGE_MAX = 512,
    FILTER_TEXT_MAX = 4096,      /* bytes of the argument of --filter */
    FILTER_STATE_MAX = 2048,     /* bytes of the state of any filter */
    FILTER_PATH_MAX = 1024,
    FILTERS_MAX = SPD_PROGRAM_FILTERS_MAX,
};

/* Kinds of options, each with the type of its value. */
enum filter_kind {
    FILTER_NUMBER,     /* uint64_t, min to max */
    FILTER_SIZE,       /* uint64_t, bytes */
    FILTER_TIME,       /* uint64_t, nanoseconds: 10ms, 1s, 250us */
    FILTER_PERCENT,    /* uint64_t, millionths: 0.1, 25 */
    FILTER_LBAS,       /* struct filter_lbas: 5, 5-9, 5- */
    FILTER_OPERATIONS, /* uint32_t, 1 << spd_operation for each: read+write, all */
    FILTER_FILE,       /* char[FILTER_PATH_MAX]; a comma ends it */
    FILTER_WORD,       /* uint32_t, an index of words */
};

struct filter_lbas {
    uint64_t first, last;
};

struct filter_option {
    const char *name, *help;
    enum filter_kind kind;
    uint64_t min, max;        /* the bounds of a number */
    const char *const *words; /* ended by NULL */
    const char *initial;      /* the default, as people would type it; NULL: zeros */
    size_t offset;            /* where the filter has the value */
    bool required;
    bool live; /* an _Atomic, which may get another value at any time: read it once */
};

/* The surroundings of a filter, for place(). */
struct filter_place {
    const spd_program *program;
    struct sink *log;
    uint64_t block_count;
    uint32_t block_length;
    const uint8_t *guid; /* the disk's, of 16 bytes; zeros: it has none of its own */
    bool write_protected;
};

struct filter {
    spd_device device; /* the filter, for the device above */
    spd_ops ops;
    spd_device below;
    const struct filter_type *type;
    char *text; /* what the user has asked for, with all changes; filters.c has it */
};

struct filter_type {
    const char *name, *help;
    const struct filter_option *options;
    size_t option_count;
    size_t size;                                 /* bytes of the filter, which begins as above */
    spd_ops ops;                                 /* its operations; the stack fits them */
    uint32_t flags;                              /* the unit gets them: SPD_WRITE_PROTECTED */
    /* NULL, or false with a message: the values do not fit together. */
    bool (*check)(const struct filter *filter, char message[FILTER_MESSAGE_MAX]);
    bool simple; /* it is for a simple device, at the bottom of the stack, and of one disk */
    /* All may be NULL. The device below is known. False: it cannot be there, after a message.
     * close() all the same. */
    bool (*place)(struct filter *filter, const struct filter_place *place);
    /* Before the unit starts; false: there is no memory, or no thread. close() all the same. */
    bool (*open)(struct filter *filter);
    /* The live values are others, and what depends on them begins anew. */
    void (*changed)(struct filter *filter);
    /* served: the unit has come to an orderly end. False: a message says what went wrong. */
    bool (*close)(struct filter *filter, bool served);
};

extern const struct filter_type filter_cow, filter_delay, filter_error, filter_log, filter_rate,
    filter_readonly;

/* Reads "NAME" or "NAME:key=value,...". filter, of FILTER_STATE_MAX bytes, gets the values. False:
 * the message says what is wrong, what is allowed and what to do. */
bool filter_parse(const char *text, struct filter *filter, char message[FILTER_MESSAGE_MAX]);

/* The table for --help. */
void filter_help(FILE *out);

/* filter_values.c */
/* Stores a value. False: *wanted is what the text should be. */
bool filter_value_parse(const struct filter_option *option, const char *text, void *value,
    char wanted[FILTER_MESSAGE_MAX]);
/* The words of operations, "read+write". */
const char *filter_operation_name(spd_operation operation);

/* Whether this operation has a bit in the mask. */
static inline bool filter_has(uint32_t operations, const spd_request *request)
{
    return operations >> spd_request_operation(request) & 1;
}

/* filter_random.c. The next number of a series that begins with its seed; any thread. */
uint64_t filter_random(_Atomic uint64_t *state);
/* True so many times of a million. */
bool filter_chance(_Atomic uint64_t *state, uint64_t millionths);

/* The part of a stack that does nothing of its own: operations for the table above. */
int SPD_CALL filter_queue_begin(spd_device *device, spd_queue *queue);
void SPD_CALL filter_queue_end(spd_device *device, spd_queue *queue);
void SPD_CALL filter_poll(spd_device *device, spd_queue *queue);

/* The operations that each filter has: those of queues go to the device below, and all further
 * operations are taken. */
#define FILTER_OPS                                                                                 \
    .size = sizeof(spd_ops), .queue_begin = filter_queue_begin, .queue_end = filter_queue_end,     \
    .poll = filter_poll,                                                                           \
    .submits = 1u << SPD_WRITE_ZEROES | 1u << SPD_EXTENTS | 1u << SPD_PREFETCH

#endif
