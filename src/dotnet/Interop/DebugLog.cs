// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The debug log where the native library has none: the lines are those of winspd-x64.dll.

using System;
using System.Diagnostics;
using System.IO;

namespace Spd.Interop
{
    internal sealed class DebugLog
    {
        private static readonly Object Lock = new Object();
        private static TextWriter Out = TextWriter.Null;
        private static readonly String Program = ProgramName();

        private static readonly String[] KindNames = { null, "Read ", "Write", "Flush", "Unmap" };
        private static readonly String[] SenseKeyNames = {
            "NO_SENSE", "RECOVERED_ERROR", "NOT_READY", "MEDIUM_ERROR", "HARDWARE_ERROR",
            "ILLEGAL_REQUEST", "UNIT_ATTENTION", "DATA_PROTECT", "BLANK_CHECK", "VENDOR_SPECIFIC",
            "COPY_ABORTED", "ABORTED_COMMAND", "UNKNOWN", "VOL_OVERFLOW", "MISCOMPARE",
            "COMPLETED" };

        private readonly UInt32 Mask;

        internal DebugLog(UInt32 Mask)
        {
            this.Mask = Mask;
        }

        // "-" is standard error. 0 or a Win32 error.
        internal static Int32 SetFile(String FileName)
        {
            try
            {
                TextWriter Opened = FileName == "-" ? Console.Error : new StreamWriter(
                    new FileStream(FileName, FileMode.Append, FileAccess.Write,
                        FileShare.ReadWrite)) { AutoFlush = true };
                lock (Lock)
                    Out = Opened;
                return 0;
            }
            catch (Exception Error)
            {
                return Errors.Win32(Error);
            }
        }

        private static String ProgramName()
        {
            String Name = Path.GetFileNameWithoutExtension(Environment.GetCommandLineArgs()[0]);
            return Name.Length > 19 ? Name.Substring(0, 19) : Name;
        }

        internal void Request(Request Request, IntPtr Hint)
        {
            if (!Wants(Request.Kind))
                return;
            String Range = "BlockAddress=" + Halves(Request.BlockAddress) + ", BlockCount=" +
                Request.BlockCount;
            String Text = Request.Kind == Kind.Unmap ? "Count=" + Request.Descriptors.Length
                : Request.Kind == Kind.Flush ? Range : Range + ", FUA=" + (Request.Flush ? 1 : 0);
            Line(Hint, ">>" + KindNames[(Int32)Request.Kind] + " " + Text);
        }

        internal void Response(Kind Kind, IntPtr Hint, StorageUnitStatus Status)
        {
            if (!Wants(Kind))
                return;
            String Text = "Status=" + StatusName(Status.ScsiStatus);
            if (Status.ScsiStatus != 0)
                Text += " SenseKey=" + SenseKeyNames[Status.SenseKey & 0xf] + " ASC/ASCQ=" +
                    Status.ASC + "/" + Status.ASCQ;
            if (Status.Clean().Flags != 0)
                Text += " Information=" + Halves(Status.Information);
            Line(Hint, "<<" + KindNames[(Int32)Kind] + " " + Text);
        }

        private Boolean Wants(Kind Kind)
        {
            return (Mask >> (Int32)Kind & 1) != 0;
        }

        private static void Line(IntPtr Hint, String Text)
        {
            lock (Lock)
                Out.WriteLine("{0}[TID={1:x4}]: {2:x16}: {3}", Program,
                    Environment.CurrentManagedThreadId, Hint.ToInt64(), Text);
        }

        private static String Halves(UInt64 Value)
        {
            return String.Format("{0:x}:{1:x}", Value >> 32, Value & 0xffffffff);
        }

        // SAM-5 5.3.1
        private static String StatusName(Byte Status)
        {
            switch (Status)
            {
            case 0x00: return "GOOD";
            case 0x02: return "CHECK_CONDITION";
            case 0x04: return "CONDITION_MET";
            case 0x08: return "BUSY";
            case 0x18: return "RESERVATION_CONFLICT";
            case 0x28: return "TASK_SET_FULL";
            case 0x30: return "ACA_ACTIVE";
            case 0x40: return "TASK_ABORTED";
            default: return "UNKNOWN";
            }
        }
    }
}
