/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "scsitool/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stgtest/winerror.h"

const struct transport_ops *const transports[] = {
    &transport_iscsi,
    &transport_sg,
    NULL,
};

const bool transports_address = false;

const char transports_devices[] = "give /dev/sdX, /dev/sgN or iscsi://HOST[:PORT]/IQN/LUN";

const char transports_help[] =
    "DEVICE is /dev/sdX, /dev/sgN or iscsi://[USER@]HOST[:PORT]/IQN/LUN. CHAP secrets\n"
    "come from the environment: LIBISCSI_CHAP_PASSWORD, and for mutual CHAP both\n"
    "LIBISCSI_CHAP_TARGET_USERNAME and LIBISCSI_CHAP_TARGET_PASSWORD. b:t:l (bus,\n"
    "target, logical unit) chooses a unit of an adapter; the devices named here have\n"
    "one each, so it can only be 0:0:0.\n";

int transports_print_path(const char *device)
{
    char *path;

    if (transport_iscsi.knows(device)) {
        puts(device);
        return 0;
    }
    path = realpath(device, NULL);
    if (!path)
        return transport_fail(winerror_from_errno(errno), "%s: %s", device, strerror(errno));
    puts(path);
    free(path);
    return 0;
}
