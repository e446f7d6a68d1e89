/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Data from the initiator: RFC 7143 11.7. */

#ifndef ISCSI_DATA_OUT_H
#define ISCSI_DATA_OUT_H

#include <stdbool.h>
#include <stdint.h>

struct iscsi_command;
struct iscsi_connection;

/* A Data-Out's header has come; false: the connection closes. */
bool iscsi_data_out_begin(struct iscsi_connection *c, uint32_t length);
/* `length` more bytes of the command's data have come; final: they are the last of a burst. */
void iscsi_data_out_end(struct iscsi_command *command, uint32_t length, bool final);

#endif
