/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SHA-256 (FIPS 180-4), for names that are made of longer ones: no secret depends on it. The engine
 * has its own: the driver, which shares the engine, has no library for it. */

#ifndef SCSI_SHA256_H
#define SCSI_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SCSI_SHA256_LENGTH = 32 };

/* The digest of a message of less than 2^32 bytes. */
void scsi_sha256(const void *message, size_t length, uint8_t digest[SCSI_SHA256_LENGTH]);

#endif
