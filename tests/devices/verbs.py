# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Operations other than reads, writes, flushes and unmaps, as initiators use them."""

import os

from program import ANY, Server, Skip, allocated, check, memdisk, path, qemu_io, rawdisk
from unmap import solid

MIB = 1 << 20
SHM = "/dev/shm"


def rows_of(server):
    """The statistics that a server has printed at its end: name: [name, operations, errors,
    bytes]."""
    return {line.split()[0]: line.split() for line in server.said.splitlines() if line.split()}


def check_zeroed(server, zeroed, written):
    """So many bytes were zeroed by the device's own operation, and so many were written."""
    rows = rows_of(server)
    check(int(rows["zero"][3]) == zeroed and int(rows["zero"][2]) == 0, server.said)
    check(int(rows["write"][3]) == written, server.said)


def zeros_keep_their_space_or_give_it_back():
    with rawdisk("zeroes.img", "--size", "16M", "--stats") as server:
        qemu_io(server.url, "write -P 7 0 8M", "flush")
        before = allocated("zeroes.img")
        qemu_io(server.url, "write -z 1M 2M", "flush", "read -P 7 0 1M", "read -P 0 1M 2M",
                "read -P 7 3M 5M")
        check(allocated("zeroes.img") >= before - 65536, "zeros have lost their space")
        qemu_io(server.url, "write -z -u 4M 2M", "flush", "read -P 7 3M 1M", "read -P 0 4M 2M",
                "read -P 7 6M 2M")
        check(allocated("zeroes.img") <= before - 2 * MIB + 65536, "zeros have kept their space")
    check_zeroed(server, 4 * MIB, 8 * MIB)


def zeros_of_ragged_ends_are_exact():
    with rawdisk("ragged.img", "--size", "4M") as server:
        qemu_io(server.url, "write -P 7 0 2M", "write -z 1536 70144", "write -z -u 1050112 70144",
                "flush", "read -P 7 0 1536", "read -P 0 1536 70144", "read -P 7 71680 978432",
                "read -P 0 1050112 70144", "read -P 7 1120256 4096")


def where_there_are_no_holes_the_library_writes_the_zeros():
    with rawdisk("solid-zeroes.img", "--size", "8M", "--stats", env=solid()) as server:
        qemu_io(server.url, "write -P 7 0 2M", "write -z 512k 1M", "read -P 0 512k 1M",
                "read -P 7 0 512k", "read -P 7 1536k 512k")
    check_zeroed(server, 0, 3 * MIB)


def memory_is_zeroed_and_given_back():
    with memdisk("--size", "64M", "--stats") as server:
        qemu_io(server.url, "write -P 7 0 64M")
        before = server.status_field("VmRSS")
        qemu_io(server.url, "write -z 512 4M", "read -P 7 0 512", "read -P 0 512 4M",
                "write -z -u 0 64M", "read -P 0 0 4M")
        after = server.status_field("VmRSS")
        check(after <= before - 32768, f"{before} KiB before, {after} KiB after")
    check_zeroed(server, 68 * MIB, 64 * MIB)


def image_in_memory_is_zeroed():
    if not os.path.isdir(SHM):
        raise Skip(f"there is no {SHM}")
    image = os.path.join(SHM, f"winspd-zeroes-{os.getpid()}.img")
    try:
        with Server("rawdisk", "-f", image, "--size", "8M", "--state", path("zeroes.state"), "-p",
                    ANY) as server:
            qemu_io(server.url, "write -P 7 0 4M", "write -z 512 1M", "write -z -u 2M 1M",
                    "read -P 7 0 512", "read -P 0 512 1M", "read -P 7 1049088 1048064",
                    "read -P 0 2M 1M", "read -P 7 3M 1M")
    finally:
        if os.path.exists(image):
            os.unlink(image)


TESTS = [zeros_keep_their_space_or_give_it_back, zeros_of_ragged_ends_are_exact,
         where_there_are_no_holes_the_library_writes_the_zeros, memory_is_zeroed_and_given_back,
         image_in_memory_is_zeroed]
