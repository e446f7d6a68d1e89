// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The class from which a program derives its disk. StorageUnitBase.Span.cs adds overloads that need
// Span, to the assembly for runtimes that have it.

using System;

using Spd.Interop;

namespace Spd
{
    /// <summary>
    /// A storage unit: override what the disk can do. Operations are called in parallel, on several
    /// threads, in no particular order; the status is GOOD on entry. An exception becomes a MEDIUM
    /// ERROR. Every operation may call <see cref="StorageUnitOperation.Defer"/> and return: it is
    /// answered later then.
    /// </summary>
    public partial class StorageUnitBase
    {
        /// <summary>
        /// Before the unit is created: the place to set the properties of the host.
        /// </summary>
        /// <param name="Host">The StorageUnitHost.</param>
        public virtual void Init(Object Host)
        {
        }

        /// <summary>The unit was created; operations are called from now on.</summary>
        /// <param name="Host">The StorageUnitHost.</param>
        public virtual void Started(Object Host)
        {
        }

        /// <summary>No more operations are called.</summary>
        /// <param name="Host">The StorageUnitHost.</param>
        public virtual void Stopped(Object Host)
        {
        }

        /// <summary>Reads blocks.</summary>
        /// <param name="Buffer">To be filled from its beginning; may be longer than the blocks. It
        /// is the thread's, and valid until the operation returns.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks.</param>
        /// <param name="Flush">From the medium itself, not a cache (FUA).</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Read(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
        }

        /// <summary>Writes blocks.</summary>
        /// <param name="Buffer">Begins with the data; may be longer than the blocks. It is the
        /// thread's, and valid until the operation returns.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks.</param>
        /// <param name="Flush">To the medium itself, not a cache (FUA).</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Write(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
        }

        /// <summary>Makes blocks durable.</summary>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks; 0: to the end of the unit.</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Flush(UInt64 BlockAddress, UInt32 BlockCount,
            ref StorageUnitStatus Status)
        {
        }

        /// <summary>The contents of these blocks are no longer needed.</summary>
        /// <param name="Descriptors">Ranges of blocks.</param>
        /// <param name="Status">The outcome.</param>
        public virtual void Unmap(UnmapDescriptor[] Descriptors, ref StorageUnitStatus Status)
        {
        }
    }
}
