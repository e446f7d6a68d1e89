/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "dll/dll.h"

enum {
    BLOCK_LENGTH_MIN = 512,
    BLOCK_LENGTH_MAX = 65536,
};

bool dll_params_are_valid(const SPD_STORAGE_UNIT_PARAMS *params)
{
    UINT32 length = params->BlockLength;

    return params->DeviceType == 0 && length >= BLOCK_LENGTH_MIN && length <= BLOCK_LENGTH_MAX &&
        !(length & (length - 1)) && params->MaxTransferLength != 0 &&
        params->MaxTransferLength <= SPD_IOCTL_MAX_TRANSFER_LENGTH &&
        params->MaxTransferLength % length == 0 && params->BlockCount != 0 &&
        params->BlockCount <= ((UINT64)1 << 63) / length;
}
