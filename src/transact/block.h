/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Translates a transaction for the engine, and an outcome of the engine for a client. The engine
 * checks ranges, write protection and capabilities, so a door only translates. Pure. */

#ifndef TRANSACT_BLOCK_H
#define TRANSACT_BLOCK_H

#include "transact/message.h"
#include "scsi/scsi.h"

/* Fills *block with the message's operation. payload: the ranges of an unmap as they arrived,
 * aligned to 8 bytes; they become the block's, at their place. False: there is no such kind; do not
 * use *block. */
bool transact_block(
    const struct transact_request *message, void *payload, struct scsi_block *block);

/* Bytes of data that the message moves in either direction: at most 2^32 - 1 blocks; 0 for other
 * kinds. */
uint64_t transact_data_length(const struct transact_request *message, uint32_t block_length);

/* CHECK CONDITION with this sense. */
struct transact_status transact_status_check(uint8_t sense_key, uint8_t asc, uint8_t ascq);

/* The status with which a task has ended. */
struct transact_status transact_status_of(const struct scsi_outcome *outcome);

#endif
