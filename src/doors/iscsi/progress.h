/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The steps of a SCSI command between its start and its answer. */

#ifndef ISCSI_PROGRESS_H
#define ISCSI_PROGRESS_H

struct command;

/* What a started command needs next: an R2T, the device, or its answer. Nothing while unsolicited
 * data is still to come. */
void progress(struct command *command);
/* Ends a command that has a fault with the status that says so. */
void progress_refuse(struct command *command);
/* Queues the answer of one that is done. */
void progress_answer(struct command *command);

#endif
