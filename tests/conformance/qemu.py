# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""QEMU's block layer as a client: qemu-img copies and compares, qemu-io writes and verifies."""

import os
import random

from disk import WORK
from report import Wrong, call

MIB = 1 << 20


def qemu(*command):
    status, output = call(*command)
    # qemu-io carries on after a pattern that it did not find.
    if status or "Pattern verification failed" in output or "failed:" in output:
        raise Wrong(f"{' '.join(command)}: status {status}\n{output}")
    return output


def qemu_io(url, *commands):
    arguments = [word for command in commands for word in ("-c", command)]
    return qemu("qemu-io", "-f", "raw", "-t", "none", "-d", "unmap", *arguments, url)


def source(disk):
    """A file with data, holes and repeated blocks, the same every time."""
    path = os.path.join(WORK, f"{disk.name}-source.raw")
    numbers = random.Random(disk.size)
    with open(path, "wb") as file:
        file.truncate(disk.size)
        for offset in range(0, disk.size, 4 * MIB):
            kind = numbers.randrange(3)
            file.seek(offset + numbers.randrange(MIB // 512) * 512)
            if kind == 0:
                file.write(numbers.randbytes(2 * MIB))
            elif kind == 1:
                file.write(bytes([numbers.randrange(256)]) * MIB)
    return path


def convert_and_compare(disk):
    path = source(disk)
    back = os.path.join(WORK, f"{disk.name}-back.raw")
    qemu("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", path, disk.url)
    qemu("qemu-img", "compare", "-f", "raw", "-F", "raw", path, disk.url)
    qemu("qemu-img", "convert", "-f", "raw", "-O", "raw", disk.url, back)
    qemu("cmp", path, back)
    if disk.path:
        qemu("cmp", path, disk.path)
    os.unlink(path)
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
    last = disk.size - 4096
    qemu_io(disk.url, f"write -P 0x77 {last} 4096", f"read -P 0x77 {last} 4096")


def zeroes_overwrite_data(disk):
    qemu_io(disk.url, "write -P 0xee 48M 4M", "write -z 49M 1M", "write -z -u 50M 1M",
            "read -P 0xee 48M 1M", "read -P 0 49M 2M", "read -P 0xee 51M 1M")


def discarded_blocks_read_as_zeros(disk):
    qemu_io(disk.url, "write -P 0xdd 64M 8M", "discard 66M 4M", "flush",
            "read -P 0xdd 64M 2M", "read -P 0 66M 4M", "read -P 0xdd 70M 2M")


def discarding_gives_space_back(disk):
    qemu_io(disk.url, "write -P 0xcc 128M 64M", "flush")
    full = disk.occupied()
    qemu_io(disk.url, "discard 128M 64M", "flush")
    empty = disk.occupied()
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
