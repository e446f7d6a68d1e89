// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// A disk as programs for the original write it. It ends when its input does. Its blocks are in
// memory; block 100 cannot be read, and says so with the constant that the original has.

using System;
using Spd;
using Spd.Interop;

class Program : StorageUnitBase
{
    const UInt32 BlockLength = 512, BlockCount = 8192;
    const UInt64 BadBlock = 100, BusyBlock = 101, WorseBlock = 102;
    readonly Byte[] Memory = new Byte[BlockCount * BlockLength];

    public override void Init(Object Host0)
    {
        StorageUnitHost Host = (StorageUnitHost)Host0;
        Host.Guid = Guid.NewGuid();
        Host.BlockCount = BlockCount;
        Host.BlockLength = BlockLength;
        Host.ProductId = "Original";
        Host.ProductRevisionLevel = "1.0";
        Host.CacheSupported = true;
        Host.UnmapSupported = true;
        Host.MaxTransferLength = 64 * 1024;
    }

    public override void Started(Object Host)
    {
        Console.WriteLine("started " +
            (((StorageUnitHost)Host).StorageUnitHandle() != IntPtr.Zero));
    }

    public override void Stopped(Object Host)
    {
        Console.WriteLine("stopped");
    }

    public override void Read(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
        Boolean Flush, ref StorageUnitStatus Status)
    {
        if (BlockAddress <= BadBlock && BadBlock < BlockAddress + BlockCount)
        {
            Status.SetSense(SCSI_SENSE_MEDIUM_ERROR, SCSI_ADSENSE_UNRECOVERED_ERROR);
            Status.Information = BadBlock;
            Status.Flags |= StorageUnitStatus.InformationValid;
        }
        else if (BlockAddress == BusyBlock)
            Status.ScsiStatus = SCSISTAT_BUSY;
        else if (BlockAddress == WorseBlock)
            Status.SetSense(SCSI_SENSE_MEDIUM_ERROR, SCSI_ADSENSE_UNRECOVERED_ERROR, WorseBlock);
        else
            Array.Copy(Memory, (Int32)(BlockAddress * BlockLength), Buffer, 0,
                (Int32)(BlockCount * BlockLength));
    }

    public override void Write(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
        Boolean Flush, ref StorageUnitStatus Status)
    {
        Array.Copy(Buffer, 0, Memory, (Int32)(BlockAddress * BlockLength),
            (Int32)(BlockCount * BlockLength));
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        foreach (UnmapDescriptor Descriptor in Descriptors)
            Array.Clear(Memory, (Int32)(Descriptor.BlockAddress * BlockLength),
                (Int32)(Descriptor.BlockCount * BlockLength));
    }

    static Int32 Main(String[] Arguments)
    {
        StorageUnitHost Host = new StorageUnitHost(new Program());
        Int32 Error = Host.Start(Arguments[0]);
        if (Error != 0)
            return Error;
        Console.WriteLine("serving " + Arguments[0] + " with " + StorageUnitHost.Version());
        Console.In.ReadToEnd();
        Host.Shutdown();
        Host.Wait();
        Host.Dispose();
        return 0;
    }
}
