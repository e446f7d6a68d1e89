/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A tool's standard output is its result: a lost line is an error. */

#ifndef STGTEST_OUTPUT_H
#define STGTEST_OUTPUT_H

/* Writes the contents of the buffer, if a tool must not go on without. 0 or ERROR_WRITE_FAULT,
 * which output_end() reports. */
int output_flush(void);

/* The last use of standard output: writes the rest of the buffer. error is the tool's result, 0 or
 * not. Returns error; ERROR_WRITE_FAULT, after a message, if error is 0 and output was lost. */
int output_end(const char *program, int error);

#endif
