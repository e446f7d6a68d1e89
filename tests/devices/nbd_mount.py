# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A file system on a disk by NBD, nbdfuse and a loop device: no driver of the kernel is needed."""

import os
import shutil
import subprocess

from nbd import local
from program import TIMEOUT, Server, Skip, check, client, path

# The mounts end with the namespace, and so does the loop device.
SCRIPT = """
set -eu
cd "$1"
: > file
mkdir folder
nbdfuse file "$2" &
until [ -s file ]; do kill -0 $!; sleep 0.02; done
mkfs.ext4 -q file
mount -o loop file folder
dd if=/dev/urandom of=folder/data bs=64k count=64 status=none
cp folder/data data
umount folder
e2fsck -fn file
mount -o loop,ro file folder
cmp folder/data data
umount folder
umount file
wait
"""


def needs():
    """Why it cannot run here."""
    if os.geteuid() != 0:
        return "only root mounts file systems"
    for tool in ("nbdfuse", "mkfs.ext4", "unshare", "losetup"):
        if not shutil.which(tool):
            return f"there is no {tool}"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "there is no /dev/fuse"
    free = subprocess.run(["losetup", "-f"], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
    return free.stdout.strip() if free.returncode else None


def a_file_system_by_nbdfuse_and_a_loop_device():
    why = needs()
    if why:
        raise Skip(why)
    os.mkdir(path("fuse"))
    with Server("memdisk", "--size", "32M", "-p", local("fuse.sock")) as server:
        client("unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh",
               path("fuse"), server.url)
        client("nbdcopy", server.url, path("fuse.copy"))
    client("e2fsck", "-fn", path("fuse.copy"))
    check(os.path.getsize(path("fuse.copy")) == 32 << 20, "the disk has another size")


TESTS = [a_file_system_by_nbdfuse_and_a_loop_device]
