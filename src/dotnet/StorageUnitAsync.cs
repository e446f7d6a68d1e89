// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// A disk whose operations are async methods.

using System;
using System.Threading.Tasks;

using Spd.Interop;

namespace Spd
{
    /// <summary>
    /// A storage unit whose operations are asynchronous: each returns a task, and the operation
    /// ends with it. No thread waits meanwhile, so any number may run at once. The result is
    /// the status; an exception becomes a MEDIUM ERROR.
    /// </summary>
    public class StorageUnitAsync : StorageUnitBase
    {
        private static readonly Task<StorageUnitStatus> Good =
            Task.FromResult(new StorageUnitStatus());

        /// <summary>Reads blocks.</summary>
        /// <param name="Buffer">To be filled, as long as the blocks; the operation's own.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks.</param>
        /// <param name="Flush">From the medium itself, not a cache (FUA).</param>
        /// <returns>The outcome, later.</returns>
        public virtual Task<StorageUnitStatus> ReadAsync(Byte[] Buffer, UInt64 BlockAddress,
            UInt32 BlockCount, Boolean Flush)
        {
            return Good;
        }

        /// <summary>Writes blocks.</summary>
        /// <param name="Buffer">The data, as long as the blocks; the operation's own.</param>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks.</param>
        /// <param name="Flush">To the medium itself, not a cache (FUA).</param>
        /// <returns>The outcome, later.</returns>
        public virtual Task<StorageUnitStatus> WriteAsync(Byte[] Buffer, UInt64 BlockAddress,
            UInt32 BlockCount, Boolean Flush)
        {
            return Good;
        }

        /// <summary>Makes blocks durable.</summary>
        /// <param name="BlockAddress">The first block.</param>
        /// <param name="BlockCount">How many blocks; 0: to the end of the unit.</param>
        /// <returns>The outcome, later.</returns>
        public virtual Task<StorageUnitStatus> FlushAsync(UInt64 BlockAddress, UInt32 BlockCount)
        {
            return Good;
        }

        /// <summary>The contents of these blocks are no longer needed.</summary>
        /// <param name="Descriptors">Ranges of blocks.</param>
        /// <returns>The outcome, later.</returns>
        public virtual Task<StorageUnitStatus> UnmapAsync(UnmapDescriptor[] Descriptors)
        {
            return Good;
        }

        /// <summary>Calls ReadAsync.</summary>
        public sealed override void Read(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
            StorageUnitOperation Operation = StorageUnitOperation.Defer();
            Finish(Operation, SCSI_ADSENSE_UNRECOVERED_ERROR,
                ReadAsync(Operation.Buffer, BlockAddress, BlockCount, Flush));
        }

        /// <summary>Calls WriteAsync.</summary>
        public sealed override void Write(Byte[] Buffer, UInt64 BlockAddress, UInt32 BlockCount,
            Boolean Flush, ref StorageUnitStatus Status)
        {
            StorageUnitOperation Operation = StorageUnitOperation.Defer();
            Finish(Operation, SCSI_ADSENSE_WRITE_ERROR,
                WriteAsync(Operation.Buffer, BlockAddress, BlockCount, Flush));
        }

        /// <summary>Calls FlushAsync.</summary>
        public sealed override void Flush(UInt64 BlockAddress, UInt32 BlockCount,
            ref StorageUnitStatus Status)
        {
            StorageUnitOperation Operation = StorageUnitOperation.Defer();
            Finish(Operation, SCSI_ADSENSE_WRITE_ERROR, FlushAsync(BlockAddress, BlockCount));
        }

        /// <summary>Calls UnmapAsync.</summary>
        public sealed override void Unmap(UnmapDescriptor[] Descriptors,
            ref StorageUnitStatus Status)
        {
            StorageUnitOperation Operation = StorageUnitOperation.Defer();
            Finish(Operation, SCSI_ADSENSE_WRITE_ERROR, UnmapAsync(Descriptors));
        }

        private static void Finish(
            StorageUnitOperation Operation, Byte ASC, Task<StorageUnitStatus> Task)
        {
            Task.ContinueWith(Done =>
            {
                StorageUnitStatus Status = new StorageUnitStatus();
                if (Done.Status == TaskStatus.RanToCompletion)
                    Status = Done.Result;
                else
                {
                    StorageUnitServer.Report(Done.Exception);
                    Status.SetSense(SCSI_SENSE_MEDIUM_ERROR, ASC);
                }
                Operation.Complete(Status);
            }, TaskContinuationOptions.ExecuteSynchronously);
        }
    }
}
