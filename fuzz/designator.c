/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Arbitrary descriptors of a disk: what names no process leaves an owner of zeros, and the same
 * bytes are read the same way twice.
 *
 * Input: the descriptor, or the page that it is made of.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/designator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct launch_owner none;
    struct launch_owner owner, again;

    memset(&again, 0xff, sizeof again);
    if (launch_designator_read(data, size, &owner))
        must(owner.pid != 0);
    else
        must(!memcmp(&owner, &none, sizeof owner));
    launch_designator_read(data, size, &again);
    must(owner.pid == again.pid && owner.has_guid == again.has_guid &&
         !memcmp(owner.guid, again.guid, sizeof owner.guid));
    launch_designator_is_ours(data, size);
    if (launch_designator_read_page(data, size, &owner))
        must(owner.pid != 0);
    else
        must(!memcmp(&owner, &none, sizeof owner));
    return 0;
}
