/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A tool's standard output is its result: a line that was not written is an error. */

#ifndef STGTEST_OUTPUT_H
#define STGTEST_OUTPUT_H

/* Writes what the buffer holds, where a tool must not go on without. 0 or ERROR_WRITE_FAULT, which
 * output_end() tells of. */
int output_flush(void);

/* The last use of standard output: what its buffer still holds is written. error is what the tool
 * has come to, 0 or not. Returns error; ERROR_WRITE_FAULT, after a message, where error is 0 and
 * something was not written. */
int output_end(const char *program, int error);

#endif
