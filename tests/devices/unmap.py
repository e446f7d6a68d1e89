# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk offers UNMAP where the file system does it fast, and no more at once."""

import os
import re
import subprocess

from program import (ANY, BUILD, Server, Skip, allocated, check, client, memdisk, path, qemu_io,
                     rawdisk)

MIB = 1 << 20
SHM = "/dev/shm"


def page(server, number):
    """A VPD page as iscsi-inq prints it."""
    return client("iscsi-inq", "-e", "1", "-c", str(number), server.url)


def offers_unmap(server):
    return "lbpu:1" in re.sub(r"[ \t]", "", page(server, 0xb2)).lower()


def most_at_once(server):
    """MAXIMUM UNMAP LBA COUNT, in bytes of blocks of 512."""
    said = page(server, 0xb0)
    return int(re.search(r"maximum unmap lba count:\s*(\d+)", said, re.I)[1]) * 512


def solid():
    """The environment of a server whose file system cannot make holes."""
    return dict(os.environ, LD_PRELOAD=os.path.join(BUILD, "tests/devices/badmedium.so"),
                BADMEDIUM_SOLID="1")


def one_command_is_bounded():
    with rawdisk("bounded.img", "--size", "2T") as server:
        check(offers_unmap(server), "a file system that makes holes, and no UNMAP")
        check(most_at_once(server) == 512 * MIB, f"{most_at_once(server)} bytes at once")
    with memdisk("--size", "2G") as server:
        check(most_at_once(server) == 64 * MIB, f"memdisk: {most_at_once(server)} bytes at once")


def image_in_memory_is_bounded():
    if not os.path.isdir(SHM):
        raise Skip(f"there is no {SHM}")
    image = os.path.join(SHM, f"winspd-unmap-{os.getpid()}.img")
    try:
        with Server("rawdisk", "-f", image, "--size", "1G", "--state", path("bounded.state"), "-p",
                    ANY) as server:
            check(most_at_once(server) == 64 * MIB, f"{most_at_once(server)} bytes at once")
    finally:
        if os.path.exists(image):
            os.unlink(image)


def unmap_is_not_offered_where_zeros_would_be_written():
    for attempt in ("a new image", "one that is there"):
        with rawdisk("solid.img", "--size", "8M", env=solid()) as server:
            check(not offers_unmap(server), f"{attempt}: UNMAP is offered")
            check("cannot make holes" in server.errors(), f"{attempt}: {server.errors()}")
            check(" -U 0 " in server.said, server.said)
            qemu_io(server.url, "write -P 7 0 1M", "flush")
    left = [name for name in os.listdir(path(".")) if name.startswith(".winspd-")]
    check(not left, f"the probe has left {left}")


def unmap_that_is_asked_for_writes_zeros_in_small_commands():
    with rawdisk("solid-too.img", "--size", "16M", "-U", "1", env=solid()) as server:
        check(offers_unmap(server), "-U 1 was not heeded")
        check(most_at_once(server) == 4 * MIB, f"{most_at_once(server)} bytes at once")
        check("cannot make holes" not in server.errors(), server.errors())
        qemu_io(server.url, "write -P 7 0 12M", "discard 512 10M", "read -P 7 0 512",
                "read -P 0 512 10M", "read -P 7 10486272 512")


def file_system_of_windows_offers_no_unmap():
    where, image = path("ntfs"), path("ntfs.fs")
    os.mkdir(where)
    with open(image, "wb") as file:
        file.truncate(32 * MIB)
    for command in (["mkntfs", "-qFf", image], ["ntfs-3g", image, where]):
        try:
            made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
        except FileNotFoundError:
            raise Skip(f"there is no {command[0]}") from None
        if made.returncode:
            raise Skip(f"{command[0]}: {made.stdout.strip()}")
    try:
        with rawdisk("ntfs/solid.img", "--size", "4M") as server:
            check(not offers_unmap(server), "UNMAP is offered")
            qemu_io(server.url, "write -P 7 0 1M", "flush", "read -P 7 0 1M")
    finally:
        subprocess.run(["umount", where], check=True)


def sectors_longer_than_blocks_cost_the_ends_alone():
    """Parts of sectors at the ends of a range are written; everything between is given back."""
    with open(path("sectors.back"), "wb") as file:
        file.write(b"\x06" * (16 * MIB))
    made = subprocess.run(["losetup", "-b", "4096", "-f", "--show", path("sectors.back")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        raise Skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        with Server("rawdisk", "-f", device, "-l", "512", "--state", path("sectors.state"),
                    "-p", ANY) as server:
            qemu_io(server.url, "discard 1536 6M", "flush", "read -P 6 0 1536",
                    "read -P 0 1536 6M", "read -P 6 6292992 1M")
        check(allocated("sectors.back") <= 11 * MIB, f"{allocated('sectors.back')} bytes are left")
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


TESTS = [one_command_is_bounded, image_in_memory_is_bounded,
         unmap_is_not_offered_where_zeros_would_be_written,
         unmap_that_is_asked_for_writes_zeros_in_small_commands,
         file_system_of_windows_offers_no_unmap,
         sectors_longer_than_blocks_cost_the_ends_alone]
