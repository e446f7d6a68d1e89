# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Operations other than reads, writes, flushes and unmaps, as initiators use them."""

import ctypes
import json
import mmap
import os
import re
import time

from program import (ANY, TIMEOUT, Server, Skip, allocated, check, client, memdisk, path,
                     qemu_io, rawdisk)
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


def holes_of(server):
    """[(offset, length, whether it has data)] of the disk, as QEMU's tools learn them."""
    told = client("qemu-img", "map", "-f", "raw", "--output=json", server.url)
    return [(part["start"], part["length"], part["data"]) for part in json.loads(told)]


def check_holes(server, wanted):
    """`wanted` has the ends of ranges that have data, in MiB, and the size of the disk."""
    ends = [0, *wanted]
    expected = [(a * MIB, (b - a) * MIB, n % 2 == 1)
                for n, (a, b) in enumerate(zip(ends, ends[1:])) if b > a]
    found = holes_of(server)
    check(found == expected, f"{found} instead of {expected}")


def initiators_see_the_holes():
    with rawdisk("seen.img", "--size", "32M") as server:
        check_holes(server, [32])
        qemu_io(server.url, "write -P 7 4M 8M", "write -P 7 20M 1M", "flush")
        check_holes(server, [4, 12, 20, 21, 32])
        qemu_io(server.url, "discard 6M 2M", "flush")
        check_holes(server, [4, 6, 8, 12, 20, 21, 32])


def without_thin_provisioning_there_are_no_holes():
    with rawdisk("unseen.img", "--size", "8M", "-U", "0") as server:
        check(holes_of(server) == [(0, 8 * MIB, True)], holes_of(server))


def memory_has_holes_as_well():
    with memdisk("--size", "2G", "--stats") as server:
        qemu_io(server.url, "write -P 7 4M 8M")
        # The system may give whole pages of 2 MiB, at whatever addresses are multiples of that.
        found = holes_of(server)
        data = [(start, start + length) for start, length, has in found if has]
        check(len(data) == 1 and 2 * MIB <= data[0][0] <= 4 * MIB and
              12 * MIB <= data[0][1] <= 14 * MIB, f"{found}")
        check(sum(length for _, length, _ in found) == 2 << 30, f"{found}")
    check(int(rows_of(server)["extents"][1]) > 1, server.said)


def cached(name):
    """How many bytes of a file the system has in its cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mincore.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    with open(path(name), "r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        there = ctypes.create_string_buffer(len(view) // mmap.PAGESIZE)
        start = ctypes.c_char.from_buffer(view)
        failed = libc.mincore(ctypes.addressof(start), len(view), there)
        del start
    check(not failed, os.strerror(ctypes.get_errno()))
    return sum(page & 1 for page in there.raw) * mmap.PAGESIZE


def forget(name):
    """Has the system drop a file from its cache."""
    with open(path(name), "r+b") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def send_prefetch(url, lba, blocks):
    """PRE-FETCH(10); returns the SCSI status."""
    try:
        library = ctypes.CDLL("libiscsi.so.7")
    except OSError as why:
        raise Skip(f"there is no libiscsi: {why}") from None
    portal, target, lun = re.fullmatch("iscsi://([^/]+)/([^/]+)/([0-9]+)", url).groups()
    library.iscsi_create_context.restype = ctypes.c_void_p
    library.iscsi_prefetch10_sync.restype = ctypes.POINTER(ctypes.c_int)
    iscsi = ctypes.c_void_p(library.iscsi_create_context(b"iqn.2026-01.org.example:prefetch"))
    library.iscsi_set_targetname(iscsi, target.encode())
    library.iscsi_set_session_type(iscsi, 2)  # normal
    failed = library.iscsi_full_connect_sync(iscsi, portal.encode(), int(lun))
    check(not failed, "libiscsi cannot log in")
    task = library.iscsi_prefetch10_sync(iscsi, int(lun), lba, blocks, 0, 0)
    check(task, "PRE-FETCH had no answer")
    status = task[0]
    library.scsi_free_scsi_task(task)
    library.iscsi_logout_sync(iscsi)
    library.iscsi_destroy_context(iscsi)
    return status


def prefetched_blocks_come_into_the_cache():
    with rawdisk("fetched.img", "--size", "32M", "--stats") as server:
        qemu_io(server.url, "write -P 7 0 16M", "flush")
        forget("fetched.img")
        if cached("fetched.img"):
            raise Skip("the system keeps the file in its cache")
        check(send_prefetch(server.url, 0, 4096) == 0, "no GOOD")
        deadline = time.monotonic() + TIMEOUT
        while cached("fetched.img") < 2 * MIB:
            check(time.monotonic() < deadline, f"{cached('fetched.img')} bytes are cached")
            time.sleep(0.05)
        check(send_prefetch(server.url, 65535, 0) == 0, "no GOOD for the end of the disk")
        check(send_prefetch(server.url, 65535, 2) == 2, "past the end is no error")
    rows = rows_of(server)
    check(int(rows["prefetch"][1]) >= 2 and int(rows["prefetch"][2]) == 0, server.said)


TESTS = [zeros_keep_their_space_or_give_it_back, zeros_of_ragged_ends_are_exact,
         where_there_are_no_holes_the_library_writes_the_zeros, memory_is_zeroed_and_given_back,
         image_in_memory_is_zeroed, initiators_see_the_holes,
         without_thin_provisioning_there_are_no_holes, memory_has_holes_as_well,
         prefetched_blocks_come_into_the_cache]
