# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""An image that loses its name while rawdisk serves it, and an identity that two would have."""

import os
import subprocess
import time
from contextlib import contextmanager

from program import ANY, TIMEOUT, Skip, check, path, qemu_io, rawdisk, run

MIB = 1 << 20


def until_said(server, what):
    deadline = time.monotonic() + TIMEOUT
    while what not in server.errors():
        check(time.monotonic() < deadline, f"it does not say {what!r}:\n{server.errors()}")
        time.sleep(0.01)


def make(name, size=MIB):
    with open(path(name), "wb") as file:
        file.truncate(size)


@contextmanager
def serving(name, *options, status):
    """A rawdisk that ends with this status, and says why when it is not 0."""
    server = rawdisk(name, *options)
    try:
        yield server
    finally:
        ended = server.end()
        said = server.errors()
        server.log.close()
    check(ended == status, f"status {ended}\n{said}")
    check(("lost its name while it was served" in said) == (status != 0), said)


def image_that_is_replaced_is_noticed():
    for options in [], ["--sandbox"]:
        make("replaced.img")
        with serving("replaced.img", *options, status=1) as server:
            make("new.img")
            os.rename(path("new.img"), path("replaced.img"))
            until_said(server, "another file has this name now")
            until_said(server, f"copy /proc/{server.process.pid}/fd/")
            qemu_io(server.url, "write -P 1 0 64k", "read -P 1 0 64k")
        os.unlink(path("replaced.img.spdstate"))


def image_that_is_deleted_can_be_copied():
    with serving("deleted.img", "--size", "1M", status=1) as server:
        qemu_io(server.url, "write -P 0x41 0 64k")
        os.unlink(path("deleted.img"))
        until_said(server, "it was deleted")
        copy = server.errors().split(": copy ")[1].split()[0]
        qemu_io(server.url, "write -P 0x42 64k 64k")
        with open(copy, "rb") as file:
            check(file.read(128 << 10) == b"\x41" * 65536 + b"\x42" * 65536, "other bytes")


def folder_that_is_renamed_is_noticed_and_coming_back():
    os.makedirs(path("folder/inner"))
    with serving("folder/inner/moved.img", "--size", "1M", status=0) as server:
        os.rename(path("folder"), path("elsewhere"))
        until_said(server, "it was renamed")
        os.rename(path("elsewhere"), path("folder"))
        until_said(server, "it has its name again")


def what_the_system_does_not_tell_of_is_found():
    for name in "first.img", "second.img":
        make(name)
    os.symlink("first.img", path("link.img"))
    with serving("link.img", status=1) as server:
        os.symlink("second.img", path("link.new"))
        os.rename(path("link.new"), path("link.img"))
        until_said(server, "another file has this name now")


def second_disk_of_an_identity_is_refused():
    make("taken.img")
    with serving("taken.img", status=1) as server:
        make("taken.new")
        os.rename(path("taken.new"), path("taken.img"))
        _, said = run("rawdisk", "-f", path("taken.img"), "--adopt", "-p", ANY, status=1)
        check(f"process {server.process.pid} serves another image" in said, said)
    with rawdisk("taken.img", "--adopt"):
        pass


def identity_by_hand_is_refused_and_leaves_nothing():
    guid = "01234567-89ab-cdef-0123-456789abcdef"
    with rawdisk("by-hand.img", "--size", "1M", "--guid", guid):
        _, said = run("rawdisk", "-f", path("too.img"), "--size", "1M", "--guid", guid, "-p", ANY,
                      status=1)
        check("serves another image with the same identity" in said, said)
        check(not os.path.exists(path("too.img")), "the refused start left an image")
        check(not os.path.exists(path("too.img.spdstate")), "the refused start left its state")


def stranger_cannot_take_an_identity():
    if os.geteuid() != 0:
        raise Skip("only root can be another user")
    guid = "01234567-89ab-cdef-0123-456789abcd00"
    stranger = f"""
import os, socket
os.setuid(65534)
claim = socket.socket(socket.AF_UNIX)
claim.bind("\\0winspd-disk/{guid}/1-2/1")
claim.listen()
print("claimed", flush=True)
os.read(0, 1)
"""
    with subprocess.Popen(["python3", "-c", stranger], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        check(process.stdout.readline() == b"claimed\n", "the stranger has no claim")
        with rawdisk("stranger.img", "--size", "1M", "--guid", guid) as server:
            check("a process of another user says" in server.errors(), server.errors())
        process.stdin.close()


TESTS = [image_that_is_replaced_is_noticed, image_that_is_deleted_can_be_copied,
         folder_that_is_renamed_is_noticed_and_coming_back,
         what_the_system_does_not_tell_of_is_found, second_disk_of_an_identity_is_refused,
         identity_by_hand_is_refused_and_leaves_nothing, stranger_cannot_take_an_identity]
