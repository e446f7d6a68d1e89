/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Transfers that wait for room. */

#ifndef ISCSI_TRANSFER_H
#define ISCSI_TRANSFER_H

struct iscsi_portal;

/* Begins waiting commands for which there is room now. */
void iscsi_transfer_serve(struct iscsi_portal *portal);

#endif
