// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Units of libspd.so, by spd/spd.h. Threads of the runtime take requests from an inbox of the
// library, since Mono cannot stop threads that block its signals, as the library's do.

using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Spd.Interop
{
    // The exports, by name.
    internal sealed class SpdExports
    {
        private const CallingConvention C = CallingConvention.Cdecl;

        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 CreateFunction(
            String Name, ref SpdParams Params, ref SpdDevice Device, out IntPtr Unit);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 CreateInboxFunction(out IntPtr Inbox);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr TakeFunction(IntPtr Inbox);
        [UnmanagedFunctionPointer(C)]
        internal delegate void PointerFunction(IntPtr Pointer);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 UnitFunction(IntPtr Unit);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 StartFunction(IntPtr Unit, UInt32 Threads);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr UriFunction(IntPtr Unit, UInt32 Index);
        [UnmanagedFunctionPointer(C)]
        internal delegate UInt32 UInt32Function(IntPtr Request);
        [UnmanagedFunctionPointer(C)]
        internal delegate UInt64 UInt64Function(IntPtr Request);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr ListFunction(IntPtr Request, out UInt32 Count);
        [UnmanagedFunctionPointer(C)]
        internal delegate void CompleteFunction(IntPtr Request, ref SpdStatus Status);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr StrErrorFunction(Int32 Error);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr TextFunction();
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr NameFunction(Byte Value);
        [UnmanagedFunctionPointer(C)]
        internal delegate UInt32 VersionFunction();
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 PartitionFunction([In] Partition[] Partitions, UInt32 Count,
            [In] Byte[] Guid, [Out] Byte[] Buffer);

        internal CreateInboxFunction spd_inbox_create = null;
        internal IntPtr spd_inbox_submit = IntPtr.Zero;
        internal TakeFunction spd_inbox_take = null;
        internal PointerFunction spd_inbox_end = null;
        internal PointerFunction spd_inbox_delete = null;
        internal CreateFunction spd_unit_create = null;
        internal StartFunction spd_unit_start = null;
        internal PointerFunction spd_unit_shutdown = null;
        internal UnitFunction spd_unit_wait = null;
        internal PointerFunction spd_unit_delete = null;
        internal UnitFunction spd_unit_shutdown_on_signal = null;
        internal UriFunction spd_unit_door_uri = null;
        internal UInt32Function spd_request_operation = null;
        internal UInt64Function spd_request_lba = null;
        internal UInt32Function spd_request_blocks = null;
        internal UInt32Function spd_request_flags = null;
        internal ListFunction spd_request_data = null;
        internal ListFunction spd_request_ranges = null;
        internal CompleteFunction spd_request_complete = null;
        internal StrErrorFunction spd_strerror = null;
        internal TextFunction spd_error_detail = null;
        internal VersionFunction spd_version = null;
        internal NameFunction spd_scsi_status_name = null;
        internal NameFunction spd_sense_key_name = null;
        internal PartitionFunction spd_define_partition_table = null;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct SpdParams
    {
        internal UIntPtr Size;
        internal fixed Byte Guid[16];
        internal UInt64 BlockCount;
        internal UInt32 BlockLength, PhysicalBlockLength, MaxTransferLength, UnmapGranularity;
        internal UInt32 Flags, QueueDepth;
        internal fixed Byte ProductId[17];
        internal fixed Byte ProductRevision[5];
        internal UInt32 Grace, Reserved;
        internal fixed Byte Wwn[16];
        internal UInt32 WwnLength, MaxUnmapBlocks, SlowCall, Reserved2;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SpdOps
    {
        internal IntPtr Size, Read, Write, Flush, Unmap, Submit, Abort, Stop;
        internal IntPtr Returned, Readv, Writev;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SpdDevice
    {
        internal IntPtr Ops, Context;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SpdStatus
    {
        internal Byte ScsiStatus, SenseKey, ASC, ASCQ;
        internal Byte InformationValid, Reserved0, Reserved1, Reserved2;
        internal UInt64 Information;

        internal SpdStatus(StorageUnitStatus From)
        {
            this = new SpdStatus();
            From = From.Clean();
            ScsiStatus = From.ScsiStatus;
            SenseKey = From.SenseKey;
            ASC = From.ASC;
            ASCQ = From.ASCQ;
            InformationValid = (Byte)(From.Flags != 0 ? 1 : 0);
            Information = From.Information;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct SpdVec
    {
        internal IntPtr Base;
        internal UIntPtr Length;
    }

    internal sealed class SpdPlatform : IPlatform
    {
        private const Int32 Major = 0; // of the spd.h whose structures are above

        private readonly SpdExports Exports;

        internal SpdPlatform(String Path)
        {
            Exports = new PosixLoader().Load<SpdExports>(Path);
            if (Version().Major != Major)
                throw new TypeLoadException("winspd-msil.dll needs a libspd " + Major +
                    ".x; found " + Version());
        }

        public Int32 Create(String Name, UnitParams Params, IServer Server, out Unit Unit)
        {
            SpdUnit Made = new SpdUnit(Exports, Server, Params);
            Int32 Error = Made.Create(Name, Params);
            Unit = Error == 0 ? Made : null;
            return Error;
        }

        public Version Version()
        {
            UInt32 Version = Exports.spd_version();
            return new Version((Int32)(Version >> 16), (Int32)(Version & 0xffff));
        }

        public String ErrorText(Int32 Error)
        {
            String Text = Error == Errors.UnhandledException ? "the storage unit threw an exception"
                : Error == Errors.InvalidParameter ? "a parameter is not valid"
                : Marshal.PtrToStringAnsi(Exports.spd_strerror(Error));
            String Detail = Marshal.PtrToStringAnsi(Exports.spd_error_detail());
            return Detail == "" ? Text : Text + " (" + Detail + ")";
        }

        public void Log(UInt32 Type, String Text)
        {
            Console.Error.WriteLine(Text);
        }

        public Int32 SetDebugLogFile(String FileName)
        {
            return DebugLog.SetFile(FileName);
        }

        public Int32 DefinePartitionTable(Partition[] Partitions, Byte[] Buffer)
        {
            return Exports.spd_define_partition_table(Partitions, (UInt32)Partitions.Length,
                System.Guid.NewGuid().ToByteArray(), Buffer) == 0 ? 0 : Errors.InvalidParameter;
        }
    }

    internal sealed unsafe class SpdUnit : Unit
    {
        private const UInt32 WriteProtected = 1, Cache = 2, UnmapSupported = 4, EjectDisabled = 32;
        private const UInt32 Fua = 1;
        private const UInt32 SlowCallMilliseconds = 5000;

        private readonly SpdExports Exports;
        private readonly IServer Server;
        private readonly UInt32 BlockLength, MaxTransferLength;
        private readonly DebugLog Log;
        private IntPtr Inbox;
        private Task[] Threads = new Task[0];

        internal SpdUnit(SpdExports Exports, IServer Server, UnitParams Params)
        {
            this.Exports = Exports;
            this.Server = Server;
            BlockLength = Params.BlockLength;
            MaxTransferLength = Params.MaxTransferLength;
            Log = new DebugLog(Exports, Params.DebugLog);
        }

        internal Int32 Create(String Name, UnitParams From)
        {
            SpdParams Params = new SpdParams
            {
                Size = (UIntPtr)sizeof(SpdParams),
                BlockCount = From.BlockCount,
                BlockLength = From.BlockLength,
                MaxTransferLength = From.MaxTransferLength,
                Flags = (From.WriteProtected ? WriteProtected : 0) |
                    (From.CacheSupported ? Cache : 0) |
                    (From.UnmapSupported ? UnmapSupported : 0) |
                    (From.EjectDisabled ? EjectDisabled : 0),
                SlowCall = SlowCallMilliseconds,
            };
            SpdOps Ops = new SpdOps
            {
                Size = (IntPtr)sizeof(SpdOps),
                Submit = Exports.spd_inbox_submit,
            };
            CopyGuid(From.Guid, Params.Guid);
            Text.Copy(From.ProductId, Params.ProductId, 16);
            Text.Copy(From.ProductRevisionLevel, Params.ProductRevision, 4);
            Int32 Error = Exports.spd_inbox_create(out Inbox);
            if (Error != 0)
                return Error;
            SpdDevice Device = new SpdDevice { Ops = (IntPtr)(&Ops), Context = Inbox };
            Error = Exports.spd_unit_create(Name, ref Params, ref Device, out Handle);
            if (Error != 0)
                Exports.spd_inbox_delete(Inbox);
            return Error;
        }

        // RFC 4122's bytes are in network order.
        private static void CopyGuid(System.Guid Guid, Byte* To)
        {
            Byte[] From = Guid.ToByteArray();
            Byte[] Order = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
            for (Int32 I = 0; I < Order.Length; I++)
                To[I] = From[Order[I]];
        }

        protected override void Delete()
        {
            EndInbox();
            Exports.spd_unit_delete(Handle);
            Exports.spd_inbox_delete(Inbox);
        }

        internal override Int32 Start(UInt32 Count)
        {
            Threads = new Task[Count];
            for (UInt32 I = 0; I < Count; I++) // each is a thread of its own
                Threads[I] = Task.Factory.StartNew(Serve, CancellationToken.None,
                    TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return Exports.spd_unit_start(Handle, 0);
        }

        internal override void Shutdown()
        {
            Exports.spd_unit_shutdown(Handle);
        }

        internal override Int32 Wait()
        {
            Int32 Error = Exports.spd_unit_wait(Handle);
            EndInbox();
            return Error;
        }

        private void EndInbox()
        {
            Exports.spd_inbox_end(Inbox);
            Task.WaitAll(Threads);
        }

        internal override String DeviceName()
        {
            return Marshal.PtrToStringAnsi(Exports.spd_unit_door_uri(Handle, 0));
        }

        internal override Boolean ShutdownOnSignal()
        {
            return Exports.spd_unit_shutdown_on_signal(Handle) == 0;
        }

        private void Serve()
        {
            SpdRequest Request = new SpdRequest(this);
            for (;;)
            {
                IntPtr Native = Exports.spd_inbox_take(Inbox);
                if (Native == IntPtr.Zero)
                    return;
                StorageUnitStatus Status = new StorageUnitStatus();
                Request.Begin(Native);
                Log.Request(Request, Native);
                if (Server.Perform(Request, ref Status))
                    Complete(Request.Kind, Native, Status);
            }
        }

        private void Complete(Kind Kind, IntPtr Native, StorageUnitStatus Status)
        {
            SpdStatus Answer = new SpdStatus(Status);
            Log.Response(Kind, Native, Status);
            Exports.spd_request_complete(Native, ref Answer);
        }

        // Between an array and the pieces of the library's memory.
        private void Copy(IntPtr Native, Byte[] Array, Boolean Out)
        {
            UInt32 Count;
            SpdVec* Pieces = (SpdVec*)Exports.spd_request_data(Native, out Count);
            Int32 At = 0;
            for (UInt32 I = 0; I < Count; I++)
            {
                Int32 Length = (Int32)Pieces[I].Length;
                if (Out)
                    Marshal.Copy(Pieces[I].Base, Array, At, Length);
                else
                    Marshal.Copy(Array, At, Pieces[I].Base, Length);
                At += Length;
            }
        }

        private sealed class SpdRequest : Request
        {
            private readonly SpdUnit Unit;
            private readonly Byte[] Array;
            private IntPtr Native;

            internal SpdRequest(SpdUnit Unit)
            {
                this.Unit = Unit;
                Array = new Byte[Unit.MaxTransferLength];
            }

            internal void Begin(IntPtr Native)
            {
                SpdExports Exports = Unit.Exports;
                UInt32 Count;

                this.Native = Native;
                Deferred = null;
                Kind = (Kind)Exports.spd_request_operation(Native);
                BlockAddress = Exports.spd_request_lba(Native);
                BlockCount = Exports.spd_request_blocks(Native);
                Flush = (Exports.spd_request_flags(Native) & Fua) != 0;
                Length = Kind <= Kind.Write ? (Int32)(BlockCount * Unit.BlockLength) : 0;
                Descriptors = Kind != Kind.Unmap ? null
                    : Text.Ranges(Exports.spd_request_ranges(Native, out Count), Count);
            }

            internal override Byte[] Fetch()
            {
                if (Kind == Kind.Write)
                    Unit.Copy(Native, Array, true);
                return Array;
            }

            internal override void Store(Byte[] Buffer)
            {
                Unit.Copy(Native, Buffer, false);
            }

            internal override IntPtr Memory()
            {
                UInt32 Count;
                SpdVec* Pieces = (SpdVec*)Unit.Exports.spd_request_data(Native, out Count);
                return Count == 1 ? Pieces[0].Base : IntPtr.Zero;
            }

            internal override Answer Detach()
            {
                return new SpdAnswer(Unit, Kind, Native);
            }
        }

        // The library waits for every answer, so the request is there until then.
        private sealed class SpdAnswer : Answer
        {
            private readonly SpdUnit Unit;
            private readonly Kind Kind;
            private readonly IntPtr Native;

            internal SpdAnswer(SpdUnit Unit, Kind Kind, IntPtr Native)
            {
                this.Unit = Unit;
                this.Kind = Kind;
                this.Native = Native;
            }

            internal override void Send(StorageUnitStatus Status, Byte[] Data)
            {
                if (!Unit.Enter())
                    return;
                try
                {
                    if (Data != null && Status.CarriesData)
                        Unit.Copy(Native, Data, false);
                    Unit.Complete(Kind, Native, Status);
                }
                finally
                {
                    Unit.Leave();
                }
            }
        }
    }
}
