/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The filters of the disks of a program, from the command line to the end. */

#ifndef DEVICES_COMMON_FILTERS_H
#define DEVICES_COMMON_FILTERS_H

#include "filter.h"
#include "workers.h"

union filter_state {
    struct filter filter;
    max_align_t aligned;
    char bytes[FILTER_STATE_MAX];
};

/* Those of one disk. */
struct filters {
    struct workers *workers; /* NULL: the device is asynchronous, or there is no filter */
    struct filter *filters[FILTERS_MAX];
    uint32_t count;
};

/* Whether the texts of the options are good; prints a message. */
bool filters_check(const spd_program_options *options);

/* Whether one of them cannot let the disk grow. */
bool filters_fix_size(const spd_program_options *options);
/* Whether one of them logs requests. */
bool filters_have_log(const spd_program_options *options);

/* Puts the filters of the disk's options above its device, the first one on top, and changes the
 * device and its parameters. log: where logs go. False: there is no memory, or the device is not
 * for them, after a message. filters_close() all the same. */
bool filters_place(struct filters *filters, spd_program_disk *disk, struct sink *log);
/* Before the unit starts. False: there is no memory, or no thread, after a message. */
bool filters_open(struct filters *filters, const spd_program_disk *disk);
/* Changes values of a filter while the unit serves; index 0 is the first one of the command line.
 * pairs: "key=value,...". False: the message says what is wrong. No two threads may be in it. */
bool filters_change(struct filters *filters, uint32_t index, const char *pairs,
    char message[FILTER_MESSAGE_MAX]);
/* The text of the command line, with all changes. NULL: there is no such filter. */
const char *filters_text(const struct filters *filters, uint32_t index);
/* The unit is deleted. served: after an orderly end. False: a message says what went wrong. */
bool filters_close(struct filters *filters, bool served);

#endif
