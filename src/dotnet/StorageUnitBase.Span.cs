// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Overloads that see the library's own memory instead of a copy. They are only in the assembly for
// runtimes that have Span, .NET Core and its successors.

using System;

using Spd.Interop;

namespace Spd
{
    partial class StorageUnitBase
    {
        /// <summary>Reads blocks. A unit that overrides this gets no reads by the overload with an
        /// array.</summary>
        /// <param name="Buffer">To be filled, as long as the blocks; valid until the operation
        /// returns.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="Flush">From the medium itself, not a cache (FUA).</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Read(Span<Byte> Buffer, UInt64 BlockAddress, Boolean Flush,
            ref StorageUnitStatus Status)
        {
        }

        /// <summary>Writes blocks. A unit that overrides this gets no writes by the overload with
        /// an array.</summary>
        /// <param name="Buffer">The data, as long as the blocks; valid until the operation
        /// returns.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="Flush">To the medium itself, not a cache (FUA).</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Write(ReadOnlySpan<Byte> Buffer, UInt64 BlockAddress, Boolean Flush,
            ref StorageUnitStatus Status)
        {
        }
    }

    partial class StorageUnitServer
    {
        partial void UseSpans()
        {
            if (Overrides("Read", typeof(Span<Byte>)))
                Calls[(Int32)Kind.Read] = ReadSpan;
            if (Overrides("Write", typeof(ReadOnlySpan<Byte>)))
                Calls[(Int32)Kind.Write] = WriteSpan;
        }

        private Boolean Overrides(String Name, Type Buffer)
        {
            return Unit.GetType().GetMethod(Name, new Type[] { Buffer, typeof(UInt64),
                typeof(Boolean), typeof(StorageUnitStatus).MakeByRefType() }).DeclaringType !=
                typeof(StorageUnitBase);
        }

        private unsafe void ReadSpan(Request Request, ref StorageUnitStatus Status)
        {
            IntPtr Memory = Request.Memory();
            if (Memory != IntPtr.Zero)
            {
                Unit.Read(new Span<Byte>((void*)Memory, Request.Length), Request.BlockAddress,
                    Request.Flush, ref Status);
                return;
            }
            Byte[] Buffer = Request.Fetch();
            Unit.Read(new Span<Byte>(Buffer, 0, Request.Length), Request.BlockAddress,
                Request.Flush, ref Status);
            if (Request.Deferred == null && Status.CarriesData)
                Request.Store(Buffer);
        }

        private unsafe void WriteSpan(Request Request, ref StorageUnitStatus Status)
        {
            IntPtr Memory = Request.Memory();
            ReadOnlySpan<Byte> Data = Memory != IntPtr.Zero
                ? new ReadOnlySpan<Byte>((void*)Memory, Request.Length)
                : new ReadOnlySpan<Byte>(Request.Fetch(), 0, Request.Length);
            Unit.Write(Data, Request.BlockAddress, Request.Flush, ref Status);
        }
    }
}
