// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// The debug log for a native library without one: it writes the same lines as winspd-x64.dll.

using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;

namespace Spd.Interop
{
    internal sealed class DebugLog
    {
        private static readonly Object Lock = new Object();
        private static TextWriter Out = TextWriter.Null;
        private static readonly String Program = ProgramName();

        private static readonly String[] KindNames = { null, "Read ", "Write", "Flush", "Unmap" };

        private readonly SpdExports Exports;
        private readonly UInt32 Mask;

        internal DebugLog(SpdExports Exports, UInt32 Mask)
        {
            this.Exports = Exports;
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
            String Text = "Status=" + Name(Exports.spd_scsi_status_name(Status.ScsiStatus));
            if (Status.ScsiStatus != 0)
                Text += " SenseKey=" + Name(Exports.spd_sense_key_name(Status.SenseKey)) +
                    " ASC/ASCQ=" + Status.ASC + "/" + Status.ASCQ;
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

        private static String Name(IntPtr Text)
        {
            return Marshal.PtrToStringAnsi(Text);
        }
    }
}
