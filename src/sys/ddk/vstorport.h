/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * StorPort for virtual miniport drivers: declarations that MinGW's DDK headers lack, from the
 * public reference of the Windows Driver Kit, at the level of Windows 7. Include this instead of
 * <storport.h>, which clashes with <srb.h>. Port drivers define VSTORPORT_EXPORTS first.
 */

#ifndef DDK_VSTORPORT_H
#define DDK_VSTORPORT_H

#include <ntifs.h>
#include <srb.h>

#if defined(VSTORPORT_EXPORTS)
#define VSTORPORT_API
#else
#define VSTORPORT_API DECLSPEC_IMPORT
#endif

/* On x64 wdm.h has intrinsics of MSVC in place of these exports, and clang would take them. So this
 * names the pointers that the loader fills. */
#if defined(_AMD64_)
extern KIRQL(NTAPI *const DdkRaiseIrql)(KIRQL NewIrql) __asm__("__imp_KfRaiseIrql");
extern VOID(NTAPI *const DdkLowerIrql)(KIRQL NewIrql) __asm__("__imp_KeLowerIrql");
#define KfRaiseIrql DdkRaiseIrql
#define KeLowerIrql DdkLowerIrql
#endif

/* For processes and tokens: <winnt.h> has them, which kernel code cannot include. */
#define PROCESS_QUERY_INFORMATION 0x0400
#define SE_GROUP_ENABLED 0x00000004

#define IOCTL_MINIPORT_PROCESS_SERVICE_IRP 0x0004d038

/* VIRTUAL_HW_INITIALIZATION_DATA.MapBuffers */
#define STOR_MAP_NO_BUFFERS 0
#define STOR_MAP_ALL_BUFFERS 1
#define STOR_MAP_NON_READ_WRITE_BUFFERS 2

/* STOR_PORT_CONFIGURATION.SynchronizationModel */
#define STOR_SYNCHRONIZE_HALF_DUPLEX 0
#define STOR_SYNCHRONIZE_FULL_DUPLEX 1

/* StorPortNotification takes RequestComplete (PSCSI_REQUEST_BLOCK) and BusChangeDetected (UCHAR
 * PathId, as int) of <srb.h>.
 *
 * StorPortExtendedFunction: the functions that the WDK wraps in inline ones. */
enum {
    STOR_FUNCTION_GET_SYSTEM_ADDRESS = 5,   /* PSCSI_REQUEST_BLOCK, PVOID * */
    STOR_FUNCTION_COMPLETE_SERVICE_IRP = 7, /* PIRP */
    STOR_FUNCTION_LOG_SYSTEM_EVENT = 16,    /* PSTOR_LOG_EVENT_DETAILS, PULONG or NULL */
};

/* Since Windows 7. At most 150 bytes of DumpData and strings together. */
#define STOR_CURRENT_LOG_INTERFACE_REVISION 0x00000100

typedef enum _STOR_EVENT_ASSOCIATION_ENUM {
    StorEventAdapterAssociation,
    StorEventLunAssociation,
    StorEventTargetAssociation,
} STOR_EVENT_ASSOCIATION_ENUM;

typedef struct _STOR_LOG_EVENT_DETAILS {
    ULONG InterfaceRevision;
    ULONG Size;
    ULONG Flags;
    STOR_EVENT_ASSOCIATION_ENUM EventAssociation;
    ULONG PathId;
    ULONG TargetId;
    ULONG LunId;
    BOOLEAN StorportSpecificErrorCode;
    ULONG ErrorCode;
    ULONG UniqueId;
    ULONG DumpDataSize;
    PVOID DumpData;
    ULONG StringCount;
    PWSTR *StringList;
} STOR_LOG_EVENT_DETAILS, *PSTOR_LOG_EVENT_DETAILS;

#define STOR_STATUS_SUCCESS 0x00000000
#define STOR_STATUS_UNSUCCESSFUL 0xc1000001
#define STOR_STATUS_NOT_IMPLEMENTED 0xc1000002
#define STOR_STATUS_INSUFFICIENT_RESOURCES 0xc1000003
#define STOR_STATUS_INVALID_PARAMETER 0xc1000006
#define STOR_STATUS_INVALID_BUFFER_SIZE 0xc100000a

typedef struct _STOR_MEMORY_REGION {
    PVOID VirtualBase;
    PHYSICAL_ADDRESS PhysicalBase;
    ULONG Length;
} STOR_MEMORY_REGION;

/* PORT_CONFIGURATION_INFORMATION of StorPort: <srb.h> has that of SCSIPORT, which ends earlier. */
typedef struct _STOR_PORT_CONFIGURATION {
    ULONG Length;
    ULONG SystemIoBusNumber;
    INTERFACE_TYPE AdapterInterfaceType;
    ULONG BusInterruptLevel;
    ULONG BusInterruptVector;
    KINTERRUPT_MODE InterruptMode;
    ULONG MaximumTransferLength;
    ULONG NumberOfPhysicalBreaks;
    ULONG DmaChannel;
    ULONG DmaPort;
    DMA_WIDTH DmaWidth;
    DMA_SPEED DmaSpeed;
    ULONG AlignmentMask;
    ULONG NumberOfAccessRanges;
    PVOID AccessRanges;
    PVOID Reserved;
    UCHAR NumberOfBuses;
    UCHAR InitiatorBusId[8];
    BOOLEAN ScatterGather;
    BOOLEAN Master;
    BOOLEAN CachesData;
    BOOLEAN AdapterScansDown;
    BOOLEAN AtdiskPrimaryClaimed;
    BOOLEAN AtdiskSecondaryClaimed;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN DemandMode;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    BOOLEAN RealModeInitialized;
    BOOLEAN BufferAccessScsiPortControlled;
    UCHAR MaximumNumberOfTargets;
    UCHAR ReservedUchars[2];
    ULONG SlotNumber;
    ULONG BusInterruptLevel2;
    ULONG BusInterruptVector2;
    KINTERRUPT_MODE InterruptMode2;
    ULONG DmaChannel2;
    ULONG DmaPort2;
    DMA_WIDTH DmaWidth2;
    DMA_SPEED DmaSpeed2;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    UCHAR Dma64BitAddresses;
    BOOLEAN ResetTargetSupported;
    UCHAR MaximumNumberOfLogicalUnits;
    BOOLEAN WmiDataProvider;
    ULONG SynchronizationModel;
    PVOID HwMSInterruptRoutine;
    ULONG InterruptSynchronizationMode;
    STOR_MEMORY_REGION DumpRegion;
    ULONG RequestedDumpBufferSize;
    BOOLEAN VirtualDevice;
} STOR_PORT_CONFIGURATION, *PSTOR_PORT_CONFIGURATION;

typedef ULONG(NTAPI *PVIRTUAL_HW_FIND_ADAPTER)(PVOID DeviceExtension, PVOID HwContext,
    PVOID BusInformation, PVOID LowerDevice, PCHAR ArgumentString,
    PSTOR_PORT_CONFIGURATION ConfigInfo, PBOOLEAN Again);
typedef VOID(NTAPI *PHW_FREE_ADAPTER_RESOURCES)(PVOID DeviceExtension);
typedef VOID(NTAPI *PHW_PROCESS_SERVICE_REQUEST)(PVOID DeviceExtension, PVOID Irp);
typedef VOID(NTAPI *PHW_COMPLETE_SERVICE_IRP)(PVOID DeviceExtension);
typedef VOID(NTAPI *PHW_INITIALIZE_TRACING)(PVOID Arg1, PVOID Arg2);
typedef VOID(NTAPI *PHW_CLEANUP_TRACING)(PVOID Arg1);
typedef SCSI_ADAPTER_CONTROL_STATUS(NTAPI *PVIRTUAL_HW_ADAPTER_CONTROL)(
    PVOID DeviceExtension, SCSI_ADAPTER_CONTROL_TYPE ControlType, PVOID Parameters);
typedef BOOLEAN(NTAPI *PVIRTUAL_HW_RESET_BUS)(PVOID DeviceExtension, ULONG PathId);

typedef struct _VIRTUAL_HW_INITIALIZATION_DATA {
    ULONG HwInitializationDataSize;
    INTERFACE_TYPE AdapterInterfaceType;
    PHW_INITIALIZE HwInitialize;
    PHW_STARTIO HwStartIo;
    PHW_INTERRUPT HwInterrupt;
    PVIRTUAL_HW_FIND_ADAPTER HwFindAdapter;
    PVIRTUAL_HW_RESET_BUS HwResetBus;
    PVOID HwDmaStarted;
    PVOID HwAdapterState;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    ULONG NumberOfAccessRanges;
    PVOID Reserved;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    USHORT VendorIdLength;
    PVOID VendorId;
    USHORT PortVersionFlags;
    USHORT DeviceIdLength;
    PVOID DeviceId;
    PVIRTUAL_HW_ADAPTER_CONTROL HwAdapterControl;
    PVOID HwBuildIo;
    PHW_FREE_ADAPTER_RESOURCES HwFreeAdapterResources;
    PHW_PROCESS_SERVICE_REQUEST HwProcessServiceRequest;
    PHW_COMPLETE_SERVICE_IRP HwCompleteServiceIrp;
    PHW_INITIALIZE_TRACING HwInitializeTracing;
    PHW_CLEANUP_TRACING HwCleanupTracing;
} VIRTUAL_HW_INITIALIZATION_DATA, *PVIRTUAL_HW_INITIALIZATION_DATA;

#if defined(_WIN64)
C_ASSERT(sizeof(VIRTUAL_HW_INITIALIZATION_DATA) == 176);
C_ASSERT(sizeof(SCSI_REQUEST_BLOCK) == 88);
C_ASSERT(sizeof(STOR_PORT_CONFIGURATION) == 200);
C_ASSERT(sizeof(STOR_LOG_EVENT_DETAILS) == 72);
#else
C_ASSERT(sizeof(VIRTUAL_HW_INITIALIZATION_DATA) == 104);
C_ASSERT(sizeof(SCSI_REQUEST_BLOCK) == 64);
C_ASSERT(sizeof(STOR_PORT_CONFIGURATION) == 184);
C_ASSERT(sizeof(STOR_LOG_EVENT_DETAILS) == 56);
#endif

VSTORPORT_API ULONG NTAPI StorPortInitialize(PVOID DriverObject, PVOID RegistryPath,
    PVIRTUAL_HW_INITIALIZATION_DATA HwInitializationData, PVOID HwContext);
VSTORPORT_API VOID __cdecl StorPortNotification(
    ULONG NotificationType, PVOID HwDeviceExtension, ...);
VSTORPORT_API ULONG __cdecl StorPortExtendedFunction(
    ULONG FunctionCode, PVOID HwDeviceExtension, ...);
/* Microseconds, at most 1000. */
VSTORPORT_API VOID NTAPI StorPortStallExecution(ULONG Delay);

#endif
