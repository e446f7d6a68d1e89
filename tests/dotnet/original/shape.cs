// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The public shape of the original's assembly as far as program.cs uses it, without its contents.
// A program that is compiled against this refers to types and members as the original's do.

using System;
using System.Reflection;

[assembly: AssemblyVersion("1.0.0.0")]

namespace Spd.Interop
{
    public struct StorageUnitStatus
    {
        public const UInt32 InformationValid = 0x10;
        public Byte ScsiStatus, SenseKey, ASC, ASCQ;
        public UInt64 Information, ReservedCSI;
        public UInt32 ReservedSKS, Flags;

        public void SetSense(Byte SenseKey, Byte ASC)
        {
            throw new NotImplementedException();
        }

        public void SetSense(Byte SenseKey, Byte ASC, UInt64 Information)
        {
            throw new NotImplementedException();
        }
    }

    public struct UnmapDescriptor
    {
        public UInt64 BlockAddress;
        public UInt32 BlockCount;
    }

    public struct Partition
    {
        public Byte Type, Active;
        public UInt64 BlockAddress, BlockCount;
    }
}

namespace Spd
{
    using Spd.Interop;

    public partial class StorageUnitBase
    {
        public const Byte SCSISTAT_BUSY = 8;
        public const Byte SCSI_SENSE_MEDIUM_ERROR = 3;
        public const Byte SCSI_ADSENSE_UNRECOVERED_ERROR = 0x11;

        public virtual void Init(Object Host)
        {
        }

        public virtual void Started(Object Host)
        {
        }

        public virtual void Stopped(Object Host)
        {
        }

        public virtual void Read(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
        }

        public virtual void Write(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
        }

        public virtual void Flush(UInt64 BlockAddress, UInt32 BlockCount,
            ref StorageUnitStatus Status)
        {
        }

        public virtual void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
        {
        }
    }

    public class StorageUnitHost : IDisposable
    {
        public StorageUnitHost(StorageUnitBase StorageUnit)
        {
        }

        public System.Guid Guid { get; set; }
        public UInt64 BlockCount { get; set; }
        public UInt32 BlockLength { get; set; }
        public String ProductId { get; set; }
        public String ProductRevisionLevel { get; set; }
        public Boolean WriteProtected { get; set; }
        public Boolean CacheSupported { get; set; }
        public Boolean UnmapSupported { get; set; }
        public Boolean EjectDisabled { get; set; }
        public UInt32 MaxTransferLength { get; set; }

        public int Start(String PipeName = null, UInt32 DebugLog = 0)
        {
            throw new NotImplementedException();
        }

        public void Shutdown()
        {
            throw new NotImplementedException();
        }

        public void Wait()
        {
            throw new NotImplementedException();
        }

        public void Dispose()
        {
        }

        public IntPtr StorageUnitHandle()
        {
            throw new NotImplementedException();
        }

        public StorageUnitBase StorageUnit()
        {
            throw new NotImplementedException();
        }

        public static int SpdDefinePartitionTable(Partition[] Partitions, Byte[] Buffer)
        {
            throw new NotImplementedException();
        }

        public static void Log(UInt32 Type, String Message)
        {
            throw new NotImplementedException();
        }

        public static int SetDebugLogFile(String FileName)
        {
            throw new NotImplementedException();
        }

        public static Version Version()
        {
            throw new NotImplementedException();
        }
    }
}
