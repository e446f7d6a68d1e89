// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The seam between the public types and the two libraries that serve units: winspd-x64.dll or
// winspd-x86.dll (winspd.h) on Windows, libspd.so (spd.h) elsewhere. All differences between the
// systems are behind it.

using System;
using System.Threading;

namespace Spd.Interop
{
    internal enum Kind
    {
        Read = 1,
        Write = 2,
        Flush = 3,
        Unmap = 4,
        Count = 5,
    }

    // The parameters of a unit. The members have the units and ranges of the properties of
    // StorageUnitHost.
    internal struct UnitParams
    {
        internal System.Guid Guid;
        internal UInt64 BlockCount;
        internal UInt32 BlockLength;
        internal String ProductId;
        internal String ProductRevisionLevel;
        internal Boolean WriteProtected;
        internal Boolean CacheSupported;
        internal Boolean UnmapSupported;
        internal Boolean EjectDisabled;
        internal UInt32 MaxTransferLength;
        internal UInt32 DebugLog;
    }

    // An operation, on the thread that serves it, which reuses the object for the next one.
    internal abstract class Request
    {
        internal Kind Kind;
        internal UInt64 BlockAddress;
        internal UInt32 BlockCount;
        internal Boolean Flush;
        internal UnmapDescriptor[] Descriptors;
        internal Int32 Length;      // bytes of data
        internal StorageUnitOperation Deferred;

        // The thread's array of MaxTransferLength bytes, with the data of a write.
        internal abstract Byte[] Fetch();

        // Passes the data that a read has put into that array to the library.
        internal abstract void Store(Byte[] Buffer);

        // The place of all the data in the library's memory; zero: it is in several pieces.
        internal abstract IntPtr Memory();

        // The answer to the operation after its call has returned.
        internal abstract Answer Detach();
    }

    // Answers a deferred operation, once, from any thread. Data: of a read, Length bytes.
    internal abstract class Answer
    {
        internal abstract void Send(StorageUnitStatus Status, Byte[] Data);
    }

    // Serves requests. False: the answer comes later, by the Answer of the request.
    internal interface IServer
    {
        Boolean Perform(Request Request, ref StorageUnitStatus Status);
    }

    // A unit of the library. It lives until it was disposed of and nobody uses it any more, so that
    // an answer or a shutdown that comes late finds no freed memory.
    internal abstract class Unit
    {
        private readonly Object Lock = new Object();
        private Int32 Users = 1;
        private Boolean Closed;

        internal IntPtr Handle;

        internal abstract Int32 Start(UInt32 Threads);
        internal abstract void Shutdown();
        // Waits until it was shut down, and nothing runs. The error that ended it.
        internal abstract Int32 Wait();
        internal abstract String DeviceName();
        // False: the system has no such call, and the program's runtime must do it.
        internal abstract Boolean ShutdownOnSignal();
        protected abstract void Delete();

        // False: it has gone. Otherwise Leave() must follow.
        internal Boolean Enter()
        {
            lock (Lock)
            {
                if (Closed)
                    return false;
                Users++;
                return true;
            }
        }

        internal void Leave()
        {
            lock (Lock)
                if (--Users > 0)
                    return;
            Delete();
        }

        internal void Dispose()
        {
            lock (Lock)
            {
                if (Closed)
                    return;
                Closed = true;
            }
            Leave();
        }
    }

    internal interface IPlatform
    {
        Int32 Create(String Name, UnitParams Params, IServer Server, out Unit Unit);
        Version Version();
        String ErrorText(Int32 Error);
        void Log(UInt32 Type, String Text);
        Int32 SetDebugLogFile(String FileName);
        Int32 DefinePartitionTable(Partition[] Partitions, Byte[] Buffer);
    }

    internal static class Platform
    {
        private static readonly Object Lock = new Object();
        private static IPlatform Made;

        internal static String LibraryPath;

        internal static Boolean IsWindows
        {
            get { return Environment.OSVersion.Platform == PlatformID.Win32NT; }
        }

        internal static Boolean IsLoaded
        {
            get { lock (Lock) return Made != null; }
        }

        // Loads the library when it is first needed. TypeLoadException.
        internal static IPlatform Here
        {
            get
            {
                lock (Lock)
                {
                    if (Made == null)
                        Made = IsWindows ? (IPlatform)new WindowsPlatform(LibraryPath)
                            : new SpdPlatform(LibraryPath);
                    return Made;
                }
            }
        }
    }
}
