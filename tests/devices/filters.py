# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Filters, as initiators meet them."""

import hashlib
import json
import os
import re

from program import Server, ANY, check, client, memdisk, path, qemu_io, rawdisk, run

MIB = 1 << 20


def fails(url, command):
    """A command of qemu-io that has to end with an error."""
    said = client("qemu-io", "-f", "raw", "-t", "none", "-c", command, url, status=None)
    check("Input/output error" in said, f"{command} is no error: {said}")


def bad_blocks_fail_and_their_neighbours_do_not():
    with memdisk("--size", "16M", "--filter", "error:lba=2048-2055") as server:
        qemu_io(server.url, "write -P 7 0 1M", "read -P 7 0 1M", "write -P 8 1028k 4k",
                "read -P 8 1028k 4k", "flush")
        fails(server.url, "read 1M 4k")
        fails(server.url, "write 1M 4k")
        qemu_io(server.url, "read -P 7 0 1M")


def a_filter_is_behind_each_door():
    with Server("memdisk", "--size", "16M", "--filter", "error:lba=8,on=read", "-p", ANY, "-p",
                f"nbd+unix:///?socket={path('filters.sock')}", doors=2) as server:
        for uri in server.uris:
            fails(uri, "read 4k 4k")
            qemu_io(uri, "write -P 7 4k 4k", "read 8k 4k")


def many_at_once_pass_all_filters():
    stack = ("error:kind=recovered,rate=5,on=read", "delay:time=2ms,distribution=exponential",
             "rate:iops=100000,bytes=4G", "error:rate=0")
    filters = [word for text in stack for word in ("--filter", text)]
    for disk in (lambda *words: rawdisk("filters.img", *words), memdisk):
        with disk("--size", "16M", *filters) as server:
            writes = [f"aio_write -P {n + 1} {n * 64}k 64k" for n in range(64)]
            reads = [f"aio_read -P {n + 1} {n * 64}k 64k" for n in range(64)]
            qemu_io(server.url, *writes, "aio_flush", *reads, "aio_flush")
            qemu_io(server.url, "discard 1M 1M", "write -z 3M 64k", "flush", "read -P 0 3M 64k",
                    "read -P 0 1M 1M")
            if disk is not memdisk:
                told = client("qemu-img", "map", "-f", "raw", "--output=json", server.url)
                check('"data": false' in told, told)
            check(": error:" not in server.errors(), server.errors())


def the_end_does_not_wait_for_what_is_held():
    with memdisk("--size", "1M", "--filter", "delay:time=20000s", "--stop-timeout",
                 "100") as server:
        client("timeout", "-s", "KILL", "1", "qemu-io", "-f", "raw", "-c", "read 0 4k", server.url,
               status=None)


def readonly_is_told():
    with rawdisk("protected.img", "--size", "1M", "--filter", "readonly") as server:
        said = client("qemu-io", "-f", "raw", "-c", "write 0 4k", server.url, status=None)
        check(re.search("read.?only|Permission|write.protect", said, re.I), said)
        client("qemu-io", "-r", "-f", "raw", "-c", "read 0 4k", server.url)


def the_start_line_makes_the_same_filters_again():
    with memdisk("--size", "1M", "--filter", "delay:time=1us", "--filter", "readonly") as server:
        check("--filter 'delay:time=1us' --filter readonly" in server.said, server.said)


def a_log_is_at_its_place():
    with memdisk("--size", "1M", "-D", path("filters.log"), "--filter", "error:on=write",
                 "--filter", "log") as server:
        fails(server.url, "write 0 4k")
        qemu_io(server.url, "read 0 4k")
    with open(path("filters.log"), encoding="ascii") as file:
        lines = file.read()
    check(">>Read" in lines and "<<Read" in lines and "Write" not in lines, lines)


def a_wrong_filter_ends_with_87():
    _, said = run("memdisk", "--filter", "delay:tiem=5ms", status=87)
    check("filter delay has no key 'tiem': it has time on distribution spread seed" in said, said)
    _, said = run("memdisk", *(["--filter", "readonly"] * 8), status=87)
    check("at most 7 times" in said, said)


def cow(name, end="keep"):
    return "--filter", f"cow:file={path(name)},end={end}"


def digest(name):
    with open(path(name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def changes_go_to_their_file():
    with rawdisk("base.img", "--size", "8M") as server:
        qemu_io(server.url, "write -P 7 0 4M", "flush")
    before = digest("base.img")
    with rawdisk("base.img", *cow("changes.cow")) as server:
        qemu_io(server.url, "read -P 7 0 4M", "write -P 8 1536 1M", "write -z 2M 512",
                "discard 3M 64k", "write -P 9 6M 64k", "flush")
        changed = ("read -P 7 0 1536", "read -P 8 1536 1M", "read -P 7 1050112 1047040",
                   "read -P 0 2M 512", "read -P 7 2097664 1048064", "read -P 0 3M 64k",
                   "read -P 0 4M 2M", "read -P 9 6M 64k")
        qemu_io(server.url, *changed)
        told = json.loads(client("qemu-img", "map", "-f", "raw", "--output=json", server.url))
        data = [(part["start"], part["length"]) for part in told if part["data"]]
        check(data == [(0, 2 * MIB), (2 * MIB + 512, MIB - 512), (3 * MIB + 65536, MIB - 65536),
                       (6 * MIB, 65536)], f"{told}")
    check(digest("base.img") == before, "the base has changed")
    with rawdisk("base.img", "-W", "0", *cow("changes.cow")) as server, \
            rawdisk("base.img", "-W", "0", "--state", path("other.state"), "--new-identity",
                    *cow("other.cow", "drop")) as other:
        qemu_io(other.url, "read -P 7 0 4M", "write -P 5 0 8M", "read -P 5 0 8M")
        qemu_io(server.url, *changed)
        qemu_io(server.url, "write -P 6 7M 512")
    check(digest("base.img") == before, "the base has changed")
    check(not os.path.exists(path("other.cow")), "the changes were not dropped")
    with rawdisk("base.img", *cow("changes.cow", "commit")):
        pass
    check(not os.path.exists(path("changes.cow")), "the changes were not committed")
    with rawdisk("base.img") as server:
        qemu_io(server.url, *changed, "read -P 6 7M 512")


def changes_of_another_disk_are_refused():
    for name, byte in (("mine.img", 1), ("other.img", 2)):
        with rawdisk(name, "--size", "4M") as server:
            qemu_io(server.url, f"write -P {byte} 0 4M", "flush")
    with rawdisk("mine.img", *cow("mine.cow")) as server:
        qemu_io(server.url, "write -P 9 1M 64k", "flush")
    for end in ("keep", "commit"):
        _, said = run("rawdisk", "-f", path("other.img"), *cow("mine.cow", end), "-p", ANY,
                      status=1)
        check("has changes of the disk with --guid" in said and "name another file" in said, said)
    qemu_io(path("other.img"), "read -P 2 0 4M")
    for suffix in ("", ".spdstate"):  # the disk takes its identity along
        os.rename(path("mine.img" + suffix), path("moved.img" + suffix))
    with rawdisk("moved.img", *cow("mine.cow", "commit")) as server:
        qemu_io(server.url, "read -P 9 1M 64k")
    qemu_io(path("moved.img"), "read -P 9 1M 64k", "read -P 1 0 1M")


def and_die(server, *commands):
    """The server gets these commands and is killed."""
    try:
        qemu_io(server.url, *commands)
    finally:
        server.process.kill()
        server.process.communicate()
        server.log.close()


def flushed_changes_outlive_the_program():
    writes = [f"aio_write -P {n + 1} {n * 64}k 64k" for n in range(64)]
    and_die(rawdisk("outlived.img", "--size", "8M", *cow("outlived.cow")), *writes, "aio_flush",
            "flush", "write -P 99 5M 64k")
    with rawdisk("outlived.img", *cow("outlived.cow")) as server:
        qemu_io(server.url, *[f"read -P {n + 1} {n * 64}k 64k" for n in range(64)])
    and_die(rawdisk("outlived.img", "-C", "0", *cow("outlived.cow")), "write -P 98 6M 64k")
    with rawdisk("outlived.img", *cow("outlived.cow", "drop")) as server:
        qemu_io(server.url, "read -P 98 6M 64k")
    with rawdisk("outlived.img") as server:
        qemu_io(server.url, "read -P 0 0 8M")


def files_that_do_not_fit_are_refused():
    with memdisk("--size", "4M", *cow("fits.cow")) as server:
        qemu_io(server.url, "write -P 7 0 4M", "flush")
        _, said = run("memdisk", "--size", "4M", *cow("fits.cow"), "-p", ANY, status=1)
        check("is in use by another program" in said, said)
    _, said = run("memdisk", "--size", "8M", *cow("fits.cow"), "-p", ANY, status=1)
    check("8192 blocks of 512 bytes, and this one has 16384 of 512" in said, said)
    os.truncate(path("fits.cow"), MIB)
    _, said = run("memdisk", "--size", "4M", *cow("fits.cow"), "-p", ANY, status=1)
    check("is cut short" in said, said)
    with open(path("no.cow"), "wb") as file:
        file.write(bytes(100000))
    _, said = run("memdisk", "--size", "4M", *cow("no.cow"), "-p", ANY, status=1)
    check("is no file of the filter cow" in said, said)
    check(os.path.getsize(path("no.cow")) == 100000, "the other file was changed")
    _, said = run("memdisk", *cow("x.cow"), "--filter", "readonly", status=87)
    check("has to be the last one" in said, said)
    _, said = run("memdisk", "--size", "1M", "--size", "1M", *cow("x.cow"), status=87)
    check("the disk the only one" in said, said)
    _, said = run("rawdisk", "-f", path("base.img"), "-W", "0", *cow("x.cow", "commit"), "-p", ANY,
                  status=1)
    check("leave --write-allowed 0 out" in said and not os.path.exists(path("x.cow")), said)


TESTS = [bad_blocks_fail_and_their_neighbours_do_not, a_filter_is_behind_each_door,
         many_at_once_pass_all_filters, the_end_does_not_wait_for_what_is_held, readonly_is_told,
         the_start_line_makes_the_same_filters_again, a_log_is_at_its_place,
         a_wrong_filter_ends_with_87, changes_go_to_their_file,
         flushed_changes_outlive_the_program, changes_of_another_disk_are_refused,
         files_that_do_not_fit_are_refused]
