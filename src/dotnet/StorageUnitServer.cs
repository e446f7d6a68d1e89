// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Makes a call of the program's storage unit from a request of the native library.

using System;
using System.Collections.Generic;

using Spd.Interop;

namespace Spd
{
    internal sealed partial class StorageUnitServer : IServer
    {
        private delegate void Call(Request Request, ref StorageUnitStatus Status);

        // The status after an exception.
        private static readonly Byte[] ExceptionASC = {
            0,
            StorageUnitBase.SCSI_ADSENSE_UNRECOVERED_ERROR,
            StorageUnitBase.SCSI_ADSENSE_WRITE_ERROR,
            StorageUnitBase.SCSI_ADSENSE_WRITE_ERROR,
            StorageUnitBase.SCSI_ADSENSE_WRITE_ERROR,
        };
        private static readonly List<String> Reported = new List<String>();

        private readonly StorageUnitBase Unit;
        private readonly Call[] Calls; // by Kind

        internal StorageUnitServer(StorageUnitBase Unit)
        {
            this.Unit = Unit;
            Calls = new Call[(Int32)Kind.Count];
            Calls[(Int32)Kind.Read] = Read;
            Calls[(Int32)Kind.Write] = Write;
            Calls[(Int32)Kind.Flush] = Flush;
            Calls[(Int32)Kind.Unmap] = Unmap;
            UseSpans();
        }

        partial void UseSpans();

        // Whether this thread is within an operation, of any unit.
        internal static Boolean IsInside
        {
            get { return StorageUnitOperation.Current != null; }
        }

        public Boolean Perform(Request Request, ref StorageUnitStatus Status)
        {
            StorageUnitOperation.Current = Request;
            try
            {
                Calls[(Int32)Request.Kind](Request, ref Status);
            }
            catch (Exception Error)
            {
                Report(Error);
                Status.SetSense(StorageUnitBase.SCSI_SENSE_MEDIUM_ERROR,
                    ExceptionASC[(Int32)Request.Kind]);
                if (Request.Deferred != null)
                    Request.Deferred.Complete(Status);
            }
            finally
            {
                StorageUnitOperation.Current = null;
            }
            // The thread keeps its request, which must not keep a token that the program has lost.
            Boolean Done = Request.Deferred == null;
            Request.Deferred = null;
            return Done;
        }

        private void Read(Request Request, ref StorageUnitStatus Status)
        {
            Byte[] Buffer = Request.Fetch();
            Unit.Read(Buffer, Request.BlockAddress, Request.BlockCount, Request.Flush, ref Status);
            if (Request.Deferred == null && Status.CarriesData)
                Request.Store(Buffer);
        }

        private void Write(Request Request, ref StorageUnitStatus Status)
        {
            Unit.Write(Request.Fetch(), Request.BlockAddress, Request.BlockCount, Request.Flush,
                ref Status);
        }

        private void Flush(Request Request, ref StorageUnitStatus Status)
        {
            Unit.Flush(Request.BlockAddress, Request.BlockCount, ref Status);
        }

        private void Unmap(Request Request, ref StorageUnitStatus Status)
        {
            Unit.Unmap(Request.Descriptors, ref Status);
        }

        // The initiator learns no more than MEDIUM ERROR, so the first exception of each kind goes
        // to the log, with the place where it was thrown. A failing disk would flood it with all.
        internal static void Report(Exception Error)
        {
            if (Error is AggregateException)
                Error = Error.InnerException;
            if (Error == null)
                return;
            lock (Reported)
            {
                if (Reported.Contains(Error.GetType().FullName))
                    return;
                Reported.Add(Error.GetType().FullName);
            }
            Platform.Here.Log(StorageUnitHost.EVENTLOG_ERROR_TYPE,
                "the storage unit threw an exception (further " + Error.GetType().Name +
                "s are not logged): " + Error);
        }
    }
}
