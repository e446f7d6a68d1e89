/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The statuses of faults, in a table: only a medium error depends on the operation. */

#include "filter_fault.h"

const char *const filter_faults[] = { "medium", "recovered", "hardware", "busy", "hang", "lost",
    NULL };

static const struct {
    uint8_t sense_key, asc, ascq; /* zeros: GOOD */
    bool tells_block;
} senses[] = {
    [FAULT_MEDIUM] = { SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR, true },
    [FAULT_RECOVERED] = { SPD_SENSE_RECOVERED_ERROR, SPD_ASC_RECOVERED_DATA_WITH_RETRIES, true },
    [FAULT_HARDWARE] = { SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, false },
    [FAULT_HANG] = { SPD_SENSE_ABORTED_COMMAND, SPD_ASC_NO_ADDITIONAL_SENSE_INFORMATION, false },
    [FAULT_LOST] = { 0 },
};

spd_status filter_fault_status(uint32_t fault, const spd_request *request, uint64_t bad)
{
    const uint64_t *block = senses[fault].tells_block ? &bad : NULL;
    spd_status status = { 0 };

    if (fault == FAULT_BUSY)
        spd_status_set_busy(&status);
    else if (fault == FAULT_MEDIUM && spd_request_operation(request) == SPD_READ)
        spd_status_set(&status, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, block);
    else if (senses[fault].sense_key)
        spd_status_set(&status, senses[fault].sense_key, senses[fault].asc, senses[fault].ascq,
            block);
    return status;
}
