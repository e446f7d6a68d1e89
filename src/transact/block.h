/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What a transaction means to the engine, and an outcome of the engine to a client. The engine
 * checks ranges, write protection and capabilities, so a door only translates. Pure. */

#ifndef TRANSACT_BLOCK_H
#define TRANSACT_BLOCK_H

#include "transact/message.h"
#include "scsi/scsi.h"

/* Fills *block with the message's operation. payload: of an unmap, its ranges as they arrived,
 * aligned to 8 bytes; they become the block's, where they lie. False, and *block is not to be used,
 * when there is no such kind. */
bool transact_block(
    const struct transact_request *message, void *payload, struct scsi_block *block);

/* Bytes of data that the message moves in either direction: at most 2^32 - 1 blocks; 0 for what is
 * neither a read nor a write. */
uint64_t transact_data_length(const struct transact_request *message, uint32_t block_length);

/* CHECK CONDITION with this sense. */
struct transact_status transact_status_check(uint8_t sense_key, uint8_t asc, uint8_t ascq);

/* What a task has ended with. */
struct transact_status transact_status_of(const struct scsi_outcome *outcome);

#endif
