// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Disks in memory for tests/dotnet/run and tests/dotnet/windows/run.
//
//     testdisk HOW NAME...     a disk for each name
//     testdisk loop NAME       starts and stops until its input ends
//
// HOW is how operations are answered: sync; pool, by a token on the thread pool, in another order
// than they came; async. With +gc the program collects garbage all the time, and holds no
// reference to its hosts; with +signal a disk ends at Ctrl-C and its like, and its last flush
// takes so long that a program which the signal ends does not come to its end. Some blocks fail,
// each in its own way; see Fail(). It ends at its input's end, and tells how often Init, Started
// and Stopped were called.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Spd;
using Spd.Interop;

class Memory
{
    public const uint BlockLength = 512, Blocks = 65536;
    public const ulong FirstBad = 1000, Sense = 1000, Exception = 1001, Busy = 1002, Lost = 1003,
        Late = 1004, Qualifier = 1005, Recovered = 1006;

    readonly byte[] bytes = new byte[Blocks * BlockLength];

    public void Read(byte[] buffer, ulong block, uint count)
    {
        Array.Copy(bytes, (int)(block * BlockLength), buffer, 0, (int)(count * BlockLength));
    }

    public void Write(byte[] buffer, ulong block, uint count)
    {
        Array.Copy(buffer, 0, bytes, (int)(block * BlockLength), (int)(count * BlockLength));
    }

    public void Unmap(UnmapDescriptor[] ranges)
    {
        foreach (UnmapDescriptor range in ranges)
            Array.Clear(bytes, (int)(range.BlockAddress * BlockLength),
                (int)(range.BlockCount * BlockLength));
    }

    public static StorageUnitStatus Fail(ulong block)
    {
        var status = new StorageUnitStatus();
        switch (block)
        {
        case Sense:
            status.SetSense(StorageUnitBase.SCSI_SENSE_MEDIUM_ERROR,
                StorageUnitBase.SCSI_ADSENSE_SEEK_ERROR, block);
            break;
        case Exception:
            throw new InvalidOperationException("block " + block);
        case Busy:
            status.ScsiStatus = StorageUnitBase.SCSISTAT_BUSY;
            break;
        case Qualifier:
            status.SetSense(StorageUnitBase.SCSI_SENSE_DATA_PROTECT,
                StorageUnitBase.SCSI_ADSENSE_WRITE_PROTECT);
            status.ASCQ = 7;
            break;
        case Recovered:
            status.SetSense(StorageUnitBase.SCSI_SENSE_RECOVERED_ERROR,
                StorageUnitBase.SCSI_ADSENSE_REC_DATA_ECC);
            break;
        }
        return status;
    }
}

static class Count
{
    const int SlowFlushMilliseconds = 500;

    public static int Inits, Starts, Stops, FinalFlushes;
    public static bool FlushesSlowly;

    public static void Prepare(object host0)
    {
        var host = (StorageUnitHost)host0;
        Interlocked.Increment(ref Inits);
        host.Guid = Guid.NewGuid();
        host.BlockCount = Memory.Blocks;
        host.BlockLength = Memory.BlockLength;
        host.ProductId = "TestDisk";
        host.ProductRevisionLevel = "1.0";
        host.CacheSupported = true;
        host.UnmapSupported = true;
        host.ThreadCount = 3;
    }

    public static void Flush(ulong block, uint count)
    {
        if (block != 0 || count != 0)
            return;
        if (FlushesSlowly)
            Thread.Sleep(SlowFlushMilliseconds);
        Interlocked.Increment(ref FinalFlushes);
    }
}

class SyncDisk : StorageUnitBase
{
    protected readonly Memory memory = new Memory();

    public override void Init(object Host)
    {
        Count.Prepare(Host);
    }

    public override void Started(object Host)
    {
        Interlocked.Increment(ref Count.Starts);
    }

    public override void Stopped(object Host)
    {
        Interlocked.Increment(ref Count.Stops);
    }

    public override void Read(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Status = Memory.Fail(BlockAddress);
        memory.Read(Buffer, BlockAddress, BlockCount);
    }

    public override void Write(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Status = Memory.Fail(BlockAddress);
        if (Status.ScsiStatus == SCSISTAT_GOOD)
            memory.Write(Buffer, BlockAddress, BlockCount);
    }

    public override void Flush(ulong BlockAddress, uint BlockCount, ref StorageUnitStatus Status)
    {
        Status = Memory.Fail(BlockAddress);
        Count.Flush(BlockAddress, BlockCount);
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        Status = Memory.Fail(Descriptors[0].BlockAddress);
        if (Status.ScsiStatus == SCSISTAT_GOOD)
            memory.Unmap(Descriptors);
    }
}

// Two operations that wait are answered the later one first; a timer answers one that is alone.
class PoolDisk : SyncDisk
{
    readonly List<Action> waiting = new List<Action>();
    readonly Timer timer;

    public PoolDisk()
    {
        timer = new Timer(state => Answer(1), null, 1, 1);
        GC.KeepAlive(timer);
    }

    void Later(ulong block, Action<StorageUnitOperation> work)
    {
        if (block == Memory.Lost)
        {
            StorageUnitOperation.Defer(); // and nobody keeps it
            return;
        }
        StorageUnitOperation operation = StorageUnitOperation.Defer();
        if (block == Memory.Late)
            throw new TimeoutException("after Defer()");
        lock (waiting)
            waiting.Add(() =>
            {
                var status = new StorageUnitStatus();
                try
                {
                    status = Memory.Fail(block);
                    work(operation);
                }
                catch (InvalidOperationException)
                {
                    status.SetSense(SCSI_SENSE_MEDIUM_ERROR, SCSI_ADSENSE_WRITE_ERROR);
                }
                if (!operation.Complete(status) || operation.Complete())
                    Environment.FailFast("an operation is completed once");
            });
        Answer(2);
    }

    void Answer(int least)
    {
        lock (waiting)
            while (waiting.Count >= least)
            {
                Action action = waiting[waiting.Count - 1];
                waiting.RemoveAt(waiting.Count - 1);
                ThreadPool.QueueUserWorkItem(state => action());
            }
    }

    public override void Read(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Array.Clear(Buffer, 0, Buffer.Length); // the operation has a buffer of its own
        Later(BlockAddress, operation => memory.Read(operation.Buffer, operation.BlockAddress,
            operation.BlockCount));
    }

    public override void Write(byte[] Buffer, ulong BlockAddress, uint BlockCount, bool Flush,
        ref StorageUnitStatus Status)
    {
        Later(BlockAddress, operation => memory.Write(operation.Buffer, operation.BlockAddress,
            operation.BlockCount));
        Array.Clear(Buffer, 0, Buffer.Length);
    }

    public override void Flush(ulong BlockAddress, uint BlockCount, ref StorageUnitStatus Status)
    {
        Later(BlockAddress, operation => Count.Flush(BlockAddress, BlockCount));
    }

    public override void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
    {
        Later(Descriptors[0].BlockAddress, operation => memory.Unmap(operation.Descriptors));
    }
}

class AsyncDisk : StorageUnitAsync
{
    readonly Memory memory = new Memory();

    public override void Init(object Host)
    {
        Count.Prepare(Host);
    }

    public override void Started(object Host)
    {
        Interlocked.Increment(ref Count.Starts);
    }

    public override void Stopped(object Host)
    {
        Interlocked.Increment(ref Count.Stops);
    }

    public override async Task<StorageUnitStatus> ReadAsync(byte[] Buffer, ulong BlockAddress,
        uint BlockCount, bool Flush)
    {
        await Task.Delay(1);
        memory.Read(Buffer, BlockAddress, BlockCount);
        return Memory.Fail(BlockAddress);
    }

    public override async Task<StorageUnitStatus> WriteAsync(byte[] Buffer, ulong BlockAddress,
        uint BlockCount, bool Flush)
    {
        await Task.Yield();
        StorageUnitStatus status = Memory.Fail(BlockAddress);
        if (status.ScsiStatus == SCSISTAT_GOOD)
            memory.Write(Buffer, BlockAddress, BlockCount);
        return status;
    }

    public override async Task<StorageUnitStatus> FlushAsync(ulong BlockAddress, uint BlockCount)
    {
        await Task.Yield();
        Count.Flush(BlockAddress, BlockCount);
        return Memory.Fail(BlockAddress);
    }

    public override async Task<StorageUnitStatus> UnmapAsync(UnmapDescriptor[] Descriptors)
    {
        await Task.Yield();
        memory.Unmap(Descriptors);
        return Memory.Fail(Descriptors[0].BlockAddress);
    }
}

static class Program
{
    static readonly Dictionary<string, Func<StorageUnitBase>> Kinds =
        new Dictionary<string, Func<StorageUnitBase>> {
            { "sync", () => new SyncDisk() },
            { "pool", () => new PoolDisk() },
            { "async", () => new AsyncDisk() },
        };
    static volatile bool ended;

    static StorageUnitHost Start(StorageUnitBase disk, string name, bool onSignal = false)
    {
        var host = new StorageUnitHost(disk) { ShutdownOnSignal = onSignal };
        int error = host.Start(name == "-" ? null : name);
        if (error != 0)
        {
            Console.Error.WriteLine(name + ": " + StorageUnitHost.ErrorText(error));
            Environment.Exit(1);
        }
        return host;
    }

    // A host that nobody has a reference to, but for the token that stops it. Not inlined, so that
    // no stack slot keeps it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    static WeakReference Abandon(StorageUnitBase disk, string name)
    {
        StorageUnitHost host = Start(disk, name);
        Console.WriteLine("serving " + (host.DeviceName ?? name));
        return new WeakReference(host);
    }

    static void Collect()
    {
        while (!ended)
        {
            var garbage = new List<byte[]>();
            for (int i = 0; i < 100; i++)
                garbage.Add(new byte[1000 * (i % 100 + 1)]);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    static int Abandoned(Func<StorageUnitBase> make, IEnumerable<string> names)
    {
        WeakReference[] hosts = names.Select(name => Abandon(make(), name)).ToArray();
        var collector = new Thread(Collect);
        collector.Start();
        Console.In.ReadToEnd();
        ended = true;
        collector.Join();
        int alive = hosts.Count(host => host.IsAlive);
        foreach (WeakReference host in hosts)
            ((StorageUnitHost)host.Target).Dispose();
        Console.WriteLine("alive " + alive);
        return alive == hosts.Length ? 0 : 1;
    }

    static int Serve(Func<StorageUnitBase> make, IEnumerable<string> names)
    {
        StorageUnitHost[] hosts = names.Select(name => Start(make(), name)).ToArray();
        foreach (string served in hosts.Zip(names, (host, name) => host.DeviceName ?? name))
            Console.WriteLine("serving " + served);
        Console.In.ReadToEnd();
        foreach (StorageUnitHost host in hosts)
            host.Shutdown();
        foreach (StorageUnitHost host in hosts)
            host.Wait();
        return hosts.Any(host => host.LastError != 0) ? 1 : 0;
    }

    static int UntilSignal(StorageUnitBase disk, string name)
    {
        Count.FlushesSlowly = true;
        StorageUnitHost host = Start(disk, name, true);
        Console.WriteLine("serving " + (host.DeviceName ?? name));
        host.Wait();
        return host.LastError != 0 ? 1 : 0;
    }

    // The same host again and again, and new ones; another thread ends them, early or late.
    static int Loop(string name)
    {
        var disk = new PoolDisk();
        var again = new StorageUnitHost(disk);
        var input = new Thread(() =>
        {
            Console.In.ReadToEnd();
            ended = true;
        });
        int rounds = 0;

        input.Start();
        Console.WriteLine("serving " + name);
        while (!ended || rounds < 20)
        {
            StorageUnitHost host = rounds % 2 == 0 ? again : new StorageUnitHost(disk);
            int error = host.Start(name);
            if (error != 0)
            {
                Console.Error.WriteLine("round " + rounds + ": " +
                    StorageUnitHost.ErrorText(error));
                return 1;
            }
            int pause = rounds % 5 * 4;
            ThreadPool.QueueUserWorkItem(state =>
            {
                Thread.Sleep(pause);
                host.Shutdown();
                host.Shutdown();
            });
            host.Wait();
            if (host.LastError != 0)
                return 2;
            rounds++;
        }
        Console.WriteLine("rounds " + rounds);
        return 0;
    }

    static int Main(string[] arguments)
    {
        string[] how = arguments[0].Split('+');
        int status = how[0] == "loop" ? Loop(arguments[1])
            : how.Length > 1 && how[1] == "signal" ? UntilSignal(Kinds[how[0]](), arguments[1])
            : how.Length > 1 ? Abandoned(Kinds[how[0]], arguments.Skip(1))
            : Serve(Kinds[how[0]], arguments.Skip(1));
        Console.WriteLine("init {0} started {1} stopped {2} flushed {3}", Count.Inits, Count.Starts,
            Count.Stops, Count.FinalFlushes);
        return status;
    }
}
