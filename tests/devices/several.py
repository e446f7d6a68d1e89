# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Several disks of one program: logical units of one target, which a signal ends together."""

import os
import re
import shlex
import time

from program import ANY, BUILD, TIMEOUT, Server, check, client, memdisk, path, qemu_io, rawdisk, run

SIZE = ("--size", "4M")


def two(*options):
    return rawdisk("a.img", "-f", path("b.img"), *SIZE, *options, doors=2)


def remove():
    for name in "a.img", "b.img":
        for suffix in "", ".spdstate":
            if os.path.exists(path(name + suffix)):
                os.unlink(path(name + suffix))


def each_image_is_a_logical_unit():
    with two() as server:
        check(server.uris[1] == server.url[:-1] + "1", server.said)
        qemu_io(server.uris[0], "write -P 1 0 64k")
        qemu_io(server.uris[1], "write -P 2 0 64k")
        qemu_io(server.uris[0], "read -P 1 0 64k")
        listed = client("iscsi-ls", "-s", server.url.rsplit("/", 2)[0] + "/")
        check("Lun:0 " in listed and "Lun:1 " in listed and "Lun:2 " not in listed, listed)
    for name, byte in ("a.img", b"\1"), ("b.img", b"\2"):
        with open(path(name), "rb") as file:
            check(file.read(65536) == byte * 65536, f"other bytes in {name}")
    remove()


def each_start_line_makes_its_disk_again():
    with two() as server:
        lines = [line for line in server.said.splitlines() if line.startswith("rawdisk ")]
    check(len(lines) == 2, server.said)
    for line, name, uri in zip(lines, ("a.img", "b.img"), server.uris):
        words = shlex.split(line)
        check(path(name) in words, line)
        with Server(words[0], *words[1:]) as again:
            check(again.url == uri, again.said)
    remove()


def luns_count_on_from_the_one_in_the_uri():
    with Server("rawdisk", "-f", path("a.img"), "-f", path("b.img"), *SIZE, "-p", ANY + "/7",
                doors=2) as server:
        check([uri.rsplit("/", 1)[1] for uri in server.uris] == ["7", "8"], server.said)
    remove()


def statistics_name_each_disk():
    with two("--stats") as server:
        qemu_io(server.uris[1], "write -P 2 0 64k")
    for uri in server.uris:
        check(f"\n{uri}:\n" in server.said, server.said)
    remove()


def what_is_for_one_disk_is_refused():
    for option in (["--guid", "01234567-89ab-cdef-0123-456789abcdef"],
                   ["--wwn", "0123456789abcdef"], ["--state", path("state")]):
        _, said = run("rawdisk", "-f", path("a.img"), "-f", path("b.img"), *SIZE, *option, "-p",
                      ANY, status=87)
        check(f"{option[0]} is for one disk" in said, said)
    _, said = run("rawdisk", "-f", path("a.img"), "-f", path("b.img"), *SIZE, "-p",
                  f"unix:{path('socket')}", status=87)
    check("cannot serve several disks" in said, said)
    check(not os.path.exists(path("a.img")), "a start that failed has left an image")


def an_image_is_one_disk():
    _, said = run("rawdisk", "-f", path("a.img"), "-f", path("a.img"), *SIZE, "-p", ANY, status=1)
    check("a.img" in said, said)
    check(not os.path.exists(path("a.img")), "a start that failed has left an image")


def each_size_is_a_disk_in_memory():
    with memdisk("--size", "1M", "--size", "2M", doors=2) as server:
        check(server.uris[1] == server.url[:-1] + "1", server.said)
        for uri, size in zip(server.uris, (1 << 20, 2 << 20)):
            said = client("iscsi-readcapacity16", uri)
            check(f"Total size:{size}" in said, said)
        qemu_io(server.uris[0], "write -P 1 0 64k")
        qemu_io(server.uris[1], "read -P 0 0 64k", "write -P 2 0 64k")
        qemu_io(server.uris[0], "read -P 1 0 64k")
    lines = [line for line in server.said.splitlines() if line.startswith("memdisk ")]
    check([" -c 2048 " in lines[0], " -c 4096 " in lines[1]] == [True, True], server.said)


def sizes_of_memory_are_checked_each():
    guid = ["--guid", "01234567-89ab-cdef-0123-456789abcdef"]
    for options, message in ((["--size", "1M", "--size", "1000"], "--size 1000 must be a multiple"),
                             (["--size", "1M"] * 2 + guid, "given with several --size"),
                             (["--size", "1M"] * 17, "at most 16 times")):
        _, said = run("memdisk", *options, "-p", ANY, status=87)
        check(message in said, said)


def luns(server):
    listed = client("iscsi-ls", "-s", server.url.rsplit("/", 2)[0] + "/")
    return re.findall(r"^Lun:(\d+) ", listed, re.MULTILINE)


def one_that_stops_leaves_the_others():
    fifo = path("stop.fifo")
    os.mkfifo(fifo)
    with Server(os.path.join(BUILD, "tests/devices/onestops"), "--size", "1M", "--size", "2M",
                "--size", "3M", "--fifo", fifo, "--stats", "-p", ANY, doors=3) as server:
        check(luns(server) == ["0", "1", "2"], luns(server))
        with open(fifo, "wb"):
            deadline = time.monotonic() + TIMEOUT
            while "1" in luns(server) and time.monotonic() < deadline:
                time.sleep(0.05)
        check(luns(server) == ["0", "2"], luns(server))
        qemu_io(server.uris[0], "read -P 0 0 64k")
        qemu_io(server.uris[2], "read -P 0 0 64k")
    for uri in server.uris:
        check(f"\n{uri}:\n" in server.said, server.said)


TESTS = [each_image_is_a_logical_unit, each_start_line_makes_its_disk_again,
         luns_count_on_from_the_one_in_the_uri, statistics_name_each_disk,
         what_is_for_one_disk_is_refused, an_image_is_one_disk, each_size_is_a_disk_in_memory,
         sizes_of_memory_are_checked_each, one_that_stops_leaves_the_others]
