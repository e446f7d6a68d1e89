/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SCSI request blocks, as far as the driver looks at them. */

#ifndef SHIM_SRB_H
#define SHIM_SRB_H

enum { SCSI_MAXIMUM_TARGETS_PER_BUS = 128 };
enum {
    SRB_FUNCTION_EXECUTE_SCSI = 0x00,
    SRB_FUNCTION_SHUTDOWN = 0x07,
    SRB_FUNCTION_FLUSH = 0x08,
    SRB_FUNCTION_ABORT_COMMAND = 0x10,
    SRB_FUNCTION_RESET_BUS = 0x12,
    SRB_FUNCTION_RESET_DEVICE = 0x13,
    SRB_FUNCTION_WMI = 0x17,
    SRB_FUNCTION_RESET_LOGICAL_UNIT = 0x20,
    SRB_FUNCTION_PNP = 0x25,
};
enum {
    SRB_STATUS_PENDING = 0x00,
    SRB_STATUS_SUCCESS = 0x01,
    SRB_STATUS_ABORTED = 0x02,
    SRB_STATUS_ABORT_FAILED = 0x03,
    SRB_STATUS_ERROR = 0x04,
    SRB_STATUS_INVALID_REQUEST = 0x06,
    SRB_STATUS_NO_DEVICE = 0x08,
    SRB_STATUS_DATA_OVERRUN = 0x12,
    SRB_STATUS_INTERNAL_ERROR = 0x30,
    SRB_STATUS_AUTOSENSE_VALID = 0x80,
};
enum {
    SRB_FLAGS_QUEUE_ACTION_ENABLE = 0x02,
    SRB_FLAGS_DISABLE_AUTOSENSE = 0x20,
    SRB_FLAGS_DATA_IN = 0x40,
    SRB_FLAGS_DATA_OUT = 0x80,
    SRB_FLAGS_UNSPECIFIED_DIRECTION = SRB_FLAGS_DATA_IN | SRB_FLAGS_DATA_OUT,
    SRB_SIMPLE_TAG_REQUEST = 0x20,
    SRB_HEAD_OF_QUEUE_TAG_REQUEST = 0x21,
    SRB_ORDERED_QUEUE_TAG_REQUEST = 0x22,
    SRB_PNP_FLAGS_ADAPTER_REQUEST = 1,
};
enum { SP_RETURN_NOT_FOUND = 0, SP_RETURN_FOUND = 1 };
enum { RequestComplete = 0, BusChangeDetected = 7 };
enum { StorQueryCapabilities = 9 };
#define SP_UNINITIALIZED_VALUE ((ULONG)~0)

typedef struct _SCSI_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function, SrbStatus, ScsiStatus, PathId, TargetId, Lun, QueueTag, QueueAction, CdbLength,
        SenseInfoBufferLength;
    ULONG SrbFlags, DataTransferLength, TimeOutValue;
    PVOID DataBuffer, SenseInfoBuffer;
    struct _SCSI_REQUEST_BLOCK *NextSrb;
    PVOID OriginalRequest, SrbExtension;
    ULONG InternalStatus, Reserved;
    UCHAR Cdb[16];
} SCSI_REQUEST_BLOCK, *PSCSI_REQUEST_BLOCK;

typedef struct {
    USHORT Length;
    UCHAR Function, SrbStatus, PnPSubFunction, PathId, TargetId, Lun;
    ULONG PnPAction, SrbFlags, DataTransferLength, TimeOutValue;
    PVOID DataBuffer, SenseInfoBuffer;
    struct _SCSI_REQUEST_BLOCK *NextSrb;
    PVOID OriginalRequest, SrbExtension;
    ULONG SrbPnPFlags, Reserved;
    UCHAR Reserved4[16];
} SCSI_PNP_REQUEST_BLOCK;

typedef struct {
    USHORT Version;
    ULONG Removable : 1, SilentInstall : 1, SurpriseRemovalOK : 1;
} STOR_DEVICE_CAPABILITIES, *PSTOR_DEVICE_CAPABILITIES;

typedef enum {
    ScsiQuerySupportedControlTypes, ScsiStopAdapter, ScsiRestartAdapter, ScsiSetBootConfig,
    ScsiSetRunningConfig, ScsiAdapterControlMax
} SCSI_ADAPTER_CONTROL_TYPE;
typedef enum {
    ScsiAdapterControlSuccess, ScsiAdapterControlUnsuccessful
} SCSI_ADAPTER_CONTROL_STATUS;
typedef struct {
    ULONG MaxControlType;
    BOOLEAN SupportedTypeList[];
} SCSI_SUPPORTED_CONTROL_TYPE_LIST, *PSCSI_SUPPORTED_CONTROL_TYPE_LIST;

typedef BOOLEAN (*PHW_INITIALIZE)(PVOID extension);
typedef BOOLEAN (*PHW_STARTIO)(PVOID extension, PSCSI_REQUEST_BLOCK srb);
typedef BOOLEAN (*PHW_INTERRUPT)(PVOID extension);

#endif
