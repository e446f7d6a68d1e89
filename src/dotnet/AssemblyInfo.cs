// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Name and version are the original's: programs that were built against it ask for them.

using System.Reflection;

[assembly: AssemblyTitle("WinSpd")]
[assembly: AssemblyProduct("WinSpd")]
[assembly: AssemblyDescription("An ordinary program is a disk")]
[assembly: AssemblyCopyright("Copyright (c) 2026, the WinSpd authors")]
[assembly: AssemblyVersion("1.0.0.0")]
[assembly: AssemblyFileVersion("1.0.0.0")]
