/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * From bytes to PDUs. The file that takes a PDU calls iscsi_receive_into() before the data comes,
 * so that the data is read straight into a command's buffer.
 */

#ifndef ISCSI_RECEIVE_H
#define ISCSI_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "doors/iscsi/buffers.h"
#include "doors/iscsi/pdu.h"

struct iscsi_command;
struct iscsi_connection;

struct iscsi_receive {
    uint8_t header[ISCSI_HEADER_MAX];
    uint32_t have; /* bytes of the header, or of the trailer */
    uint32_t need;
    uint8_t phase;
    bool header_digest;
    bool data_digest;
    bool large;          /* the last segment was large, so the next may be: read only its header */
    struct iscsi_command *command; /* the one whose buffer `data` points into */
    struct iscsi_buffer buffer;    /* segments of PDUs that belong to no command */
    uint8_t *data;       /* place of the next byte of the segment */
    uint32_t keep;       /* bytes that go there; later ones are discarded */
    uint32_t left;       /* bytes of the segment still to come */
    uint32_t crc;
    uint8_t trailer[8];  /* padding and digest */
};

void iscsi_receive_init(struct iscsi_receive *rx);
void iscsi_receive_ready(struct iscsi_connection *c); /* the socket is readable */

/* The segment's next `keep` bytes go to data; the rest is discarded. */
static inline void iscsi_receive_into(struct iscsi_receive *rx, uint8_t *data, uint32_t keep)
{
    rx->data = data;
    rx->keep = keep;
}

/* The command's buffer goes away: further bytes for it are discarded. */
static inline void iscsi_receive_forget(
    struct iscsi_receive *rx, const struct iscsi_command *command)
{
    if (rx->command != command)
        return;
    rx->command = NULL;
    iscsi_receive_into(rx, NULL, 0);
}

#endif
