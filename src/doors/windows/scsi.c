/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SCSI pass-through. */

#include "doors/windows/windows.h"

#include <string.h>
#include <winioctl.h>
#include <ntddscsi.h>

enum { TIMEOUT_S = 10, SENSE_LENGTH = 32 };

struct pass_through {
    SCSI_PASS_THROUGH_DIRECT direct;
    UCHAR sense[SENSE_LENGTH];
};

/* SPC-4 4.2.5.1: by group; 0: not a fixed length. */
static UCHAR cdb_length(UCHAR operation_code)
{
    static const UCHAR lengths[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

    return lengths[operation_code >> 5];
}

DWORD SPD_CALL SpdIoctlScsiExecute(HANDLE DeviceHandle, UINT32 Btl, PCDB Cdb, INT DataDirection,
    PVOID DataBuffer, PUINT32 PDataLength, PUCHAR PScsiStatus, UCHAR Sense[32])
{
    UCHAR length = cdb_length(Cdb->AsByte[0]);
    struct pass_through call = {
        .direct = {
            .Length = sizeof call.direct,
            .PathId = (UCHAR)SPD_IOCTL_BTL_B(Btl),
            .TargetId = (UCHAR)SPD_IOCTL_BTL_T(Btl),
            .Lun = (UCHAR)SPD_IOCTL_BTL_L(Btl),
            .CdbLength = length,
            .SenseInfoLength = SENSE_LENGTH,
            .DataIn = DataDirection > 0 ? SCSI_IOCTL_DATA_IN
                : DataDirection < 0     ? SCSI_IOCTL_DATA_OUT
                                        : SCSI_IOCTL_DATA_UNSPECIFIED,
            .DataTransferLength = PDataLength ? *PDataLength : 0,
            .TimeOutValue = TIMEOUT_S,
            .DataBuffer = DataBuffer,
            .SenseInfoOffset = FIELD_OFFSET(struct pass_through, sense),
        },
    };
    DWORD error, got;

    if (!length)
        return ERROR_INVALID_PARAMETER;
    memcpy(call.direct.Cdb, Cdb, length);
    error = windows_control(DeviceHandle, IOCTL_SCSI_PASS_THROUGH_DIRECT, &call, sizeof call, &call,
        sizeof call, &got);
    if (error)
        return error;
    if (PDataLength)
        *PDataLength = call.direct.DataTransferLength;
    *PScsiStatus = call.direct.ScsiStatus;
    if (call.direct.ScsiStatus != SCSISTAT_GOOD && Sense)
        memcpy(Sense, call.sense, SENSE_LENGTH);
    return 0;
}

/* Waiting would not help. Port drivers differ in the error for a unit that they have not found yet:
 * one is ERROR_INVALID_PARAMETER. */
static bool is_final(DWORD error)
{
    return error == ERROR_ACCESS_DENIED || error == ERROR_INVALID_HANDLE;
}

static DWORD inquire(HANDLE device, UINT32 btl, PINQUIRYDATA inquiry)
{
    enum { ALLOCATION = 255 };
    UCHAR data[ALLOCATION] = { 0 }, sense[SENSE_LENGTH], status = 0;
    UINT32 length = ALLOCATION;
    CDB cdb = { 0 };
    DWORD error;

    cdb.AsByte[0] = SCSIOP_INQUIRY;
    cdb.AsByte[4] = ALLOCATION;
    error = SpdIoctlScsiExecute(device, btl, &cdb, 1, data, &length, &status, sense);
    if (error)
        return error;
    if (status != SCSISTAT_GOOD)
        return ERROR_TIMEOUT;
    if (inquiry) {
        ZeroMemory(inquiry, sizeof *inquiry);
        memcpy(inquiry, data, length < sizeof *inquiry ? length : sizeof *inquiry);
    }
    return 0;
}

DWORD SPD_CALL SpdIoctlScsiInquiry(
    HANDLE DeviceHandle, UINT32 Btl, PINQUIRYDATA InquiryData, ULONG Timeout)
{
    static const ULONG pauses[] = { 100, 300, 300, 300, 1000 };
    ULONG left = Timeout;
    DWORD error;

    for (unsigned i = 0;; i++) {
        ULONG pause = pauses[i < 5 ? i : 4];

        error = inquire(DeviceHandle, Btl, InquiryData);
        if (!error || is_final(error))
            return error;
        if (left == 0)
            return error;
        if (pause > left)
            pause = left;
        Sleep(pause);
        left -= pause;
    }
}
