# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Disks of the programs that ship, used by the tools that ship, on the driver and behind pipes."""

import re
import shutil
from contextlib import ExitStack

from .programs import (ADAPTER, disk, ended, free_port, nothing_is_left, passes_stgtest, scsitool,
                       server, stgtest)

BLOCK = 512
BLOCKS = 32768
SIZE = ("--size", "16M")
GUID = "0d1f5a2e-4c31-4b8a-9f00-6a1c2e3d4b5f"
IMAGE = r"C:\winspd\image"


def program_is_a_disk(program, *options):
    def test(machine):
        with disk(machine, program, *SIZE, *options) as (_, name):
            passes_stgtest(machine, name, "1000", "WR", "*", "*")
        nothing_is_left(machine)
    return test


def program_is_behind_a_pipe(program, *options):
    def test(machine):
        pipe = r"\\.\pipe\wine-test"
        with server(machine, program, *SIZE, *options, "-p", pipe):
            passes_stgtest(machine, pipe + r"\0", "600", "WRUR", "*", "*")
    return test


def the_tutorials_disk(machine):
    with disk(machine, "ramdisk") as (_, name):
        passes_stgtest(machine, name, "500", "WR", "*", "*")
        has(scsitool(machine, "inquiry", name),
            ("PRODUCT IDENTIFICATION", "RAM disk        "))
    nothing_is_left(machine)


# The VPD pages of a unit of spd.h, and of one of the original's interface.
MODERN_PAGES = [0, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2]
ORIGINAL_PAGES = [0, 0x80, 0x83, 0xb0, 0xb2]


def has_pages(machine, device, pages, *unit):
    """It has exactly these VPD pages, and names its process after all other designators."""
    listed = [int(value) for name, value in scsitool(machine, "vpd0", device, *unit)
              if name == "VPD PAGE"]
    assert listed == pages, listed
    *_, last = (value for name, value in scsitool(machine, "vpd83", device, *unit)
                if name == "DESIGNATOR")
    assert last.startswith("50 49 44 20 "), last


def copied(machine, program):
    """The path of a program that is for tests only."""
    built = machine.build / f"tests/wine/{program}-x64.exe"
    if built.exists():
        shutil.copy(built, machine.package / built.name)
    return program


def ends_orderly(process):
    process.stdin.write("\n")
    process.stdin.flush()
    assert ended(process) == 0, f"it ends with {process.returncode}"


def original_on_the_driver(program):
    def test(machine):
        with disk(machine, copied(machine, program)) as (process, name):
            passes_stgtest(machine, name, "500", "WR", "*", "*")
            has_pages(machine, name, ORIGINAL_PAGES)
            ends_orderly(process)
        nothing_is_left(machine)
    return test


def original_behind_a_pipe(program, operations, pages):
    def test(machine):
        pipe = r"\\.\pipe\original"
        with server(machine, copied(machine, program), pipe) as process:
            passes_stgtest(machine, pipe + r"\0", "500", operations, "*", "*")
            has_pages(machine, pipe + r"\0", pages)
            ends_orderly(process)
    return test


def original_by_iscsi(program):
    def test(machine):
        name = f"iscsi://127.0.0.1:{free_port()}/iqn.2026-01.org.example:original"
        with server(machine, copied(machine, program), name) as process:
            status, output = machine.prefix.run(
                ["qemu-io", "-f", "raw", "-c", "write -P 0x5a 1M 640k", "-c", "flush",
                 "-c", "aio_write -P 0x61 4M 64k", "-c", "aio_write -P 0x62 5M 64k",
                 "-c", "aio_flush", "-c", "read -P 0x5a 1M 640k", "-c", "read -P 0x61 4M 64k",
                 "-c", "read -P 0x62 5M 64k", "-c", "read -P 0 6M 4k", name + "/0"], 60)
            assert status == 0 and "failed" not in output, f"{status} {output}"
            ends_orderly(process)
    return test


def a_disk_is_an_image(machine):
    """The only image here whose requests are pending for a while: files end theirs at once."""
    pipe = r"\\.\pipe\rawdisk"
    with disk(machine, "memdisk", *SIZE) as (_, name):
        with server(machine, "rawdisk", "-f", name, "-U", "1", "-p", pipe):
            passes_stgtest(machine, pipe + r"\0", "500", "WRUR", "*", "*")


def blocks_are_whole_sectors(machine):
    pipe = r"\\.\pipe\rawdisk"
    with disk(machine, "memdisk", *SIZE, "-l", "4096") as (_, name):
        status, _ = machine.prefix.wine(
            machine.package / "rawdisk-x64.exe", "-f", name, "-l", "512", "-p", pipe)
        assert status == 87, f"blocks of 512 bytes on sectors of 4096: {status}"
        with server(machine, "rawdisk", "-f", name, "-U", "1", "-p", pipe):
            passes_stgtest(machine, pipe + r"\0", "100", "WRUR", "*", "*")


def has(pairs, *wanted):
    for pair in wanted:
        assert pair in pairs, f"no {pair} in {pairs}"


def check_unit(machine, *device):
    """The facts by which one knows the unit, and that it is thin; not every bit of the replies."""
    def ask(command):
        return scsitool(machine, command, *device)

    has(ask("inquiry"), ("PERIPHERAL DEVICE TYPE", "0"), ("CMDQUE", "1"),
        ("T10 VENDOR IDENTIFICATION", "WinSpd  "),
        ("PRODUCT IDENTIFICATION", "MemDisk         "))
    has_pages(machine, device[0], MODERN_PAGES, *device[1:])
    has(ask("vpd80"), ("PRODUCT SERIAL NUMBER", GUID))
    has(ask("vpd83"), ("DESIGNATOR", f"WinSpd  MemDisk         {GUID}"))
    has(ask("vpdb0"), ("MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT", "256"))
    has(ask("vpdb2"), ("LBPU", "1"), ("LBPRZ", "1"), ("PROVISIONING TYPE", "2"))
    for command in ("mode-sense", "mode-caching"):
        has(ask(command), ("WP", "0"), ("PAGE CODE", "8"), ("WCE", "1"), ("RCD", "0"))
    has(ask("capacity"), ("RETURNED LOGICAL BLOCK ADDRESS", str(BLOCKS - 1)),
        ("LOGICAL BLOCK LENGTH IN BYTES", str(BLOCK)))
    has(ask("capacity16"), ("RETURNED LOGICAL BLOCK ADDRESS", str(BLOCKS - 1)),
        ("LOGICAL BLOCK LENGTH IN BYTES", str(BLOCK)), ("LBPME", "1"))
    has(ask("luns"), ("LUN LIST LENGTH", "8"), ("LUN", "00 00 00 00 00 00 00 00"))


def refused(machine, unit, otherwise):
    status, _ = machine.prefix.wine(
        machine.package / "scsitool-x64.exe", "inquiry", ADAPTER, unit)
    assert status not in (0, "timeout"), otherwise


def scsitool_asks_the_adapter_and_the_disk(machine):
    with disk(machine, "memdisk", *SIZE, "--guid", GUID) as (_, name):
        check_unit(machine, name)
        # A refusal of the disk is an answer, too: LOGICAL BLOCK ADDRESS OUT OF RANGE.
        has(scsitool(machine, "--lba", str(BLOCKS), "lba-status", name), ("ScsiStatus", "2"),
            ("SENSE KEY", "5"), ("ADDITIONAL SENSE CODE", "33"))
        refused(machine, "0:0:0", "the adapter answers for a unit that is a disk")
    refused(machine, "0:5:0", "where there is no unit, there is an answer")
    has(scsitool(machine, "luns", ADAPTER, "0:5:0"), ("LUN LIST LENGTH", "0"))


def write_protection_and_caching_are_told(machine):
    with disk(machine, "memdisk", *SIZE, "-W", "0", "-C", "0", "-U", "0") as (_, name):
        has(scsitool(machine, "mode-caching", name), ("WP", "1"), ("WCE", "0"))
        has(scsitool(machine, "vpdb2", name), ("LBPU", "0"), ("PROVISIONING TYPE", "0"))
        has(scsitool(machine, "capacity16", name), ("LBPME", "0"))
        assert ended(stgtest(machine, name, "1", "W")) != 0, "a protected disk is written"
        assert ended(stgtest(machine, name, "1", "R")) == 0, "a protected disk is not read"


def scsitool_asks_behind_a_pipe(machine):
    pipe = r"\\.\pipe\asked"
    with server(machine, "rawdisk", *SIZE, "-f", IMAGE, "-i", "Asked", "-p", pipe):
        has(scsitool(machine, "inquiry", pipe + r"\0"),
            ("PRODUCT IDENTIFICATION", "Asked".ljust(16)))
        has_pages(machine, pipe + r"\0", MODERN_PAGES)
        has(scsitool(machine, "capacity16", pipe + r"\0"),
            ("RETURNED LOGICAL BLOCK ADDRESS", str(BLOCKS - 1)))


def scsitool_names_the_adapter(machine):
    status, output = machine.prefix.wine(machine.package / "scsitool-x64.exe", "devpath", ADAPTER)
    assert status == 0 and output.startswith("\\\\?\\"), f"{status} {output}"
    has(scsitool(machine, "luns", output.strip(), "0:5:0"), ("LUN LIST LENGTH", "0"))


def stgtest_reads_and_writes_disks_only(machine):
    with disk(machine, "memdisk", *SIZE) as (_, name):
        for operations in ("F", "WU", "RWFU"):
            status = ended(stgtest(machine, name, "1", operations))
            assert status == 87, f"{operations} of a disk: {status}"
        passes_stgtest(machine, name, "7", "wr", "0x10", "3")


def clients_are_killed(machine):
    """In mid-I/O; the disk is there for the others."""
    with disk(machine, "rawdisk", *SIZE, "-f", IMAGE) as (_, name):
        clients = [stgtest(machine, name, "100000000", "WR", "*", "*") for _ in range(3)]
        for client in clients:
            assert client.stdout.readline().startswith("stgtest"), "stgtest does not start"
        for client in clients[1:]:
            client.kill()
            client.communicate()
        passes_stgtest(machine, name, "300", "WR", "*", "*")
        assert clients[0].poll() is None, "the client that was not killed has ended"
        clients[0].kill()
        clients[0].communicate()
    nothing_is_left(machine)


def every_flush_reaches_the_program(machine):
    """FlushFileBuffers() asks for a flush of everything; the program's log has it."""
    log = machine.package / "flushes"
    line = re.compile(r">>Flush BlockAddress=0:0, BlockCount=0$", re.M)
    with disk(machine, "rawdisk", *SIZE, "-f", IMAGE, "-d", "8", "-D",
              r"C:\winspd\flushes") as (_, name):
        before = len(line.findall(log.read_text()))
        machine.drvtest("--flush", name)
        assert len(line.findall(log.read_text())) > before, log.read_text()
    nothing_is_left(machine)


LARGE_BLOCKS = 0x180000000  # 3 TiB
FAR = 0x150000000


def is_large(machine, *device):
    last = f"{LARGE_BLOCKS - 1 >> 32}:{LARGE_BLOCKS - 1 & 0xffffffff:08x}"
    has(scsitool(machine, "capacity", *device), ("RETURNED LOGICAL BLOCK ADDRESS", str(2**32 - 1)))
    found = dict(scsitool(machine, "capacity16", *device))["RETURNED LOGICAL BLOCK ADDRESS"]
    assert last in found, f"{found} is not {last}"


def more_than_two_tebibytes(machine):
    """On the driver and behind a pipe; what was written beyond them is there in the image."""
    image, pipe = machine.package / "large", r"\\.\pipe\large"
    options = ("-f", r"C:\winspd\large", "--size", "3T", "--no-mbr")
    try:
        with disk(machine, "rawdisk", *options) as (_, name):
            is_large(machine, name)
            passes_stgtest(machine, name, "200", "WR", FAR, "16")
            passes_stgtest(machine, name, "60", "WR", "*", "*")
        with open(image, "rb") as data:
            for block in (0, FAR, FAR + 100 * 16 - 1):
                data.seek(block * BLOCK)
                expected = pattern(block) * (BLOCK // 8) if block else bytes(BLOCK)
                assert data.read(BLOCK) == expected, f"block {block:#x} of the image"
        with server(machine, "rawdisk", *options, "-p", pipe):
            is_large(machine, pipe + r"\0")
            passes_stgtest(machine, pipe + r"\0", "200", "WRUR", FAR, "16")
    finally:
        image.unlink()
    nothing_is_left(machine)


def pattern(block):
    """The 8 bytes that stgtest repeats in a block: MurmurHash3's 64-bit finaliser."""
    k, mask = block + 1, (1 << 64) - 1
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        k = (k ^ k >> 33) * factor & mask
    return (k ^ k >> 33).to_bytes(8, "little")


def two_servers_and_four_clients(machine):
    """Each client has half of a disk to itself; what they wrote is looked for in the image."""
    rounds, blocks = 500, 16
    image = machine.package / "two"
    with ExitStack() as stack:
        servers = [disk(machine, "memdisk", *SIZE),
                   disk(machine, "rawdisk", *SIZE, "-f", r"C:\winspd\two")]
        names = [stack.enter_context(server)[1] for server in servers]
        clients = [stgtest(machine, name, str(2 * rounds), "WR", str(half), str(blocks))
                   for name in names for half in (0, BLOCKS // 2)]
        ends = [ended(client) for client in clients]
        assert ends == [0] * 4, f"{ends} {machine.prefix.said()}"
    data = image.read_bytes()
    for half in (0, BLOCKS // 2):
        for block in range(half, half + rounds * blocks):
            found = data[block * BLOCK:(block + 1) * BLOCK]
            assert found == pattern(block) * (BLOCK // 8), f"block {block} of the image"
    nothing_is_left(machine)


TESTS = [
    ("memdisk is a disk of the system", program_is_a_disk("memdisk")),
    ("rawdisk is a disk of the system", program_is_a_disk("rawdisk", "-f", IMAGE)),
    ("rawdisk without a cache is a disk of the system",
     program_is_a_disk("rawdisk", "-f", IMAGE, "-C", "0", "-U", "0")),
    ("memdisk is behind a pipe", program_is_behind_a_pipe("memdisk")),
    ("rawdisk is behind a pipe", program_is_behind_a_pipe("rawdisk", "-f", IMAGE)),
    ("rawdisk without a cache is behind a pipe",
     program_is_behind_a_pipe("rawdisk", "-f", IMAGE, "-C", "0")),
    ("the tutorial's disk is a disk of the system", the_tutorials_disk),
    ("a program as the .NET layer is on the driver", original_on_the_driver("netdisk")),
    ("a program as the .NET layer is behind a pipe",
     original_behind_a_pipe("netdisk", "WRUR", ORIGINAL_PAGES)),
    ("a program as the .NET layer is behind iscsi:", original_by_iscsi("netdisk")),
    ("a program that answers later is behind a pipe",
     original_behind_a_pipe("deferdisk", "WR", MODERN_PAGES)),
    ("a program that answers later is behind iscsi:", original_by_iscsi("deferdisk")),
    ("rawdisk takes a disk for its image", a_disk_is_an_image),
    ("rawdisk does not divide the sectors of a disk", blocks_are_whole_sectors),
    ("scsitool asks the adapter and the disk", scsitool_asks_the_adapter_and_the_disk),
    ("scsitool asks behind a pipe", scsitool_asks_behind_a_pipe),
    ("scsitool names the adapter", scsitool_names_the_adapter),
    ("stgtest reads and writes disks only", stgtest_reads_and_writes_disks_only),
    ("clients are killed in mid-I/O", clients_are_killed),
    ("write protection and caching are told", write_protection_and_caching_are_told),
    ("every flush reaches the program", every_flush_reaches_the_program),
    ("more than two tebibytes with what ships", more_than_two_tebibytes),
    ("two servers and four clients with what ships", two_servers_and_four_clients),
]
