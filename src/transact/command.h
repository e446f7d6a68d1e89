/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What a transaction means in SCSI: the engine checks ranges, write protection and capabilities, so
 * a door only translates. Pure. */

#ifndef TRANSACT_COMMAND_H
#define TRANSACT_COMMAND_H

#include "transact/message.h"
#include "scsi/scsi.h"

enum {
    TRANSACT_UNMAP_HEADER_LENGTH = 8,
};

/* Fills the task's CDB, direction and expected length for a read, write or flush. False when there
 * is no such kind. */
bool transact_command_build(const struct transact_request *message, uint32_t block_length,
    struct scsi_task *task);

/* The same for `count` ranges of an unmap; header is the head of the parameter list (SBC-3 5.28),
 * which the ranges follow. */
void transact_command_build_unmap(uint32_t count, struct scsi_task *task,
    uint8_t header[TRANSACT_UNMAP_HEADER_LENGTH]);

/* Turns ranges as they arrived into UNMAP block descriptors, where they lie. */
void transact_command_convert_ranges(uint8_t *ranges, uint32_t count);

/* CHECK CONDITION with this sense. */
struct transact_status transact_status_check(uint8_t sense_key, uint8_t asc, uint8_t ascq);

/* What a finished task reports: sense of either format becomes the protocol's own. */
struct transact_status transact_status_from_task(const struct scsi_task *task);

#endif
