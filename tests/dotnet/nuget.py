# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The NuGet package: what is in it, and that others can install and use it."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import disks
from program import TIMEOUT, Skip, check, client, path

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
    check(assembly == (disks.MSIL / "winspd-msil.dll").read_bytes(), "another assembly")
    for part in ("lib/net45/winspd-msil.xml", "lib/netcoreapp2.2/winspd-msil.dll",
                 "runtimes/win-x64/native/winspd-x64.dll", "runtimes/win-x86/native/winspd-x86.dll",
                 "runtimes/linux-x64/native/libspd.so", "build/net45/WinSpd.targets"):
        check(part in names or part.startswith(tuple(left_out)), f"no {part}: {said}")
    again, _ = made("second")
    check(package.read_bytes() == again.read_bytes(), "the same tree gives other bytes")


def it_is_installed_from_a_folder_and_a_program_serves_with_it():
    if not shutil.which("nuget"):
        raise Skip("there is no nuget")
    package, _ = made("source")
    home = path("home")
    os.makedirs(home, exist_ok=True)
    client("/usr/bin/env", f"HOME={home}", "nuget", "install", "WinSpd", "-Source",
           str(package.parent), "-OutputDirectory", path("packages"))
    installed, = Path(path("packages")).glob("WinSpd.*")
    library = installed / "lib/net45/winspd-msil.dll"
    program = Path(path("program"))
    shutil.rmtree(program, ignore_errors=True)
    program.mkdir()
    client("mcs", f"-out:{program}/ramdisk.exe", f"-r:{library}",
           str(disks.TOP / "examples/dotnet/ramdisk.cs"))
    # As build/net45/WinSpd.targets does for MSBuild.
    for file in (library, installed / "runtimes/linux-x64/native/libspd.so"):
        shutil.copy(file, program)
    door = "unix:" + path("door")
    server = subprocess.Popen(["mono", str(program / "ramdisk.exe"), door], text=True,
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
