/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The transaction protocol, between a client and the doors of Unix sockets and pipes.
 *
 * A server sends its unit's parameters (128 bytes) right after it accepts. From then on a client
 * sends requests and the server answers each with one response, in any order; the hint names the
 * request. Both are a header of 48 bytes and a payload whose length follows from the header alone:
 *
 *   read    request: none                           response: blocks * block length when done
 *   write   request: blocks * block length          response: none
 *   flush   request: none                           response: none
 *   unmap   request: count * 16 bytes of ranges     response: none
 *   other   request: none                           response: none (CHECK CONDITION 5/20/00)
 *
 * Windows programs know these layouts from winspd/ioctl.h. Everything is little-endian. The
 * structures below have the layout of the wire, so only the functions here touch them.
 */

#ifndef TRANSACT_MESSAGE_H
#define TRANSACT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum transact_kind {
    TRANSACT_READ = 1,
    TRANSACT_WRITE = 2,
    TRANSACT_FLUSH = 3,
    TRANSACT_UNMAP = 4,
};

enum {
    TRANSACT_PARAMS_LENGTH = 128,
    TRANSACT_PARAMS_MAX = 1024, /* if messages have ends: they may be longer one day */
    TRANSACT_HEADER_LENGTH = 48,
    TRANSACT_RANGE_LENGTH = 16,
};

/* Flags of transact_wire_params. */
enum {
    TRANSACT_WRITE_PROTECTED = 1u << 0,
    TRANSACT_CACHE = 1u << 1,
    TRANSACT_UNMAP_SUPPORTED = 1u << 2,
    TRANSACT_EJECT_DISABLED = 1u << 3,
};

/* In the first reserved word: the unit has SCSI_PROFILE_MODERN, else SCSI_PROFILE_WINSPD. */
#define TRANSACT_MODERN_PROFILE (UINT64_C(1) << 33)

/* On the wire. */

struct transact_wire_params {
    uint8_t guid[16]; /* first three fields little-endian, unlike RFC 4122 */
    uint64_t block_count;
    uint32_t block_length;
    uint8_t product_id[16];
    uint8_t product_revision[4];
    uint8_t device_type;
    uint8_t padding1[3];
    uint32_t flags;
    uint32_t max_transfer_length;
    uint8_t padding2[4];
    uint64_t reserved[8];
};

struct transact_wire_status {
    uint8_t scsi_status;
    uint8_t sense_key;
    uint8_t asc;
    uint8_t ascq;
    uint8_t padding[4];
    uint64_t information;
    uint64_t reserved_csi;
    uint32_t reserved_sks;
    uint8_t reserved_fru;
    uint8_t information_valid; /* bit 0 */
    uint8_t padding2[2];
};

struct transact_wire_request {
    uint64_t hint;
    uint8_t kind;
    uint8_t padding[7];
    union {
        struct {
            uint64_t lba;
            uint32_t blocks;
            uint32_t flags; /* bit 0: force unit access */
        } block;
        uint32_t unmap_count;
    } op;
    uint8_t unused[16];
};

struct transact_wire_response {
    uint64_t hint;
    uint8_t kind;
    uint8_t padding[7];
    struct transact_wire_status status;
};

struct transact_wire_range {
    uint64_t lba;
    uint32_t blocks;
    uint32_t reserved;
};

#define TRANSACT_AT(type, member, offset) \
    _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
_Static_assert(sizeof(struct transact_wire_params) == TRANSACT_PARAMS_LENGTH, "params");
TRANSACT_AT(transact_wire_params, block_count, 16);
TRANSACT_AT(transact_wire_params, block_length, 24);
TRANSACT_AT(transact_wire_params, product_id, 28);
TRANSACT_AT(transact_wire_params, product_revision, 44);
TRANSACT_AT(transact_wire_params, device_type, 48);
TRANSACT_AT(transact_wire_params, flags, 52);
TRANSACT_AT(transact_wire_params, max_transfer_length, 56);
TRANSACT_AT(transact_wire_params, reserved, 64);
_Static_assert(sizeof(struct transact_wire_status) == 32, "status");
TRANSACT_AT(transact_wire_status, information, 8);
TRANSACT_AT(transact_wire_status, reserved_csi, 16);
TRANSACT_AT(transact_wire_status, reserved_sks, 24);
TRANSACT_AT(transact_wire_status, information_valid, 29);
_Static_assert(sizeof(struct transact_wire_request) == TRANSACT_HEADER_LENGTH, "request");
TRANSACT_AT(transact_wire_request, kind, 8);
TRANSACT_AT(transact_wire_request, op.block.lba, 16);
TRANSACT_AT(transact_wire_request, op.block.blocks, 24);
TRANSACT_AT(transact_wire_request, op.block.flags, 28);
TRANSACT_AT(transact_wire_request, op.unmap_count, 16);
_Static_assert(sizeof(struct transact_wire_response) == TRANSACT_HEADER_LENGTH, "response");
TRANSACT_AT(transact_wire_response, kind, 8);
TRANSACT_AT(transact_wire_response, status, 16);
_Static_assert(sizeof(struct transact_wire_range) == TRANSACT_RANGE_LENGTH, "range");
TRANSACT_AT(transact_wire_range, blocks, 8);

/* In memory. */

struct transact_params {
    uint8_t guid[16]; /* RFC 4122 order */
    uint64_t block_count;
    uint32_t block_length;
    uint32_t max_transfer_length;
    uint32_t flags;
    uint8_t device_type;
    bool modern_profile;
    char product_id[16];      /* not terminated */
    char product_revision[4]; /* not terminated */
};

struct transact_request {
    uint64_t hint; /* not 0 */
    uint8_t kind;
    uint64_t lba;
    uint32_t blocks; /* unmap: the count of ranges */
    bool fua;
};

struct transact_status {
    uint8_t scsi_status;
    uint8_t sense_key;
    uint8_t asc;
    uint8_t ascq;
    bool information_valid;
    uint64_t information;
};

struct transact_response {
    uint64_t hint;
    uint8_t kind;
    struct transact_status status;
};

struct transact_range {
    uint64_t lba;
    uint32_t blocks;
};

void transact_encode_params(const struct transact_params *params,
    uint8_t wire[TRANSACT_PARAMS_LENGTH]);

/* False when no client can work with them: the block count is 0, or the block length under 16. Or
 * the maximum transfer length is 0 or not a multiple of the block length. */
bool transact_decode_params(const uint8_t wire[TRANSACT_PARAMS_LENGTH],
    struct transact_params *params);

void transact_encode_request(const struct transact_request *request,
    uint8_t wire[TRANSACT_HEADER_LENGTH]);
void transact_decode_request(const uint8_t wire[TRANSACT_HEADER_LENGTH],
    struct transact_request *request);

void transact_encode_response(const struct transact_response *response,
    uint8_t wire[TRANSACT_HEADER_LENGTH]);
void transact_decode_response(const uint8_t wire[TRANSACT_HEADER_LENGTH],
    struct transact_response *response);

void transact_encode_range(const struct transact_range *range, uint8_t wire[TRANSACT_RANGE_LENGTH]);
void transact_decode_range(const uint8_t wire[TRANSACT_RANGE_LENGTH], struct transact_range *range);

/* Bytes that follow a request, or its response with this status. The product of two 32-bit
 * numbers does not overflow. A read that was done and has sense to report brings its data, too. */
uint64_t transact_request_payload(const struct transact_request *request, uint32_t block_length);
uint64_t transact_response_payload(const struct transact_request *request, uint32_t block_length,
    const struct transact_status *status);

#endif
