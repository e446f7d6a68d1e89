/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where a door listens, and the names that lead there. */

#ifndef ISCSI_ADDRESS_H
#define ISCSI_ADDRESS_H

#include <stdbool.h>

#include "os/net.h"

struct iscsi_door;
struct spd_uri;

/* 0 or a spd_error with a detail. guarded: an address that others reach is fine. */
int iscsi_address_listen(const struct spd_uri *uri, bool guarded, os_socket *listener);
/* Gives the door, which listens, its URI and name; the caller frees both when it fails. 0 or a
 * spd_error with a detail. */
int iscsi_address_name(const struct spd_uri *uri, struct iscsi_door *door);

#endif
