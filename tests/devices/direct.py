# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk --direct: data past the cache of the system."""

import os

from program import ANY, Server, Skip, check, path, qemu_io, rawdisk
from verbs import cached


def direct(name, *arguments):
    """A disk with direct I/O, where the file system of the tests has it."""
    try:
        handle = os.open(path("probe.img"), os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    except OSError as why:
        raise Skip(f"the file system of the tests has no direct I/O: {why}") from None
    os.close(handle)
    return rawdisk(name, "--direct", *arguments)


def data_is_right_and_not_in_the_cache():
    with direct("direct.img", "--size", "16M") as server:
        writes = [f"aio_write -P {n + 1} {n * 64 * 1024 + 512 * n} {1024 * (n + 1)}"
                  for n in range(32)]
        reads = [write.replace("aio_write", "aio_read") for write in writes]
        qemu_io(server.url, *writes, "aio_flush", "flush", *reads, "aio_flush", "write -z 4M 64k",
                "discard 5M 1M", "read -P 0 4M 64k")
        check(cached("direct.img") == 0, f"{cached('direct.img')} bytes are cached")
        check(" --direct " in server.said, server.said)
    with rawdisk("direct.img") as server:
        qemu_io(server.url, *reads, "aio_flush")


def doors_with_other_memory():
    with Server("rawdisk", "-f", path("memory.img"), "--size", "4M", "--direct", "-p",
                f"nbd+unix:///?socket={path('direct.sock')}") as server:
        qemu_io(server.url, "write -P 7 512 3M", "flush", "read -P 7 512 3M", "read -P 0 0 512")


TESTS = [data_is_right_and_not_in_the_cache, doors_with_other_memory]
