// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The token of an operation that is answered after its call has returned.

using System;
using System.Threading;

using Spd.Interop;

namespace Spd
{
    /// <summary>
    /// An operation that is answered later, from any thread: what <see cref="Defer"/> returns. Each
    /// must be completed once. A lost one completes with an error when it is collected.
    /// </summary>
    public sealed class StorageUnitOperation
    {
        [ThreadStatic] internal static Request Current;

        private readonly Answer Answer;
        private readonly Boolean IsRead;
        private Int32 Completed;

        private StorageUnitOperation(Request Request)
        {
            BlockAddress = Request.BlockAddress;
            BlockCount = Request.BlockCount;
            Flush = Request.Flush;
            Descriptors = Request.Descriptors;
            IsRead = Request.Kind == Kind.Read;
            if (Request.Length > 0)
                Buffer = new Byte[Request.Length];
            if (Request.Kind == Kind.Write)
                System.Buffer.BlockCopy(Request.Fetch(), 0, Buffer, 0, Buffer.Length);
            Answer = Request.Detach();
            Request.Deferred = this;
        }

        /// <summary>
        /// Within Read, Write, Flush or Unmap: the operation is not over when the call returns. The
        /// status that the call leaves does not count any more.
        /// </summary>
        /// <returns>The token that completes it.</returns>
        /// <exception cref="InvalidOperationException">This thread is within no operation, or it
        /// has deferred this one before.</exception>
        public static StorageUnitOperation Defer()
        {
            if (Current == null || Current.Deferred != null)
                throw new InvalidOperationException(
                    "Defer() is called within an operation of a storage unit, once");
            return new StorageUnitOperation(Current);
        }

        /// <summary>The first block.</summary>
        public UInt64 BlockAddress { get; private set; }

        /// <summary>How many blocks.</summary>
        public UInt32 BlockCount { get; private set; }

        /// <summary>The medium itself is meant, not a cache (FUA).</summary>
        public Boolean Flush { get; private set; }

        /// <summary>
        /// The operation's own memory, as long as its blocks: to be filled by a read, with the data
        /// of a write. Null for all else.
        /// </summary>
        public Byte[] Buffer { get; private set; }

        /// <summary>The ranges of an unmap; null for all else.</summary>
        public UnmapDescriptor[] Descriptors { get; private set; }

        /// <summary>Ends the operation well.</summary>
        /// <returns>False: it was completed before.</returns>
        public Boolean Complete()
        {
            return Complete(new StorageUnitStatus());
        }

        /// <summary>Ends the operation.</summary>
        /// <param name="Status">The outcome.</param>
        /// <returns>False: it was completed before.</returns>
        public Boolean Complete(StorageUnitStatus Status)
        {
            if (Interlocked.Exchange(ref Completed, 1) != 0)
                return false;
            GC.SuppressFinalize(this);
            Answer.Send(Status, IsRead ? Buffer : null);
            return true;
        }

        /// <summary>The program has lost it: its initiator must not wait for ever.</summary>
        ~StorageUnitOperation()
        {
            if (Answer == null)
                return;
            StorageUnitStatus Status = new StorageUnitStatus();
            Status.SetSense(StorageUnitBase.SCSI_SENSE_HARDWARE_ERROR,
                StorageUnitBase.SCSI_ADSENSE_INTERNAL_TARGET_FAILURE);
            Complete(Status);
        }
    }
}
