/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The control socket of a program, at which spdctl(1) asks what its disks do. A client sends a
 * line, a row of the table in control_answers_posix.c. It gets the answer, and the connection
 * ends. An answer that begins with "error: " says why there is no other. The line
 * "GET /metrics HTTP/1.1" gets the metrics as an answer of HTTP.
 *
 * The socket is in a folder that only its user may enter: $SPD_RUNTIME_DIR if it is set, /run/spd
 * for root, else $XDG_RUNTIME_DIR/spd. It is named after the program and the process. A program
 * that can have no socket serves its disks all the same.
 */

#ifndef DEVICES_COMMON_CONTROL_H
#define DEVICES_COMMON_CONTROL_H

#include <stdio.h>

#include <spd/program.h>

struct control_disks {
    spd_program_disk *disks;
    uint32_t count;
    struct filters *filters; /* each disk has a row */
};

/* control_posix.c, control_windows.c. */
/* Makes the socket while the program has its rights. A message says why there is none. */
void control_open(const spd_program_options *options);
/* Clients get answers. The disks stay until control_close(). */
void control_start(struct control_disks *disks);
/* Removes the socket. No client is served any more. Also without an open, and without a start. */
void control_close(void);

/* control_filters_posix.c. */
void control_list_filters(const struct control_disks *disks, FILE *out);
void control_json_filters(const struct control_disks *disks, FILE *out);
/* words: "NUMBER KEY=VALUE,...". False: the answer is an error. */
bool control_change_filter(const struct control_disks *disks, const char *words, FILE *out);

/* control_answers_posix.c. */
enum { CONTROL_LINE_MAX = 256 };

/* Writes the answer to a line, without its end. */
void control_answer(const struct control_disks *disks, const char *line, FILE *out);

#endif
