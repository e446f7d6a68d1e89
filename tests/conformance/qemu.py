# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""QEMU's block layer as a client: qemu-img copies and compares, qemu-io writes and verifies."""

import os
import random
import subprocess

from disk import WORK

TIMEOUT = 120
MIB = 1 << 20


class Wrong(Exception):
    """A program of QEMU's did not do, or did not find, what it should."""


def call(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT)
    output = done.stdout.decode(errors="replace")
    # qemu-io carries on after a pattern that it did not find.
    if done.returncode or "Pattern verification failed" in output or "failed:" in output:
        raise Wrong(f"{' '.join(command)}: status {done.returncode}\n{output}")
    return output


def qemu_io(url, *commands):
    arguments = [word for command in commands for word in ("-c", command)]
    return call("qemu-io", "-f", "raw", "-t", "none", "-d", "unmap", *arguments, url)


def size_of(disk):
    for line in call("qemu-img", "info", "-f", "raw", disk.url).splitlines():
        if line.startswith("virtual size:"):
            return int(line.split("(")[1].split()[0])
    raise Wrong("qemu-img info names no size")


def source(size):
    """A file with data, holes and repeated blocks, the same every time."""
    path = os.path.join(WORK, f"source-{size}.raw")
    numbers = random.Random(size)
    with open(path, "wb") as file:
        file.truncate(size)
        for offset in range(0, size, 4 * MIB):
            kind = numbers.randrange(3)
            file.seek(offset + numbers.randrange(MIB // 512) * 512)
            if kind == 0:
                file.write(numbers.randbytes(2 * MIB))
            elif kind == 1:
                file.write(bytes([numbers.randrange(256)]) * MIB)
    return path


def convert_and_compare(disk):
    path = source(size_of(disk))
    back = os.path.join(WORK, f"{disk.name}-back.raw")
    call("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", path, disk.url)
    call("qemu-img", "compare", "-f", "raw", "-F", "raw", path, disk.url)
    call("qemu-img", "convert", "-f", "raw", "-O", "raw", disk.url, back)
    call("cmp", path, back)
    image = getattr(disk, "path", None)
    if image:
        call("cmp", path, image)
    os.unlink(back)


def writes_read_back(disk):
    qemu_io(disk.url,
            "write -P 0xa5 0 64k", "write -P 0x5a 64k 4M", "write -P 0x11 10M 512",
            "write -P 0x22 10486272 1536", "flush",
            "read -P 0xa5 0 64k", "read -P 0x5a 64k 4M", "read -P 0x11 10M 512",
            "read -P 0x22 10486272 1536")
    qemu_io(disk.url, "read -P 0xa5 0 64k", "read -P 0x5a 64k 4M")


def forced_unit_access_writes_read_back(disk):
    qemu_io(disk.url, "write -f -P 0x3c 20M 1M", "read -P 0x3c 20M 1M")


def many_writes_at_once_read_back(disk):
    writes = [f"aio_write -P {1 + number % 255} {32 * MIB + number * 65536} 64k"
              for number in range(128)]
    reads = [f"aio_read -P {1 + number % 255} {32 * MIB + number * 65536} 64k"
             for number in range(128)]
    qemu_io(disk.url, *writes, "aio_flush", *reads, "aio_flush")


def the_last_block_can_be_written(disk):
    last = size_of(disk) - 4096
    qemu_io(disk.url, f"write -P 0x77 {last} 4096", f"read -P 0x77 {last} 4096")


def zeroes_overwrite_data(disk):
    qemu_io(disk.url, "write -P 0xee 48M 4M", "write -z 49M 1M", "write -z -u 50M 1M",
            "read -P 0xee 48M 1M", "read -P 0 49M 2M", "read -P 0xee 51M 1M")


def discarded_blocks_read_as_zeros(disk):
    qemu_io(disk.url, "write -P 0xdd 64M 8M", "discard 66M 4M", "flush",
            "read -P 0xdd 64M 2M", "read -P 0 66M 4M", "read -P 0xdd 70M 2M")


def occupied(disk):
    """Bytes that the disk's data takes: of its image, or of the program's own memory."""
    image = getattr(disk, "path", None)
    if image:
        return os.stat(image).st_blocks * 512
    with open(f"/proc/{disk.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def discarding_gives_space_back(disk):
    qemu_io(disk.url, "write -P 0xcc 128M 64M", "flush")
    full = occupied(disk)
    qemu_io(disk.url, "discard 128M 64M", "flush")
    empty = occupied(disk)
    if full - empty < 60 * MIB:
        raise Wrong(f"{full} bytes were occupied before the discard of 64 MiB, {empty} after it")


TESTS = [
    convert_and_compare,
    writes_read_back,
    forced_unit_access_writes_read_back,
    many_writes_at_once_read_back,
    the_last_block_can_be_written,
    zeroes_overwrite_data,
    discarded_blocks_read_as_zeros,
    discarding_gives_space_back,
]


def run(tap, disk, chosen):
    for test in TESTS:
        name = f"{disk.name}: {test.__name__.replace('_', ' ')}"
        if not chosen(name):
            continue
        try:
            test(disk)
            tap.say(name, "passed")
        except (Wrong, subprocess.TimeoutExpired) as wrong:
            tap.say(name, "failed", "", str(wrong))
