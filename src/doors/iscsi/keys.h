/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Text keys: their form (RFC 7143 6.1), and the negotiation of operational ones (6.2, 13). */

#ifndef ISCSI_KEYS_H
#define ISCSI_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* The results of a session's operational negotiation. */
struct iscsi_params {
    uint32_t header_digest; /* 0 None, 1 CRC32C */
    uint32_t data_digest;
    uint32_t max_connections;
    uint32_t initial_r2t;
    uint32_t immediate_data;
    uint32_t max_send; /* the initiator's MaxRecvDataSegmentLength */
    uint32_t max_burst;
    uint32_t first_burst;
    uint32_t time2wait;
    uint32_t time2retain;
    uint32_t max_r2t;
    uint32_t pdu_in_order;
    uint32_t sequence_in_order;
    uint32_t recovery_level;
    uint32_t task_reporting;
    uint32_t protocol_level;
    bool discovery; /* not negotiated here: it makes some keys irrelevant */
    uint64_t offered; /* bit i: row i of the table was offered; a second time is an error */
};

/* The defaults of RFC 7143 13. */
void iscsi_params_init(struct iscsi_params *params);

/* After the last key: limits that follow from each other. */
void iscsi_params_finish(struct iscsi_params *params);

/* Text on its way out. */
struct iscsi_text {
    char *bytes;
    uint32_t length;
    uint32_t size;
    bool overflow; /* something did not fit and is missing */
};

void iscsi_text_put(struct iscsi_text *text, const char *key, const char *value);
void iscsi_text_put_number(struct iscsi_text *text, const char *key, uint32_t value);

/* The next key=value pair of a text of `length` bytes, which is changed in place: *key and *value
 * become strings. False at the end, and when the form is bad (then *bad is set). */
bool iscsi_text_next(char *text, uint32_t length, uint32_t *position, char **key, char **value,
    bool *bad);

/* A decimal or 0x constant (RFC 7143 6.1) of at most 32 bits. */
bool iscsi_number(const char *text, uint32_t *number);

enum iscsi_phase {
    PHASE_LOGIN,
    PHASE_FULL_FEATURE,
};

/* Takes the initiator's offer or declaration of an operational key and writes our answer, when one
 * is due. False: the offer breaks the protocol. */
bool iscsi_key_offer(struct iscsi_params *params, enum iscsi_phase phase, const char *key,
    const char *value, struct iscsi_text *answer);

#endif
