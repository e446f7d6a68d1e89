/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The addresses where a portal listens, and the names that lead there. */

#ifndef ISCSI_ADDRESS_H
#define ISCSI_ADDRESS_H

#include <stdbool.h>

#include "os/net.h"

struct iscsi_door;
struct spd_uri;

/* The addresses of the URI's host and port, in the order of preference. guarded: addresses that
 * other hosts reach are allowed. 0 or a spd_error with a detail. */
int iscsi_address_resolve(const struct spd_uri *uri, bool guarded,
    struct os_address addresses[OS_ADDRESSES_MAX], unsigned *count);
/* 0 or an error of os/net.h. */
int iscsi_address_listen(const struct os_address *address, os_socket *listener);
/* The spd_error for such an error, with a detail. */
int iscsi_address_fail(
    const struct spd_uri *uri, const struct os_address *address, int error);
/* Gives the door its URI and name; the caller frees both when it fails. 0 or a spd_error with a
 * detail. */
int iscsi_address_name(const struct spd_uri *uri, struct iscsi_door *door);

#endif
