# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The NuGet package has the right files, and others can install and use it."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import disks
from program import TIMEOUT, check, client, path
from runtime import MSIL

EPOCH = "1700000000"


def made(name, **environment):
    folder = Path(path(name))
    shutil.rmtree(folder, ignore_errors=True)
    said = subprocess.run([str(disks.TOP / "packaging/nupkg"), str(folder)], check=True, text=True,
                          env=dict(os.environ, SOURCE_DATE_EPOCH=EPOCH, **environment),
                          stdout=subprocess.PIPE, timeout=4 * TIMEOUT).stdout
    package, = folder.glob("WinSpd.*.nupkg")
    return package, said


def a_package_has_what_it_says_and_is_reproducible():
    package, said = made("first")
    left_out = set(re.findall(r"^nupkg: (\S+) is left out", said, re.M))
    with zipfile.ZipFile(package) as files:
        names = files.namelist()
        times = {entry.date_time for entry in files.infolist()}
        assembly = files.read("lib/net45/winspd-msil.dll")
    check(names == sorted(names) and times == {(2023, 11, 14, 22, 13, 20)}, f"{times} {names}")
    check(assembly == (MSIL / "winspd-msil.dll").read_bytes(), "another assembly")
    for part in ("lib/net45/winspd-msil.xml", "lib/netcoreapp2.2/winspd-msil.dll",
                 "runtimes/win-x64/native/winspd-x64.dll", "runtimes/win-x86/native/winspd-x86.dll",
                 "runtimes/linux-x64/native/libspd.so", "build/net45/WinSpd.targets"):
        check(part in names or part.startswith(tuple(left_out)), f"no {part}: {said}")
    again, _ = made("second")
    check(package.read_bytes() == again.read_bytes(), "the same tree gives other bytes")


def project(installed):
    """A program as others have it, with the line that nuget writes into a project. Mono's compiler
    takes the assemblies of the runtime, as Debian has those for reference in another package."""
    framework = "".join(f"""
    <Reference Include="/usr/lib/mono/4.5/{name}.dll"><Private>False</Private></Reference>"""
                        for name in ("mscorlib", "System"))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<Project ToolsVersion="4.0" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <AssemblyName>ramdisk</AssemblyName>
    <TargetFrameworkVersion>v4.5</TargetFrameworkVersion>
    <OutputPath>out-$(OS)</OutputPath>
  </PropertyGroup>
  <ItemGroup>{framework}
    <Reference Include="{installed}/lib/net45/winspd-msil.dll" />
    <Compile Include="{disks.TOP}/examples/dotnet/ramdisk.cs" />
  </ItemGroup>
  <Import Project="$(MSBuildBinPath)/Microsoft.CSharp.targets" />
  <Import Project="{installed}/build/net45/WinSpd.targets" />
</Project>
"""


def built(installed, system):
    """The files beside the program, for a system under MSBuild's name for it."""
    program = Path(path("program"))
    program.mkdir(exist_ok=True)
    (program / "ramdisk.csproj").write_text(project(installed))
    client("xbuild", "/nologo", "/verbosity:quiet", f"/property:OS={system}",
           str(program / "ramdisk.csproj"))
    folder = program / f"out-{system}"
    return folder, {found.name for found in folder.iterdir()} - {"ramdisk.exe", "ramdisk.exe.mdb"}


def it_is_installed_from_a_folder_and_a_program_serves_with_it():
    package, said = made("source")
    home = path("home")
    os.makedirs(home, exist_ok=True)
    client("/usr/bin/env", f"HOME={home}", "nuget", "install", "WinSpd", "-Source",
           str(package.parent), "-OutputDirectory", path("packages"))
    installed, = Path(path("packages")).glob("WinSpd.*")
    _, beside = built(installed, "Windows_NT")
    dlls = {f"winspd-{arch}.dll" for arch in ("x64", "x86") if f"runtimes/win-{arch}" not in said}
    check(beside == {"winspd-msil.dll", *dlls}, f"for Windows: {beside}")
    folder, beside = built(installed, "Unix")
    check(beside == {"winspd-msil.dll", "libspd.so"}, f"for Linux: {beside}")
    door = "unix:" + path("door")
    server = subprocess.Popen(["mono", str(folder / "ramdisk.exe"), door], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        check(server.stdout.readline() == f"serving {door}\n", "it does not serve")
        disks.clients((door, 200, "WRUR", "*", "*"))
        server.terminate()
        _, errors = server.communicate(timeout=TIMEOUT)
        check(server.returncode == 0, f"status {server.returncode}: {errors}")
    finally:
        server.kill()
        server.communicate()


TESTS = [a_package_has_what_it_says_and_is_reproducible,
         it_is_installed_from_a_folder_and_a_program_serves_with_it]
