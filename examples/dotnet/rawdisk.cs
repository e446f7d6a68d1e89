// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// rawdisk-dotnet: a file is a disk. The program's options are those of the original's sample; -a 1
// has the thread pool do the work, and answers later. On Linux -p takes a URI.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using Spd;
using Spd.Interop;

// The file behind the disk. A thread that uses its position locks it.
class Image : IDisposable
{
    public readonly uint BlockLength;
    readonly FileStream file;
    readonly object position = new object();
    readonly byte[] zeros = new byte[65536];

    public Image(string path, ulong blockCount, uint blockLength)
    {
        long size = checked((long)(blockCount * blockLength));
        BlockLength = blockLength;
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (file.Length == 0)
            Format(blockCount, size);
        else if (file.Length != size)
        {
            file.Dispose();
            throw new UsageException("the file has " + new FileInfo(path).Length +
                " bytes, -c and -l say " + size);
        }
    }

    // A partition, so that systems need not be asked for one.
    void Format(ulong blockCount, long size)
    {
        file.SetLength(size);
        ulong first = Math.Max(1, 4096 / BlockLength);
        byte[] table = new byte[512];
        if (blockCount > first && StorageUnitHost.SpdDefinePartitionTable(new[] { new Partition {
                Type = 7, BlockAddress = first, BlockCount = blockCount - first } }, table) == 0)
            file.Write(table, 0, table.Length);
    }

    public void Read(byte[] buffer, ulong block, uint count)
    {
        lock (position)
        {
            file.Position = (long)(block * BlockLength);
            int length = (int)(count * BlockLength);
            for (int done = 0, got; done < length; done += got)
                if ((got = file.Read(buffer, done, length - done)) == 0)
                    throw new EndOfStreamException();
        }
    }

    public void Write(byte[] buffer, ulong block, uint count, bool flush)
    {
        lock (position)
        {
            file.Position = (long)(block * BlockLength);
            file.Write(buffer, 0, (int)(count * BlockLength));
            if (flush)
                file.Flush(true);
        }
    }

    public void Flush()
    {
        lock (position)
            file.Flush(true);
    }

    // An unmapped block reads as zeros.
    public void Unmap(UnmapDescriptor[] descriptors)
    {
        lock (position)
            foreach (UnmapDescriptor range in descriptors)
            {
                file.Position = (long)(range.BlockAddress * BlockLength);
                for (long left = range.BlockCount * BlockLength; left > 0; left -= zeros.Length)
                    file.Write(zeros, 0, (int)Math.Min(left, zeros.Length));
            }
    }

    public void Dispose()
    {
        file.Dispose();
    }
}

// An exception of the image becomes a MEDIUM ERROR.
class RawDisk : StorageUnitBase
{
    readonly Image image;

    public RawDisk(Image image)
    {
        this.image = image;
    }

    public override void Read(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        image.Read(Buffer, BlockAddress, BlockCount);
    }

    public override void Write(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        image.Write(Buffer, BlockAddress, BlockCount, Flush);
    }

    public override void Flush(ulong BlockAddress, uint BlockCount, ref StorageUnitStatus Status)
    {
        image.Flush();
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        image.Unmap(Descriptors);
    }
}

// The same; no thread of the unit waits for the file.
class AsyncRawDisk : StorageUnitAsync
{
    readonly Image image;

    public AsyncRawDisk(Image image)
    {
        this.image = image;
    }

    public override async Task<StorageUnitStatus> ReadAsync(byte[] Buffer, ulong BlockAddress,
        uint BlockCount, bool Flush)
    {
        await Task.Run(() => image.Read(Buffer, BlockAddress, BlockCount));
        return new StorageUnitStatus();
    }

    public override async Task<StorageUnitStatus> WriteAsync(byte[] Buffer, ulong BlockAddress,
        uint BlockCount, bool Flush)
    {
        await Task.Run(() => image.Write(Buffer, BlockAddress, BlockCount, Flush));
        return new StorageUnitStatus();
    }

    public override async Task<StorageUnitStatus> FlushAsync(ulong BlockAddress, uint BlockCount)
    {
        await Task.Run(() => image.Flush());
        return new StorageUnitStatus();
    }

    public override async Task<StorageUnitStatus> UnmapAsync(UnmapDescriptor[] Descriptors)
    {
        await Task.Run(() => image.Unmap(Descriptors));
        return new StorageUnitStatus();
    }
}

class UsageException : Exception
{
    public UsageException(string text) : base(text)
    {
    }
}

static class Program
{
    const string Name = "rawdisk-dotnet";
    const int UsageError = 87, UnhandledException = 574;

    static readonly string Usage = string.Join(Environment.NewLine, new[] {
        "usage: " + Name + " OPTIONS",
        "    -f FILE        the file; made where it is not there",
        "    -c N           blocks (1048576)",
        "    -l N           bytes of a block (512)",
        "    -i TEXT        product id, 1 to 16 characters (RawDisk-dotnet)",
        "    -r TEXT        revision, 1 to 4 characters (1.0)",
        "    -W 0|1         writes are allowed (1)",
        "    -C 0|1         cache (1)",
        "    -U 0|1         unmap (1)",
        "    -a 0|1         asynchronous: the thread pool answers (0)",
        "    -d N           debug log: a bit a kind, -1 all (0)",
        "    -D FILE        where it goes; - is standard error",
        @"    -p NAME        \\.\pipe\NAME or a URI instead of the driver" });

    // The order of the start line.
    const string Order = "fclirWCUadDp";

    static Dictionary<char, string> Parse(string[] arguments)
    {
        var options = new Dictionary<char, string> { { 'c', "1048576" }, { 'l', "512" },
            { 'i', "RawDisk-dotnet" }, { 'r', "1.0" }, { 'W', "1" }, { 'C', "1" }, { 'U', "1" },
            { 'a', "0" }, { 'd', "0" } };
        for (int i = 0; i < arguments.Length; i += 2)
        {
            string option = arguments[i];
            if (option.Length != 2 || option[0] != '-' || Order.IndexOf(option[1]) < 0)
                throw new UsageException("unknown option " + option);
            if (i + 1 == arguments.Length)
                throw new UsageException(option + " needs a value");
            options[option[1]] = arguments[i + 1];
        }
        if (!options.ContainsKey('f'))
            throw new UsageException("-f is missing");
        return options;
    }

    static ulong Number(Dictionary<char, string> options, char option, ulong most)
    {
        string text = options[option];
        ulong value;
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (text == "-1" && option == 'd')
            return uint.MaxValue;
        if (!ulong.TryParse(isHex ? text.Substring(2) : text,
                isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
                CultureInfo.InvariantCulture, out value) || value > most)
            throw new UsageException("-" + option + " " + text + ": a number from 0 to " + most);
        return value;
    }

    static bool Flag(Dictionary<char, string> options, char option)
    {
        return Number(options, option, 1) != 0;
    }

    static string Characters(Dictionary<char, string> options, char option, int most)
    {
        if (options[option].Length < 1 || options[option].Length > most)
            throw new UsageException("-" + option + ": 1 to " + most + " characters");
        return options[option];
    }

    // The disk keeps its contents, so it keeps its identity: that of this file on this machine.
    static Guid Identity(string path)
    {
        using (var hash = SHA1.Create())
        {
            byte[] bytes = new byte[16];
            Array.Copy(hash.ComputeHash(Encoding.UTF8.GetBytes(
                Environment.MachineName + "\n" + Path.GetFullPath(path))), bytes, 16);
            return new Guid(bytes);
        }
    }

    static void Announce(Dictionary<char, string> options)
    {
        var line = new StringBuilder(Name);
        foreach (char option in Order)
            if (options.ContainsKey(option))
                line.Append(" -" + option + " " + options[option]);
        StorageUnitHost.Log(StorageUnitHost.EVENTLOG_INFORMATION_TYPE, line.ToString());
    }

    static int Serve(StorageUnitHost host, string name, uint debug)
    {
        int error = host.Start(name, debug);
        if (error != 0)
        {
            StorageUnitHost.Log(StorageUnitHost.EVENTLOG_ERROR_TYPE,
                Name + ": cannot start: " + StorageUnitHost.ErrorText(error));
            return error > 0 ? error : 1; // of spd.h they are negative
        }
        Console.WriteLine("serving " + (host.DeviceName ?? name));
        host.Wait();
        return host.LastError >= 0 ? host.LastError : 1;
    }

    static int Run(Dictionary<char, string> options)
    {
        ulong blockCount = Number(options, 'c', ulong.MaxValue);
        uint blockLength = (uint)Number(options, 'l', 65536);
        uint debug = (uint)Number(options, 'd', uint.MaxValue);
        string name;

        options.TryGetValue('p', out name);
        if (blockCount == 0 || blockLength == 0)
            throw new UsageException("-c and -l are not 0");
        int error = options.ContainsKey('D') ? StorageUnitHost.SetDebugLogFile(options['D']) : 0;
        if (error != 0)
            throw new UsageException("-D " + options['D'] + ": cannot be opened");
        using (var image = new Image(options['f'], blockCount, blockLength))
        {
            StorageUnitBase disk = Flag(options, 'a')
                ? new AsyncRawDisk(image) : (StorageUnitBase)new RawDisk(image);
            var host = new StorageUnitHost(disk) {
                Guid = Identity(options['f']),
                BlockCount = blockCount,
                BlockLength = blockLength,
                ProductId = Characters(options, 'i', 16),
                ProductRevisionLevel = Characters(options, 'r', 4),
                WriteProtected = !Flag(options, 'W'),
                CacheSupported = Flag(options, 'C'),
                UnmapSupported = Flag(options, 'U'),
                ShutdownOnSignal = true,
            };
            Announce(options);
            return Serve(host, name, debug);
        }
    }

    static int Main(string[] arguments)
    {
        try
        {
            return Run(Parse(arguments));
        }
        catch (UsageException error)
        {
            Console.Error.WriteLine(Name + ": " + error.Message + Environment.NewLine + Usage);
            return UsageError;
        }
        catch (Exception error)
        {
            const int Win32 = 0x7, FacilityShift = 16;
            int result = Marshal.GetHRForException(error);
            Console.Error.WriteLine(Name + ": " + error.Message);
            return (result >> FacilityShift & 0x7fff) == Win32 ? result & 0xffff
                : UnhandledException;
        }
    }
}
