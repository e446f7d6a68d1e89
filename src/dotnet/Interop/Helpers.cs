// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Both libraries' sides need these: texts of fixed length, ranges, and numbers of exceptions.

using System;
using System.Runtime.InteropServices;

namespace Spd.Interop
{
    internal static unsafe class Text
    {
        // A byte for each character, cut to Length; what follows stays as it is.
        internal static void Copy(String From, Byte* To, Int32 Length)
        {
            for (Int32 I = 0; From != null && I < Length && I < From.Length; I++)
                To[I] = (Byte)From[I];
        }

        internal static UnmapDescriptor[] Ranges(IntPtr From, UInt32 Count)
        {
            UnmapDescriptor[] Ranges = new UnmapDescriptor[Count];
            for (UInt32 I = 0; I < Count; I++)
                Ranges[I] = ((UnmapDescriptor*)From)[I];
            return Ranges;
        }
    }

    internal static class Errors
    {
        internal const Int32 InvalidParameter = 87;
        internal const Int32 UnhandledException = 574;
        private const Int32 FacilityWin32 = unchecked((Int32)0x80070000);

        // The Win32 error of an exception: the one in its HRESULT, otherwise 574.
        internal static Int32 Win32(Exception Error)
        {
            Int32 Result = Marshal.GetHRForException(Error);
            return (Result & 0xffff0000) == (FacilityWin32 & 0xffff0000) ? Result & 0xffff
                : UnhandledException;
        }
    }
}
