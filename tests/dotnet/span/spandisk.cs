// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// spandisk NAME: a disk in memory by the overloads that have Span. It ends at its input's end.

using System;
using Spd;
using Spd.Interop;

class SpanDisk : StorageUnitBase
{
    const int BlockLength = 512;
    const ulong BadBlock = 1000;
    readonly byte[] memory = new byte[32 << 20];

    public override void Init(object Host)
    {
        var host = (StorageUnitHost)Host;
        host.Guid = Guid.NewGuid();
        host.BlockCount = (ulong)(memory.Length / BlockLength);
        host.BlockLength = BlockLength;
        host.ProductId = "SpanDisk";
        host.ProductRevisionLevel = "1.0";
        host.UnmapSupported = true;
    }

    public override void Read(Span<byte> Buffer, ulong BlockAddress, bool Flush,
        ref StorageUnitStatus Status)
    {
        if (BlockAddress == BadBlock)
            Status.SetSense(SCSI_SENSE_MEDIUM_ERROR, SCSI_ADSENSE_UNRECOVERED_ERROR, BlockAddress);
        else
            memory.AsSpan((int)BlockAddress * BlockLength, Buffer.Length).CopyTo(Buffer);
    }

    public override void Write(ReadOnlySpan<byte> Buffer, ulong BlockAddress, bool Flush,
        ref StorageUnitStatus Status)
    {
        Buffer.CopyTo(memory.AsSpan((int)BlockAddress * BlockLength));
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        foreach (UnmapDescriptor range in Descriptors)
            memory.AsSpan((int)range.BlockAddress * BlockLength,
                (int)range.BlockCount * BlockLength).Clear();
    }

    static int Main(string[] arguments)
    {
        var host = new StorageUnitHost(new SpanDisk());
        int error = host.Start(arguments[0] == "-" ? null : arguments[0]);
        if (error != 0)
        {
            Console.Error.WriteLine(StorageUnitHost.ErrorText(error));
            return 1;
        }
        Console.WriteLine("serving " + (host.DeviceName ?? arguments[0]));
        Console.In.ReadToEnd();
        host.Dispose();
        return host.LastError;
    }
}
