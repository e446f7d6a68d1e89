// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The life of a storage unit: its properties, start and end.

using System;
using System.Runtime.InteropServices;
using System.Threading;

using Spd.Interop;

namespace Spd
{
    /// <summary>
    /// Serves a storage unit. Set the properties, or let the unit's Init do so, then Start;
    /// Shutdown ends it from any thread, and Wait returns after that. While a unit runs its host
    /// is kept, even if the program has no reference to it.
    /// </summary>
    public class StorageUnitHost : IDisposable
    {
        /// <summary>Log: an error.</summary>
        public const UInt32 EVENTLOG_ERROR_TYPE = 1;
        /// <summary>Log: a warning.</summary>
        public const UInt32 EVENTLOG_WARNING_TYPE = 2;
        /// <summary>Log: information.</summary>
        public const UInt32 EVENTLOG_INFORMATION_TYPE = 4;

        private const UInt32 DefaultMaxTransferLength = 65536;
        private const UInt32 DefaultThreads = 2, MaxThreads = 1024;

        private readonly Object Lock = new Object();
        private readonly StorageUnitBase Disk;
        private UInt32 Threads = DefaultThreads;
        private Unit Unit;      // null: it does not run
        private Boolean Starting;
        private GCHandle Self;  // while it runs
        private ConsoleCancelEventHandler Cancel;

        /// <summary>Makes a host. It loads the native library.</summary>
        /// <param name="StorageUnit">The disk.</param>
        /// <exception cref="TypeLoadException">The library is not there, or too old.</exception>
        public StorageUnitHost(StorageUnitBase StorageUnit)
        {
            GC.KeepAlive(Platform.Here);
            Disk = StorageUnit;
        }

        /// <summary>
        /// The native library to use: a path, or null to search for it. Beside the program, then as
        /// the system does, then where WinSpd was installed. To be set before the first host is
        /// made.
        /// </summary>
        /// <exception cref="InvalidOperationException">The library was loaded before.</exception>
        public static String LibraryPath
        {
            get { return Platform.LibraryPath; }
            set
            {
                if (Platform.IsLoaded)
                    throw new InvalidOperationException(
                        "LibraryPath must be set before the native library is loaded");
                Platform.LibraryPath = value;
            }
        }

        /// <summary>The identity of the disk. Keep it stable, so that systems know it.</summary>
        public System.Guid Guid { get; set; }

        /// <summary>The capacity in blocks, at least 1.</summary>
        public UInt64 BlockCount { get; set; }

        /// <summary>The length of a block in bytes: a power of two from 512 to 65536.</summary>
        public UInt32 BlockLength { get; set; }

        /// <summary>The product's name, at most 16 printable ASCII characters.</summary>
        public String ProductId { get; set; }

        /// <summary>Its revision, at most 4 printable ASCII characters.</summary>
        public String ProductRevisionLevel { get; set; }

        /// <summary>Writes are refused, and never reach the unit.</summary>
        public Boolean WriteProtected { get; set; }

        /// <summary>The unit has a volatile cache: Flush is called. Without it every Read and Write
        /// has its Flush argument set.</summary>
        public Boolean CacheSupported { get; set; }

        /// <summary>Unmap is called.</summary>
        public Boolean UnmapSupported { get; set; }

        /// <summary>The Explorer does not offer to eject the disk.</summary>
        public Boolean EjectDisabled { get; set; }

        /// <summary>The most that one operation moves, in bytes: a multiple of the block length, at
        /// most 16 MiB. 0: 64 KiB.</summary>
        public UInt32 MaxTransferLength { get; set; }

        /// <summary>How many threads call the operations, 1 to 1024; 2 unless it is set.</summary>
        public UInt32 ThreadCount
        {
            get { return Threads; }
            set
            {
                if (value < 1 || value > MaxThreads)
                    throw new ArgumentOutOfRangeException("value", "1 to 1024 threads");
                Threads = value;
            }
        }

        /// <summary>
        /// Ctrl-C and its like shut the unit down; on Linux SIGINT, SIGTERM and SIGHUP. To be set
        /// before Start, for one unit of the process.
        /// </summary>
        public Boolean ShutdownOnSignal { get; set; }

        /// <summary>
        /// Creates the unit and starts it: Init, then Started, then its operations are called.
        /// </summary>
        /// <param name="PipeName">Windows: null, a disk of this system by the driver; a pipe,
        /// \\.\pipe\NAME; or a URI. Linux: a URI, iscsi://HOST:PORT/IQN or unix:PATH.</param>
        /// <param name="DebugLog">A bit 1 &lt;&lt; kind logs operations of that kind, 0xffffffff
        /// all of them.</param>
        /// <returns>0 or an error, for which <see cref="ErrorText"/> has words. Windows: a Win32
        /// error; Linux: a negative number of spd.h. 574: Init or Started threw an exception.
        /// </returns>
        /// <exception cref="InvalidOperationException">It runs.</exception>
        public int Start(String PipeName = null, UInt32 DebugLog = 0)
        {
            lock (Lock)
            {
                if (Unit != null || Starting)
                    throw new InvalidOperationException("this host runs a storage unit already");
                Starting = true;
            }
            try
            {
                return Begin(PipeName, DebugLog);
            }
            finally
            {
                Starting = false;
            }
        }

        private int Begin(String PipeName, UInt32 DebugLog)
        {
            Unit Made;

            if (!Survives(Disk.Init))
                return Errors.UnhandledException;
            int Error = Platform.Here.Create(
                PipeName, Params(DebugLog), new StorageUnitServer(Disk), out Made);
            if (Error != 0)
                return Error;
            lock (Lock)
            {
                Unit = Made;
                Self = GCHandle.Alloc(this);
            }
            if (!Survives(Disk.Started))
                Error = Errors.UnhandledException;
            else
            {
                if (ShutdownOnSignal)
                    WatchSignals(Made);
                Error = Made.Start(Threads);
            }
            if (Error != 0)
                End(Made);
            return Error;
        }

        private UnitParams Params(UInt32 DebugLog)
        {
            return new UnitParams {
                Guid = Guid,
                BlockCount = BlockCount,
                BlockLength = BlockLength,
                ProductId = ProductId,
                ProductRevisionLevel = ProductRevisionLevel,
                WriteProtected = WriteProtected,
                CacheSupported = CacheSupported,
                UnmapSupported = UnmapSupported,
                EjectDisabled = EjectDisabled,
                MaxTransferLength =
                    MaxTransferLength != 0 ? MaxTransferLength : DefaultMaxTransferLength,
                DebugLog = DebugLog,
            };
        }

        private Boolean Survives(Action<Object> Call)
        {
            try
            {
                Call(this);
                return true;
            }
            catch (Exception Error)
            {
                StorageUnitServer.Report(Error);
                return false;
            }
        }

        private void WatchSignals(Unit Made)
        {
            if (Made.ShutdownOnSignal())
                return;
            Cancel = (Sender, Arguments) =>
            {
                Arguments.Cancel = true;
                Shutdown();
            };
            Console.CancelKeyPress += Cancel;
        }

        private Unit Hold()
        {
            lock (Lock)
                return Unit != null && Unit.Enter() ? Unit : null;
        }

        /// <summary>Ends the unit: no new operations, and Wait returns. From any thread, also from
        /// within an operation; does nothing when the unit does not run.</summary>
        public void Shutdown()
        {
            Unit Held = Hold();
            if (Held == null)
                return;
            Held.Shutdown();
            Held.Leave();
        }

        /// <summary>Waits until the unit was shut down and its operations have ended; then calls
        /// its Stopped, and frees what the unit had. The host can start again. Not from within an
        /// operation.</summary>
        /// <exception cref="InvalidOperationException">Within an operation.</exception>
        public void Wait()
        {
            if (StorageUnitServer.IsInside)
                throw new InvalidOperationException(
                    "Wait() within an operation would wait for that operation");
            Unit Held = Hold();
            if (Held == null)
                return;
            lock (Held) // others that wait come back when the first one has ended it
            {
                int Error = Held.Wait();
                if (End(Held))
                    LastError = Error;
            }
            Held.Leave();
        }

        /// <summary>The reason why the unit ended: 0 after an orderly shutdown,
        /// otherwise an error as of Start.</summary>
        public int LastError { get; private set; }

        // True: this thread has ended it.
        private Boolean End(Unit Ended)
        {
            lock (Lock)
            {
                if (Unit != Ended)
                    return false;
                Unit = null;
            }
            if (Cancel != null)
                Console.CancelKeyPress -= Cancel;
            Cancel = null;
            Survives(Disk.Stopped);
            Ended.Dispose();
            Self.Free();
            return true;
        }

        /// <summary>Shuts the unit down, if it runs, and waits. Not from within an operation.
        /// </summary>
        public void Dispose()
        {
            Shutdown();
            Wait();
            GC.SuppressFinalize(this);
        }

        /// <summary>The native unit, while it runs.</summary>
        /// <returns>SPD_STORAGE_UNIT * on Windows, spd_unit * on Linux.</returns>
        public IntPtr StorageUnitHandle()
        {
            lock (Lock)
                return Unit == null ? IntPtr.Zero : Unit.Handle;
        }

        /// <summary>The disk.</summary>
        /// <returns>The one that the host was made with.</returns>
        public StorageUnitBase StorageUnit()
        {
            return Disk;
        }

        /// <summary>The name by which clients find it, with a port that was chosen when it was
        /// created. Null: it does not run, or the library cannot tell.</summary>
        public String DeviceName
        {
            get
            {
                Unit Held = Hold();
                if (Held == null)
                    return null;
                String Name = Held.DeviceName();
                Held.Leave();
                return Name;
            }
        }

        /// <summary>The meaning of an error, and which value was wrong where that was known on
        /// this thread.</summary>
        /// <param name="Error">The number that Start has returned.</param>
        /// <returns>A text for people.</returns>
        public static String ErrorText(int Error)
        {
            return Platform.Here.ErrorText(Error);
        }

        /// <summary>Makes a partition table (MBR).</summary>
        /// <param name="Partitions">1 to 4 partitions.</param>
        /// <param name="Buffer">Block 0: at least 512 bytes.</param>
        /// <returns>0, or 87 when one of them is not valid.</returns>
        public static int SpdDefinePartitionTable(Partition[] Partitions, Byte[] Buffer)
        {
            const Int32 MaxPartitions = 4, TableLength = 512;

            if (Partitions.Length > MaxPartitions || Buffer.Length < TableLength)
                return Errors.InvalidParameter;
            return Platform.Here.DefinePartitionTable(Partitions, Buffer);
        }

        /// <summary>A line for the operator: on standard error, or in the event log of Windows
        /// where the program is not interactive.</summary>
        /// <param name="Type">EVENTLOG_..._TYPE.</param>
        /// <param name="Message">The line.</param>
        public static void Log(UInt32 Type, String Message)
        {
            Platform.Here.Log(Type, Message);
        }

        /// <summary>Where the debug log goes.</summary>
        /// <param name="FileName">A file, to which it is appended; "-" is standard error.</param>
        /// <returns>0 or a Win32 error.</returns>
        public static int SetDebugLogFile(String FileName)
        {
            return Platform.Here.SetDebugLogFile(FileName);
        }

        /// <summary>The version of the native library.</summary>
        /// <returns>Major and minor.</returns>
        public static Version Version()
        {
            return Platform.Here.Version();
        }
    }
}
