// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// doc/dotnet.md's disk: in memory, on Windows and Linux.
//
//     ramdisk [NAME]     ends with Ctrl-C
//
// NAME is iscsi://127.0.0.1:3260/IQN, or on Windows \\.\pipe\NAME or nothing: the driver.

using System;
using Spd;
using Spd.Interop;

class RamDisk : StorageUnitBase
{
    const int BlockLength = 512;
    readonly byte[] Memory = new byte[64 << 20];

    public override void Init(object Host)
    {
        var host = (StorageUnitHost)Host;
        host.Guid = new Guid("5d2c1c6e-9a3f-4e0a-8b11-3f6d207c5e9e");
        host.BlockCount = (ulong)(Memory.Length / BlockLength);
        host.BlockLength = BlockLength;
        host.ProductId = "RAM disk";
        host.ProductRevisionLevel = "1.0";
        host.UnmapSupported = true;
        host.ShutdownOnSignal = true;
    }

    public override void Read(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Array.Copy(Memory, (long)BlockAddress * BlockLength, Buffer, 0, BlockCount * BlockLength);
    }

    public override void Write(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Array.Copy(Buffer, 0, Memory, (long)BlockAddress * BlockLength, BlockCount * BlockLength);
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        foreach (var range in Descriptors)
            Array.Clear(Memory, (int)range.BlockAddress * BlockLength,
                (int)range.BlockCount * BlockLength);
    }

    static int Main(string[] arguments)
    {
        var host = new StorageUnitHost(new RamDisk());
        int error = host.Start(arguments.Length > 0 ? arguments[0] : null);
        if (error != 0)
        {
            Console.Error.WriteLine("ramdisk: " + StorageUnitHost.ErrorText(error));
            return 1;
        }
        Console.WriteLine("serving " + host.DeviceName);
        host.Wait();
        return 0;
    }
}
