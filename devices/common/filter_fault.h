/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The faults that a filter can make of an operation, and the status of each. */

#ifndef DEVICES_COMMON_FILTER_FAULT_H
#define DEVICES_COMMON_FILTER_FAULT_H

#include "filter.h"

enum filter_fault {
    FAULT_MEDIUM,
    FAULT_RECOVERED,
    FAULT_HARDWARE,
    FAULT_BUSY,
    FAULT_HANG,
    FAULT_LOST,
};

/* Their names, ended by NULL. */
extern const char *const filter_faults[];

/* The end of the request with this fault, whose first bad block is given. */
spd_status filter_fault_status(uint32_t fault, const spd_request *request, uint64_t bad);

#endif
