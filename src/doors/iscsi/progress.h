/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The steps of a SCSI command between its start and its answer. */

#ifndef ISCSI_PROGRESS_H
#define ISCSI_PROGRESS_H

#include "doors/iscsi/command.h"

/* Takes a started command on: asks for its data by an R2T, gives it to the device, or answers it.
 * Does nothing while unsolicited data is still to come. */
void iscsi_progress(struct iscsi_command *command);
/* Ends a command that has a fault with the matching status. */
void iscsi_progress_refuse(struct iscsi_command *command);
/* The same for a command that has not begun, and does not. */
void iscsi_progress_turn_away(struct iscsi_command *command, enum iscsi_command_fault fault);
/* The device has given back a command whose unit goes. */
void iscsi_progress_lost(struct iscsi_command *command);
/* Queues the answer of a finished command. */
void iscsi_progress_answer(struct iscsi_command *command);

#endif
