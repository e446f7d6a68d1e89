/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The system's <scsi.h> for user mode, and what MinGW's lacks of it. Names and layouts are those of
 * the Windows SDK; integers in the structures are big-endian bytes.
 */

#ifndef WINSPD_SCSI_H_INCLUDED
#define WINSPD_SCSI_H_INCLUDED

#if !defined(_NTSCSI_USER_MODE_)
#define WINSPD_NTSCSI_USER_MODE
#define _NTSCSI_USER_MODE_
#endif
#if defined(__MINGW32__) && !__has_include(<scsi.h>)
#include <ddk/scsi.h>
#else
#include <scsi.h>
#endif
#if defined(WINSPD_NTSCSI_USER_MODE)
#undef _NTSCSI_USER_MODE_
#undef WINSPD_NTSCSI_USER_MODE
#endif

#if defined(__MINGW32__)

#ifndef VPD_BLOCK_LIMITS
#define VPD_BLOCK_LIMITS 0xB0
#endif
#ifndef VPD_BLOCK_DEVICE_CHARACTERISTICS
#define VPD_BLOCK_DEVICE_CHARACTERISTICS 0xB1
#endif
#ifndef VPD_LOGICAL_BLOCK_PROVISIONING
#define VPD_LOGICAL_BLOCK_PROVISIONING 0xB2
#endif
#ifndef SCSI_ADSENSE_UNRECOVERED_ERROR
#define SCSI_ADSENSE_UNRECOVERED_ERROR 0x11
#endif
#ifndef SCSI_SENSE_ERRORCODE_FIXED_CURRENT
#define SCSI_SENSE_ERRORCODE_FIXED_CURRENT 0x70
#define SCSI_SENSE_ERRORCODE_FIXED_DEFERRED 0x71
#define SCSI_SENSE_ERRORCODE_DESCRIPTOR_CURRENT 0x72
#define SCSI_SENSE_ERRORCODE_DESCRIPTOR_DEFERRED 0x73
#endif
#ifndef PROVISIONING_TYPE_THIN
#define PROVISIONING_TYPE_UNKNOWN 0x0
#define PROVISIONING_TYPE_RESOURCE 0x1
#define PROVISIONING_TYPE_THIN 0x2
#endif
#ifndef SCSI_SENSEQ_POSITIONING_ERROR_DETECTED_BY_READ_OF_MEDIUM
#define SCSI_SENSEQ_POSITIONING_ERROR_DETECTED_BY_READ_OF_MEDIUM 0x02
#endif

#pragma pack(push, 1)

/* SBC-3 6.6.3 */
typedef struct _VPD_BLOCK_LIMITS_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR PageLength[2];
    UCHAR Reserved0;
    UCHAR MaximumCompareAndWriteLength;
    UCHAR OptimalTransferLengthGranularity[2];
    UCHAR MaximumTransferLength[4];
    UCHAR OptimalTransferLength[4];
    UCHAR MaxPrefetchXDReadXDWriteTransferLength[4];
    UCHAR MaximumUnmapLBACount[4];
    UCHAR MaximumUnmapBlockDescriptorCount[4];
    UCHAR OptimalUnmapGranularity[4];
    UCHAR UnmapGranularityAlignment[4];
    UCHAR Reserved1[28];
} VPD_BLOCK_LIMITS_PAGE, *PVPD_BLOCK_LIMITS_PAGE;

/* SBC-3 6.6.4 */
typedef struct _VPD_LOGICAL_BLOCK_PROVISIONING_PAGE {
    UCHAR DeviceType : 5;
    UCHAR DeviceTypeQualifier : 3;
    UCHAR PageCode;
    UCHAR PageLength[2];
    UCHAR ThresholdExponent;
    UCHAR DP : 1;
    UCHAR ANC_SUP : 1;
    UCHAR LBPRZ : 1;
    UCHAR Reserved0 : 2;
    UCHAR LBPWS10 : 1;
    UCHAR LBPWS : 1;
    UCHAR LBPU : 1;
    UCHAR ProvisioningType : 3;
    UCHAR Reserved1 : 5;
    UCHAR Reserved2;
} VPD_LOGICAL_BLOCK_PROVISIONING_PAGE, *PVPD_LOGICAL_BLOCK_PROVISIONING_PAGE;

/* SBC-3 5.38 */
typedef struct _UNMAP_BLOCK_DESCRIPTOR {
    UCHAR StartingLba[8];
    UCHAR LbaCount[4];
    UCHAR Reserved[4];
} UNMAP_BLOCK_DESCRIPTOR, *PUNMAP_BLOCK_DESCRIPTOR;

typedef struct _UNMAP_LIST_HEADER {
    UCHAR DataLength[2];
    UCHAR BlockDescrDataLength[2];
    UCHAR Reserved[4];
    __extension__ UNMAP_BLOCK_DESCRIPTOR Descriptors[]; /* which ISO C++ does not have */
} UNMAP_LIST_HEADER, *PUNMAP_LIST_HEADER;

/* SBC-3 5.16 */
typedef struct _READ_CAPACITY16_DATA {
    LARGE_INTEGER LogicalBlockAddress;
    ULONG BytesPerBlock;
    UCHAR ProtectionEnable : 1;
    UCHAR ProtectionType : 3;
    UCHAR RcBasisEnable : 2;
    UCHAR Reserved : 2;
    UCHAR LogicalPerPhysicalExponent : 4;
    UCHAR ProtectionInfoExponent : 4;
    UCHAR LowestAlignedBlock_MSB : 6;
    UCHAR LBPRZ : 1;
    UCHAR LBPME : 1;
    UCHAR LowestAlignedBlock_LSB;
    UCHAR Reserved3[16];
} READ_CAPACITY16_DATA, *PREAD_CAPACITY16_DATA;

#pragma pack(pop)
#endif

#endif
