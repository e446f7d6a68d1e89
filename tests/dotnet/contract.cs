// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// contract NAME BAD [LIBRARY]: what can be asked of the assembly without a client, in TAP. NAME
// is a device name that works, BAD one that does not, LIBRARY the path of the native library.

using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Spd;
using Spd.Interop;

class Disk : StorageUnitBase
{
    public bool failsInit, failsStarted;
    public int stops;
    public string order = "";

    public override void Init(object Host)
    {
        var host = (StorageUnitHost)Host;
        order += "I" + (host.StorageUnitHandle() == IntPtr.Zero ? "" : "!");
        host.Guid = Guid.NewGuid();
        host.BlockCount = 1024;
        host.BlockLength = 512;
        if (failsInit)
            throw new ApplicationException("of Init");
    }

    public override void Started(object Host)
    {
        order += "S" + (((StorageUnitHost)Host).StorageUnitHandle() == IntPtr.Zero ? "!" : "");
        if (failsStarted)
            throw new ArithmeticException("of Started");
    }

    public override void Stopped(object Host)
    {
        order += "E";
        stops++;
    }
}

static class Contract
{
    static string name, bad;
    static int count, failed;
    static bool failing;

    static void Check(bool holds, string what)
    {
        if (holds)
            return;
        failing = true;
        Console.WriteLine("# " + what);
    }

    static bool Throws<T>(Action call) where T : Exception
    {
        try
        {
            call();
            return false;
        }
        catch (T)
        {
            return true;
        }
    }

    static void Run(string about, Action test)
    {
        failing = false;
        try
        {
            test();
        }
        catch (Exception error)
        {
            Check(false, error.ToString().Replace("\n", "\n# "));
        }
        failed += failing ? 1 : 0;
        Console.WriteLine("{0}ok {1} - {2}", failing ? "not " : "", ++count, about);
    }

    static void FlagsCanBeCleared()
    {
        var host = new StorageUnitHost(new Disk());
        foreach (string flag in new[] { "WriteProtected", "CacheSupported", "UnmapSupported",
            "EjectDisabled" })
        {
            var property = typeof(StorageUnitHost).GetProperty(flag);
            Check(!(bool)property.GetValue(host, null), flag + " is set at first");
            property.SetValue(host, true, null);
            Check((bool)property.GetValue(host, null), flag + " cannot be set");
            property.SetValue(host, false, null);
            Check(!(bool)property.GetValue(host, null), flag + " cannot be cleared");
        }
    }

    static void SenseReplacesAllOfTheStatus()
    {
        var status = new StorageUnitStatus();
        status.SetSense(3, 0x11, 77);
        status.ASCQ = 4;
        Check(status.Information == 77 && status.Flags == StorageUnitStatus.InformationValid,
            "information is valid");
        status.SetSense(5, 0x20);
        Check(status.ScsiStatus == 2 && status.SenseKey == 5 && status.ASC == 0x20, "sense");
        Check(status.ASCQ == 0 && status.Flags == 0, "what was there before is gone");
        Check(StorageUnitStatus.InformationValid == 0x100, "the bit is the driver's");
        Check(System.Runtime.InteropServices.Marshal.SizeOf(typeof(StorageUnitStatus)) == 32,
            "it has 32 bytes");
    }

    // The native libraries share these with the assembly, and C# cannot assert their sizes.
    static void LayoutsAreThoseOfTheHeaders()
    {
        var sizes = new System.Collections.Generic.Dictionary<string, int> {
            { "WinspdParams", 128 }, { "WinspdResponse", 48 },
            { "WinspdInterface", 16 * IntPtr.Size }, { "StorageUnitStatus", 32 },
            { "UnmapDescriptor", 16 }, { "Partition", 24 }, { "SpdStatus", 16 },
            { "SpdParams", IntPtr.Size == 8 ? 120 : 112 }, { "SpdOps", 11 * IntPtr.Size },
            { "SpdVec", 2 * IntPtr.Size } };
        foreach (var wanted in sizes)
        {
            Type type = typeof(StorageUnitHost).Assembly.GetType("Spd.Interop." + wanted.Key);
            int size = System.Runtime.InteropServices.Marshal.SizeOf(type);
            Check(size == wanted.Value, wanted.Key + " has " + size + " bytes");
        }
    }

    static void TheOrderOfALife()
    {
        var disk = new Disk();
        var host = new StorageUnitHost(disk);
        Check(host.StorageUnit() == disk, "the host knows its disk");
        Check(host.Start(name) == 0, "it starts");
        Check(Throws<InvalidOperationException>(() => host.Start(name)), "it starts twice");
        Check(host.StorageUnitHandle() != IntPtr.Zero && host.DeviceName.Contains(name),
            "it runs as " + host.DeviceName);
        host.Shutdown();
        host.Wait();
        host.Wait();
        host.Dispose();
        Check(disk.order == "ISE" && host.LastError == 0, disk.order + " " + host.LastError);
        Check(host.StorageUnitHandle() == IntPtr.Zero && host.DeviceName == null, "it has ended");
        host.Shutdown();
        Check(host.Start(name) == 0, "it starts again");
        host.Dispose();
        Check(disk.order == "ISEISE", disk.order);
    }

    static void WaitersAllReturn()
    {
        var disk = new Disk();
        var host = new StorageUnitHost(disk);
        Check(host.Start(name) == 0, "it starts");
        Thread[] waiters = Enumerable.Range(0, 4).Select(i => new Thread(
            i % 2 == 0 ? (ThreadStart)host.Wait : host.Dispose)).ToArray();
        foreach (Thread waiter in waiters)
            waiter.Start();
        foreach (Thread waiter in waiters)
            waiter.Join();
        Check(disk.stops == 1, "Stopped was called " + disk.stops + " times");
    }

    static void ExceptionsAre574()
    {
        var disk = new Disk { failsInit = true };
        Check(new StorageUnitHost(disk).Start(name) == 574 && disk.order == "I", "of Init");
        disk = new Disk { failsStarted = true };
        var host = new StorageUnitHost(disk);
        Check(host.Start(name) == 574 && disk.order == "ISE", "of Started: " + disk.order);
        disk.failsStarted = false;
        Check(host.Start(name) == 0, "it starts when there is none");
        host.Dispose();
    }

    static void AStartThatFailsLeavesNothing()
    {
        var disk = new Disk();
        var host = new StorageUnitHost(disk);
        int error = host.Start(bad);
        Check(error != 0 && StorageUnitHost.ErrorText(error).Length > 10, "error " + error);
        Check(disk.order == "I" && host.StorageUnitHandle() == IntPtr.Zero, disk.order);
        Check(host.Start(name) == 0, "a good name works after it");
        host.Dispose();
    }

    static void PartitionTables()
    {
        var table = new byte[512];
        var one = new Partition { Type = 7, BlockAddress = 8, BlockCount = 1000 };
        var call = new Func<Partition[], byte[], int>(StorageUnitHost.SpdDefinePartitionTable);
        Check(call(new[] { one }, table) == 0, "a good one");
        Check(table[510] == 0x55 && table[511] == 0xaa && table[450] == 7 && table[454] == 8,
            "its bytes");
        Check(call(Enumerable.Repeat(one, 5).ToArray(), table) == 87, "five");
        Check(call(new[] { one }, new byte[511]) == 87, "a short buffer");
        Check(call(new[] { new Partition() }, table) == 87, "an empty one");
    }

    static void Statics()
    {
        Version version = StorageUnitHost.Version();
        Check(version.Major + version.Minor > 0, version.ToString());
        Check(Throws<InvalidOperationException>(() => StorageUnitHost.LibraryPath = "x"),
            "LibraryPath after the library was loaded");
        Check(StorageUnitHost.SetDebugLogFile("/there/is/no/such/folder") != 0, "the log");
        Check(StorageUnitHost.SetDebugLogFile("-") == 0, "the log on standard error");
        Check(Throws<InvalidOperationException>(() => StorageUnitOperation.Defer()),
            "Defer() outside of operations");
        Check(Throws<ArgumentOutOfRangeException>(
            () => new StorageUnitHost(new Disk()).ThreadCount = 0), "no threads");
    }

    // Mono knows of no libraries in its process.
    static string[] Loaded()
    {
        return Environment.OSVersion.Platform == PlatformID.Unix
            ? File.ReadAllLines("/proc/self/maps")
                .Select(line => line.Substring(line.LastIndexOf(' ') + 1)).ToArray()
            : Process.GetCurrentProcess().Modules.Cast<ProcessModule>()
                .Select(module => module.FileName).ToArray();
    }

    // No other one is there, which a search would have found.
    static void TheLibraryIsTheNamedOne()
    {
        string[] files = Loaded();
        Check(files.Contains(StorageUnitHost.LibraryPath, StringComparer.OrdinalIgnoreCase) &&
            !files.Any(file => Path.GetFileName(file).StartsWith("libspd.so") ||
                Path.GetFileName(file).StartsWith("winspd-x")), string.Join(" ", files));
    }

    static int Main(string[] arguments)
    {
        name = arguments[0];
        bad = arguments[1];
        if (arguments.Length > 2)
            StorageUnitHost.LibraryPath = arguments[2];
        Run("flags can be cleared", FlagsCanBeCleared);
        Run("sense replaces all of the status", SenseReplacesAllOfTheStatus);
        Run("structures are as long as the native ones", LayoutsAreThoseOfTheHeaders);
        Run("the order of a unit's life, twice", TheOrderOfALife);
        Run("all that wait return, and Stopped is called once", WaitersAllReturn);
        Run("exceptions of Init and Started are error 574", ExceptionsAre574);
        Run("a start that fails leaves nothing", AStartThatFailsLeavesNothing);
        Run("partition tables", PartitionTables);
        Run("what is said of the library", Statics);
        if (arguments.Length > 2)
            Run("the native library is the one that was named", TheLibraryIsTheNamedOne);
        Console.WriteLine("1.." + count);
        return failed;
    }
}
