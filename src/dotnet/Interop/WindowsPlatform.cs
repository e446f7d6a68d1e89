// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Units of winspd-x64.dll and winspd-x86.dll, by winspd/winspd.h. The DLL's dispatcher threads call
// the program; SpdStorageUnitSendResponse answers deferred operations.

using System;
using System.ComponentModel;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Spd.Interop
{
    // The exports, by name. Every one is cdecl.
    internal sealed class WinspdExports
    {
        private const CallingConvention C = CallingConvention.Cdecl;

        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 CreateFunction([MarshalAs(UnmanagedType.LPWStr)] String Name,
            ref WinspdParams Params, IntPtr Interface, out IntPtr Unit);
        [UnmanagedFunctionPointer(C)]
        internal delegate void UnitFunction(IntPtr Unit);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 StartFunction(IntPtr Unit, UInt32 Threads);
        [UnmanagedFunctionPointer(C)]
        internal delegate void AllocatorFunction(IntPtr Unit, IntPtr Alloc, IntPtr Free);
        [UnmanagedFunctionPointer(C)]
        internal delegate void GetErrorFunction(IntPtr Unit, out Int32 Error);
        [UnmanagedFunctionPointer(C)]
        internal delegate void SetUInt32Function(IntPtr Unit, UInt32 Value);
        [UnmanagedFunctionPointer(C)]
        internal delegate void SendFunction(IntPtr Unit, ref WinspdResponse Response, IntPtr Data);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr ContextFunction();
        [UnmanagedFunctionPointer(C, CharSet = CharSet.Unicode)]
        internal delegate Int32 NameFunction(IntPtr Unit, [Out] Char[] Name, UInt32 Size);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 PartitionFunction(
            [In] Partition[] Partitions, UInt32 Count, [Out] Byte[] Buffer);
        [UnmanagedFunctionPointer(C)]
        internal delegate void LogFunction(UInt32 Type,
            [MarshalAs(UnmanagedType.LPWStr)] String Format,
            [MarshalAs(UnmanagedType.LPWStr)] String Text);
        [UnmanagedFunctionPointer(C)]
        internal delegate void HandleFunction(IntPtr Handle);
        [UnmanagedFunctionPointer(C)]
        internal delegate Int32 VersionFunction(out UInt32 Version);
        [UnmanagedFunctionPointer(C)]
        internal delegate IntPtr TextFunction();

        internal CreateFunction SpdStorageUnitCreate = null;
        internal UnitFunction SpdStorageUnitDelete = null;
        internal UnitFunction SpdStorageUnitShutdown = null;
        internal StartFunction SpdStorageUnitStartDispatcher = null;
        internal UnitFunction SpdStorageUnitWaitDispatcher = null;
        internal SendFunction SpdStorageUnitSendResponse = null;
        internal ContextFunction SpdStorageUnitGetOperationContext = null;
        internal AllocatorFunction SpdStorageUnitSetBufferAllocatorF = null;
        internal GetErrorFunction SpdStorageUnitGetDispatcherErrorF = null;
        internal SetUInt32Function SpdStorageUnitSetDebugLogF = null;
        internal PartitionFunction SpdDefinePartitionTable = null;
        internal LogFunction SpdServiceLog = null;
        internal HandleFunction SpdDebugLogSetHandle = null;
        internal VersionFunction SpdVersion = null;
        [Optional] internal NameFunction SpdStorageUnitGetDeviceName = null;
        [Optional] internal TextFunction spd_error_detail = null;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal unsafe struct WinspdParams
    {
        internal System.Guid Guid;
        internal UInt64 BlockCount;
        internal UInt32 BlockLength;
        internal fixed Byte ProductId[16];
        internal fixed Byte ProductRevisionLevel[4];
        internal Byte DeviceType;
        internal UInt32 Flags;
        internal UInt32 MaxTransferLength;
        internal fixed UInt64 Reserved[8];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct WinspdResponse
    {
        internal UInt64 Hint;
        internal Byte Kind;
        internal StorageUnitStatus Status;
    }

    // The table of calls that a unit gets.
    [StructLayout(LayoutKind.Sequential)]
    internal sealed class WinspdInterface
    {
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate Byte TransferFunction(IntPtr Unit, IntPtr Buffer, UInt64 BlockAddress,
            UInt32 BlockCount, Byte Flush, ref StorageUnitStatus Status);
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate Byte FlushFunction(
            IntPtr Unit, UInt64 BlockAddress, UInt32 BlockCount, ref StorageUnitStatus Status);
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate Byte UnmapFunction(
            IntPtr Unit, IntPtr Descriptors, UInt32 Count, ref StorageUnitStatus Status);

        internal TransferFunction Read, Write;
        internal FlushFunction Flush;
        internal UnmapFunction Unmap;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 12)]
        internal IntPtr[] Reserved = new IntPtr[12];
    }

    internal sealed class WindowsPlatform : IPlatform
    {
        private readonly WinspdExports Exports;
        private FileStream DebugLog;

        [DllImport("kernel32.dll")]
        private static extern IntPtr GetStdHandle(Int32 Which);

        internal WindowsPlatform(String Path)
        {
            Exports = new WindowsLoader().Load<WinspdExports>(Path);
            Version Found = Version(), Mine = FileVersion();
            if (Found.Major != Mine.Major || Found.Minor < Mine.Minor)
                throw new TypeLoadException("winspd-msil.dll " + Mine + " needs a WinSpd DLL " +
                    Mine.Major + "." + Mine.Minor + " or later of the same major version; found " +
                    Found);
        }

        private static Version FileVersion()
        {
            Object[] Found = typeof(Platform).Assembly.GetCustomAttributes(
                typeof(AssemblyFileVersionAttribute), false);
            return new Version(((AssemblyFileVersionAttribute)Found[0]).Version);
        }

        public Int32 Create(String Name, UnitParams Params, IServer Server, out Unit Unit)
        {
            WinspdUnit Made = new WinspdUnit(Exports, Server, Params);
            Int32 Error = Made.Create(Name, Params);
            Unit = Error == 0 ? Made : null;
            return Error;
        }

        public Version Version()
        {
            UInt32 Version;
            Exports.SpdVersion(out Version);
            return new Version((Int32)(Version >> 16), (Int32)(Version & 0xffff));
        }

        public String ErrorText(Int32 Error)
        {
            String Text = new Win32Exception(Error).Message;
            String Detail = Exports.spd_error_detail == null ? ""
                : Marshal.PtrToStringAnsi(Exports.spd_error_detail());
            return Detail == "" ? Text : Text + " (" + Detail + ")";
        }

        public void Log(UInt32 Type, String Text)
        {
            Exports.SpdServiceLog(Type, "%s", Text);
        }

        public Int32 SetDebugLogFile(String FileName)
        {
            try
            {
                FileStream Log = null;
                IntPtr Handle;
                if (FileName == "-")
                    Handle = GetStdHandle(-12);
                else
                {
                    Log = new FileStream(FileName, FileMode.Append, FileAccess.Write,
                        FileShare.ReadWrite, 1);
                    Handle = Log.SafeFileHandle.DangerousGetHandle();
                }
                Exports.SpdDebugLogSetHandle(Handle);
                // The former file stays open: a line may be on its way there.
                DebugLog = Log;
                GC.KeepAlive(DebugLog);
                return 0;
            }
            catch (Exception Error)
            {
                return Errors.Win32(Error);
            }
        }

        public Int32 DefinePartitionTable(Partition[] Partitions, Byte[] Buffer)
        {
            return Exports.SpdDefinePartitionTable(Partitions, (UInt32)Partitions.Length, Buffer);
        }
    }

    internal sealed unsafe class WinspdUnit : Unit
    {
        private const Int32 HintOffset = 0, KindOffset = 8;

        private readonly WinspdExports Exports;
        private readonly IServer Server;
        private readonly UInt32 BlockLength, MaxTransferLength;
        // The DLL calls and keeps these. They live as long as this object, which the host holds.
        private readonly WinspdInterface Calls;
        private readonly AllocFunction Alloc;
        private readonly FreeFunction Free;
        private IntPtr Interface;

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        private delegate IntPtr AllocFunction(IntPtr Size);
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        private delegate void FreeFunction(IntPtr Memory);

        // The thread's buffer is a pinned array, so data need not be copied on the way.
        [ThreadStatic] private static Byte[] Array;
        [ThreadStatic] private static GCHandle Pinned;
        [ThreadStatic] private static IntPtr PinnedAt;
        [ThreadStatic] private static WinspdRequest Mine;

        internal WinspdUnit(WinspdExports Exports, IServer Server, UnitParams Params)
        {
            this.Exports = Exports;
            this.Server = Server;
            BlockLength = Params.BlockLength;
            MaxTransferLength = Params.MaxTransferLength;
            Calls = new WinspdInterface {
                Read = Read, Write = Write, Flush = Flush, Unmap = Unmap };
            Alloc = Allocate;
            Free = Release;
        }

        internal Int32 Create(String Name, UnitParams From)
        {
            WinspdParams Params = new WinspdParams
            {
                Guid = From.Guid,
                BlockCount = From.BlockCount,
                BlockLength = From.BlockLength,
                Flags = (From.WriteProtected ? 1u : 0) | (From.CacheSupported ? 2u : 0) |
                    (From.UnmapSupported ? 4u : 0) | (From.EjectDisabled ? 8u : 0),
                MaxTransferLength = From.MaxTransferLength,
            };
            Text.Copy(From.ProductId, Params.ProductId, 16);
            Text.Copy(From.ProductRevisionLevel, Params.ProductRevisionLevel, 4);
            Interface = Marshal.AllocHGlobal(Marshal.SizeOf(Calls));
            Marshal.StructureToPtr(Calls, Interface, false);
            Int32 Error = Exports.SpdStorageUnitCreate(Name, ref Params, Interface, out Handle);
            if (Error != 0)
            {
                Marshal.FreeHGlobal(Interface);
                return Error;
            }
            Exports.SpdStorageUnitSetBufferAllocatorF(Handle,
                Marshal.GetFunctionPointerForDelegate(Alloc),
                Marshal.GetFunctionPointerForDelegate(Free));
            Exports.SpdStorageUnitSetDebugLogF(Handle, From.DebugLog);
            return 0;
        }

        protected override void Delete()
        {
            Exports.SpdStorageUnitDelete(Handle);
            Marshal.FreeHGlobal(Interface);
        }

        internal override Int32 Start(UInt32 Threads)
        {
            return Exports.SpdStorageUnitStartDispatcher(Handle, Threads);
        }

        internal override void Shutdown()
        {
            Exports.SpdStorageUnitShutdown(Handle);
        }

        internal override Int32 Wait()
        {
            Int32 Error;
            Exports.SpdStorageUnitWaitDispatcher(Handle);
            Exports.SpdStorageUnitGetDispatcherErrorF(Handle, out Error);
            return Error;
        }

        internal override String DeviceName()
        {
            Char[] Name = new Char[1024];
            if (Exports.SpdStorageUnitGetDeviceName == null ||
                Exports.SpdStorageUnitGetDeviceName(Handle, Name, 2 * 1024) != 0)
                return null;
            return new String(Name, 0, System.Array.IndexOf(Name, '\0'));
        }

        internal override Boolean ShutdownOnSignal()
        {
            return false;
        }

        private static IntPtr Allocate(IntPtr Size)
        {
            if (Array != null)
                return Marshal.AllocHGlobal(Size); // a second one of this thread
            try
            {
                Array = new Byte[(Int32)Size];
            }
            catch (OutOfMemoryException)
            {
                return IntPtr.Zero;
            }
            Pinned = GCHandle.Alloc(Array, GCHandleType.Pinned);
            return PinnedAt = Pinned.AddrOfPinnedObject();
        }

        private static void Release(IntPtr Memory)
        {
            if (Memory == IntPtr.Zero)
                return;
            if (Memory != PinnedAt)
            {
                Marshal.FreeHGlobal(Memory);
                return;
            }
            Pinned.Free();
            Array = null;
            PinnedAt = IntPtr.Zero;
        }

        private Byte Perform(Kind Kind, IntPtr Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
            WinspdRequest Request = Mine ?? (Mine = new WinspdRequest());
            Request.Begin(this, Kind, Buffer);
            Request.BlockAddress = BlockAddress;
            Request.BlockCount = BlockCount;
            Request.Flush = Flush;
            Request.Length = Kind <= Kind.Write ? (Int32)(BlockCount * BlockLength) : 0;
            Request.Descriptors = Kind == Kind.Unmap ? Text.Ranges(Buffer, BlockCount) : null;
            StorageUnitStatus Answer = new StorageUnitStatus();
            Boolean Done = Server.Perform(Request, ref Answer);
            if (Done)
                Status = Answer.Clean();
            return (Byte)(Done ? 1 : 0);
        }

        private Byte Read(IntPtr Unit, IntPtr Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Byte Flush, ref StorageUnitStatus Status)
        {
            return Perform(Kind.Read, Buffer, BlockAddress, BlockCount, Flush != 0, ref Status);
        }

        private Byte Write(IntPtr Unit, IntPtr Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Byte Flush, ref StorageUnitStatus Status)
        {
            return Perform(Kind.Write, Buffer, BlockAddress, BlockCount, Flush != 0, ref Status);
        }

        private Byte Flush(
            IntPtr Unit, UInt64 BlockAddress, UInt32 BlockCount, ref StorageUnitStatus Status)
        {
            return Perform(Kind.Flush, IntPtr.Zero, BlockAddress, BlockCount, false, ref Status);
        }

        private Byte Unmap(
            IntPtr Unit, IntPtr Descriptors, UInt32 Count, ref StorageUnitStatus Status)
        {
            return Perform(Kind.Unmap, Descriptors, 0, Count, false, ref Status);
        }

        private sealed class WinspdRequest : Request
        {
            private WinspdUnit Unit;
            private IntPtr Buffer;
            private Byte[] Copy; // where the DLL's buffer is not the pinned array

            internal void Begin(WinspdUnit Unit, Kind Kind, IntPtr Buffer)
            {
                this.Unit = Unit;
                this.Kind = Kind;
                this.Buffer = Buffer;
                Deferred = null;
            }

            internal override Byte[] Fetch()
            {
                if (Buffer == PinnedAt)
                    return Array;
                if (Copy == null || Copy.Length < Unit.MaxTransferLength)
                    Copy = new Byte[Unit.MaxTransferLength];
                if (Kind == Kind.Write)
                    Marshal.Copy(Buffer, Copy, 0, Length);
                return Copy;
            }

            internal override void Store(Byte[] Data)
            {
                if (Data != Array)
                    Marshal.Copy(Data, 0, Buffer, Length);
            }

            internal override IntPtr Memory()
            {
                return Buffer;
            }

            // The operation context: pointers to request, response and data.
            internal override Answer Detach()
            {
                IntPtr Native = Marshal.ReadIntPtr(
                    Unit.Exports.SpdStorageUnitGetOperationContext());
                return new WinspdAnswer(Unit, (UInt64)Marshal.ReadInt64(Native, HintOffset),
                    Marshal.ReadByte(Native, KindOffset));
            }
        }

        private sealed class WinspdAnswer : Answer
        {
            private readonly WinspdUnit Unit;
            private readonly UInt64 Hint;
            private readonly Byte Kind;

            internal WinspdAnswer(WinspdUnit Unit, UInt64 Hint, Byte Kind)
            {
                this.Unit = Unit;
                this.Hint = Hint;
                this.Kind = Kind;
            }

            // A hint that has become unknown finds nothing.
            internal override void Send(StorageUnitStatus Status, Byte[] Data)
            {
                WinspdResponse Response = new WinspdResponse
                {
                    Hint = Hint,
                    Kind = Kind,
                    Status = Status.Clean(),
                };
                if (!Unit.Enter())
                    return;
                try
                {
                    fixed (Byte* At = Data)
                        Unit.Exports.SpdStorageUnitSendResponse(
                            Unit.Handle, ref Response, (IntPtr)At);
                }
                finally
                {
                    Unit.Leave();
                }
            }
        }
    }
}
