// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The structures that programs and the native library share. Their layouts are those of
// winspd/ioctl.h and winspd/winspd.h.

using System;
using System.Runtime.InteropServices;

namespace Spd.Interop
{
    /// <summary>The status of one operation, as a SCSI disk reports it. All zero is GOOD.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct StorageUnitStatus
    {
        /// <summary>The bit of Flags that says: Information is the block that failed.</summary>
        public const UInt32 InformationValid = 0x100;

        // The original's constant, which is compiled into programs that use it. Its bit means
        // nothing to the original's driver, so those programs lost their information.
        internal const UInt32 OriginalInformationValid = 0x10;

        /// <summary>SCSISTAT_... of <see cref="StorageUnitBase"/>.</summary>
        public Byte ScsiStatus;
        /// <summary>SCSI_SENSE_... of <see cref="StorageUnitBase"/>.</summary>
        public Byte SenseKey;
        /// <summary>Additional sense code, SCSI_ADSENSE_....</summary>
        public Byte ASC;
        /// <summary>Additional sense code qualifier.</summary>
        public Byte ASCQ;
        /// <summary>The block that failed, where Flags say that it is valid.</summary>
        public UInt64 Information;
        /// <summary>Reserved, 0.</summary>
        public UInt64 ReservedCSI;
        /// <summary>Reserved, 0.</summary>
        public UInt32 ReservedSKS;
        /// <summary>InformationValid or 0.</summary>
        public UInt32 Flags;

        /// <summary>CHECK CONDITION with this sense. Replaces all of the status.</summary>
        /// <param name="SenseKey">SCSI_SENSE_... of <see cref="StorageUnitBase"/>.</param>
        /// <param name="ASC">SCSI_ADSENSE_....</param>
        public void SetSense(Byte SenseKey, Byte ASC)
        {
            this = new StorageUnitStatus
            {
                ScsiStatus = StorageUnitBase.SCSISTAT_CHECK_CONDITION,
                SenseKey = SenseKey,
                ASC = ASC,
            };
        }

        /// <summary>The same, with the failed block.</summary> <param
        /// name="SenseKey">SCSI_SENSE_... of <see cref="StorageUnitBase"/>.</param>
        /// <param name="ASC">SCSI_ADSENSE_....</param>
        /// <param name="Information">The address of the block.</param>
        public void SetSense(Byte SenseKey, Byte ASC, UInt64 Information)
        {
            SetSense(SenseKey, ASC);
            this.Information = Information;
            Flags = InformationValid;
        }

        // The operation has been done: GOOD, or sense that does not say otherwise (NO SENSE,
        // RECOVERED ERROR, COMPLETED). A read has data then.
        internal Boolean CarriesData
        {
            get
            {
                return ScsiStatus == 0 || ScsiStatus == StorageUnitBase.SCSISTAT_CHECK_CONDITION &&
                    (SenseKey <= 1 || SenseKey == 0xf);
            }
        }

        // The native library gets this: the flag that works, and zeros in what is reserved.
        internal StorageUnitStatus Clean()
        {
            return new StorageUnitStatus
            {
                ScsiStatus = ScsiStatus,
                SenseKey = SenseKey,
                ASC = ASC,
                ASCQ = ASCQ,
                Information = Information,
                Flags = (Flags & (InformationValid | OriginalInformationValid)) != 0
                    ? InformationValid : 0,
            };
        }
    }

    /// <summary>A range of blocks that need not be kept.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct UnmapDescriptor
    {
        /// <summary>The first block.</summary>
        public UInt64 BlockAddress;
        /// <summary>How many blocks.</summary>
        public UInt32 BlockCount;
        internal UInt32 Reserved;
    }

    /// <summary>An entry of a partition table.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Partition
    {
        /// <summary>The type, not 0: 7 is NTFS.</summary>
        public Byte Type;
        /// <summary>0 or 0x80.</summary>
        public Byte Active;
        /// <summary>The first block.</summary>
        public UInt64 BlockAddress;
        /// <summary>How many blocks.</summary>
        public UInt64 BlockCount;
    }
}
