// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Finds the native library and binds its exports. A table of exports is a class with one delegate
// for each, with the name of the export. Bind() fills it in, so that no name is written twice.

using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Spd.Interop
{
    // An export that not every library has; its delegate may be null.
    [AttributeUsage(AttributeTargets.Field)]
    internal sealed class OptionalAttribute : Attribute
    {
    }

    internal abstract class Loader
    {
        // The file name, and its place in a NuGet package.
        internal String Name;
        internal String Runtime;

        internal abstract IntPtr Open(String Path);
        internal abstract IntPtr Find(IntPtr Module, String Export);
        internal abstract IEnumerable<String> Installed();

        // The tables of exports T from the library: the one at Path, which may be null, or the
        // first of those that are found. TypeLoadException lists the places of the search.
        internal T Load<T>(String Path) where T : new()
        {
            List<String> Tried = Path != null ? new List<String> { Path }
                : new List<String>(Candidates());
            foreach (String Candidate in Tried)
            {
                IntPtr Module = Open(Candidate);
                if (Module != IntPtr.Zero)
                    return Bind<T>(Module, Candidate);
            }
            throw new TypeLoadException(
                "WinSpd's native library cannot be loaded; install WinSpd, or set " +
                "StorageUnitHost.LibraryPath. Looked for: " + String.Join(", ", Tried));
        }

        // Beside the program first, as the system's own loader does.
        private IEnumerable<String> Candidates()
        {
            foreach (String Folder in Folders())
            {
                String Beside = Path.Combine(Folder, Name);
                if (File.Exists(Beside))
                    yield return Beside;
            }
            foreach (String Other in Installed())
                yield return Other;
        }

        private IEnumerable<String> Folders()
        {
            // Where .NET Core has the native files of NuGet packages.
            String Native = AppDomain.CurrentDomain.GetData("NATIVE_DLL_SEARCH_DIRECTORIES")
                as String;
            foreach (String Folder in (Native ?? "").Split(Path.PathSeparator))
                if (Folder != "")
                    yield return Folder;
            String Own = typeof(Loader).Assembly.Location;
            if (String.IsNullOrEmpty(Own))
                yield break;
            Own = Path.GetDirectoryName(Own);
            yield return Own;
            yield return Path.Combine(Own, "runtimes", Runtime, "native");
        }

        private T Bind<T>(IntPtr Module, String Path) where T : new()
        {
            T Table = new T();
            foreach (FieldInfo Field in typeof(T).GetFields(
                BindingFlags.Instance | BindingFlags.NonPublic))
            {
                IntPtr Address = Find(Module, Field.Name);
                if (Address != IntPtr.Zero)
                    Field.SetValue(Table, Field.FieldType == typeof(IntPtr) ? (Object)Address
                        : Marshal.GetDelegateForFunctionPointer(Address, Field.FieldType));
                else if (!Field.IsDefined(typeof(OptionalAttribute), false))
                    throw new TypeLoadException(Path + " does not export " + Field.Name);
            }
            return Table;
        }
    }

    internal sealed class WindowsLoader : Loader
    {
        private const UInt32 RRF_RT_REG_SZ = 2, RRF_SUBKEY_WOW6432KEY = 0x20000;
        private static readonly IntPtr HKEY_LOCAL_MACHINE =
            new IntPtr(unchecked((Int32)0x80000002));

        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        private static extern IntPtr LoadLibraryW(String Path);
        [DllImport("kernel32.dll", CharSet = CharSet.Ansi, ExactSpelling = true)]
        private static extern IntPtr GetProcAddress(IntPtr Module, String Export);
        [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
        private static extern Int32 RegGetValueW(IntPtr Key, String SubKey, String Value,
            UInt32 Flags, IntPtr Type, [Out] Char[] Data, ref UInt32 Size);

        internal WindowsLoader()
        {
            String Architecture = IntPtr.Size == 8 ? "x64" : "x86";
            Name = "winspd-" + Architecture + ".dll";
            Runtime = "win-" + Architecture;
        }

        internal override IntPtr Open(String Path)
        {
            return LoadLibraryW(Path);
        }

        internal override IntPtr Find(IntPtr Module, String Export)
        {
            return GetProcAddress(Module, Export);
        }

        // By the system's search, and where the installer has put it.
        internal override IEnumerable<String> Installed()
        {
            yield return Name;
            String Folder = InstallDir();
            if (Folder == null)
                yield break;
            yield return Path.Combine(Folder, "sys", Name);
            yield return Path.Combine(Folder, "bin", Name);
        }

        // The installer is a 32-bit package: its key is in the 32-bit view of the registry, the
        // only one of 32-bit Windows.
        private static String InstallDir()
        {
            Char[] Data = new Char[1024];
            UInt32 Flags = RRF_RT_REG_SZ |
                (Environment.Is64BitOperatingSystem ? RRF_SUBKEY_WOW6432KEY : 0);
            UInt32 Size = (UInt32)Data.Length * sizeof(Char);
            Int32 Error = RegGetValueW(HKEY_LOCAL_MACHINE, @"SOFTWARE\WinSpd", "InstallDir", Flags,
                IntPtr.Zero, Data, ref Size);
            return Error != 0 ? null : new String(Data, 0, Array.IndexOf(Data, '\0'));
        }
    }

    internal sealed class PosixLoader : Loader
    {
        private const Int32 RTLD_NOW = 2;

        [DllImport("libdl.so.2")]
        private static extern IntPtr dlopen(String Path, Int32 Flags);
        [DllImport("libdl.so.2")]
        private static extern IntPtr dlsym(IntPtr Module, String Export);

        internal PosixLoader()
        {
            Name = "libspd.so";
            Runtime = "linux-x64";
        }

        internal override IntPtr Open(String Path)
        {
            return dlopen(Path, RTLD_NOW);
        }

        internal override IntPtr Find(IntPtr Module, String Export)
        {
            return dlsym(Module, Export);
        }

        // Packages for users install the name with a number; the other name is for developers.
        internal override IEnumerable<String> Installed()
        {
            yield return "libspd.so.0";
            yield return "libspd.so";
        }
    }
}
