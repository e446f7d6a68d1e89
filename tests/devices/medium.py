# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The checks that rawdisk makes of its file or device before it serves it."""

import os
import socket
import stat
import subprocess

from program import (ANY, Server, Skip, check, client, path, qemu_io, rawdisk, run)

MIB = 1 << 20
# The name that a message has, and qemu-img's options.
FORMATS = [("qcow", "qcow"), ("qcow2", "qcow2"), ("qcow2", "qcow2", "-o", "compat=0.10"),
           ("QED", "qed"), ("VDI", "vdi"), ("VHD", "vpc"), ("VHD", "vpc", "-o", "subformat=fixed"),
           ("VHDX", "vhdx"), ("VMDK", "vmdk"), ("VMDK", "vmdk", "-o", "subformat=monolithicFlat"),
           ("Parallels", "parallels")]


def whole(image):
    """Serving needs whole blocks; what a format's reader ignores is added."""
    with open(image, "ab") as file:
        file.truncate((file.tell() + 511) // 512 * 512)


def content(image):
    with open(image, "rb") as file:
        return file.read()


def images_of_other_formats_are_refused():
    for number, (name, form, *options) in enumerate(FORMATS):
        image = path(f"format-{number}.img")
        client("qemu-img", "create", "-q", "-f", form, *options, image, "8M")
        before = content(image)
        _, errors = run("rawdisk", "-f", image, "-p", ANY, status=1)
        check(f"is a {name} image" in errors and "--format raw" in errors, f"{name}: {errors}")
        check(content(image) == before and not os.path.exists(f"{image}.spdstate"),
              f"{name}: the refused start has changed something")


def format_raw_serves_them_and_is_remembered():
    image = path("wanted.img")
    client("qemu-img", "create", "-q", "-f", "qcow2", image, "8M")
    whole(image)
    with rawdisk("wanted.img", "--format", "raw") as server:
        qemu_io(server.url, "read -P 0x51 0 1")  # the Q of the format's first bytes
    with rawdisk("wanted.img") as server:
        qemu_io(server.url, "read -P 0x51 0 1")
    # A guest that has such an image in its disk does not shut itself out.
    with rawdisk("guest.img", "--size", "16M") as server:
        client("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, server.url)
    with rawdisk("guest.img"):
        pass
    os.unlink(path("guest.img.spdstate"))
    _, errors = run("rawdisk", "-f", path("guest.img"), "-p", ANY, status=1)
    check("is a qcow2 image" in errors, errors)
    _, errors = run("rawdisk", "-f", path("guest.img"), "--format", "qcow2", "-p", ANY, status=87)
    check("must be raw" in errors, errors)


def first_bytes_alone_are_a_warning():
    with open(path("magic.img"), "wb") as file:
        file.write(b"QFI\xfb\0\0\0\3")
        file.truncate(MIB)
    with rawdisk("magic.img") as server:
        check("looks like a qcow2 image" in server.errors(), server.errors())
    with rawdisk("magic.img") as server:
        check(server.errors() == "", server.errors())


def new_image_is_announced_or_forbidden():
    with rawdisk("new.img", "--size", "4M") as server:
        check(f"new image {path('new.img')} of 4194304 bytes (4 MiB)" in server.errors(),
              server.errors())
    with rawdisk("new.img", "--no-create") as server:
        check("new image" not in server.errors(), server.errors())
    with open(path("empty.img"), "wb"):
        pass
    for name, text in (("mistyped.img", "is missing"), ("empty.img", "is empty")):
        _, errors = run("rawdisk", "-f", path(name), "--size", "4M", "--no-create", "-p", ANY,
                        status=1)
        check(path(name) in errors and text in errors and "--no-create" in errors, errors)
    check(not os.path.exists(path("mistyped.img")), "it was made")
    check(os.path.getsize(path("empty.img")) == 0, "it was sized")


def each_kind_of_file_has_its_own_text():
    os.symlink(path("not-there.img"), path("dangling"))
    os.mkfifo(path("fifo"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path("kind.sock"))
    texts = {
        "/proc/version": "file of /proc",
        path("dangling"): f"symbolic link to {path('not-there.img')}",
        path("fifo"): "is a pipe",
        path("kind.sock"): "is a socket",
        path("."): "is a directory",
        "/dev/zero": "is a character device",
        path("nowhere/disk.img"): "No such file",
        path("fifo/disk.img"): "Not a directory",
        path("slash/"): "No such file",
    }
    for name, text in texts.items():
        _, errors = run("rawdisk", "-f", name, "--size", "1M", "-p", ANY, status=1)
        check(name in errors and text in errors, f"{name}: {errors!r} lacks {text!r}")
    listener.close()
    check(not os.path.exists(path("not-there.img")), "a dangling link made a file")
    check(stat.S_ISFIFO(os.stat(path("fifo")).st_mode), "the pipe was replaced")


def loop_device(name, sector):
    made = subprocess.run(["losetup", "-f", "--show", "-b", str(sector), path(name)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        raise Skip(f"no loop device with sectors of {sector} bytes: {made.stderr.strip()}")
    return made.stdout.strip()


def block_length(device, *options):
    with Server("rawdisk", "-f", device, "--state", path("sectors.state"), "--new-identity",
                *options, "-p", ANY) as server:
        said = client("iscsi-readcapacity16", server.url)
        length = int(server.said.split(" -l ")[1].split()[0])
        check(str(length) in said, f"blocks of {length} bytes: {said}")
        return length


def device_is_served_with_its_sectors():
    with open(path("sectors.img"), "wb") as file:
        file.truncate(64 * MIB)
    device = loop_device("sectors.img", 4096)
    try:
        check(block_length(device) == 4096, "an empty device of 4096-byte sectors")
        check(block_length(device, "-l", "512") == 512, "-l 512 on it")
        # Partitioned through a server of 512-byte blocks, it keeps them.
        with Server("rawdisk", "-f", device, "--state", path("sectors.state"), "-l", "512", "-p",
                    ANY) as server:
            client("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", gpt_image(), server.url)
        check(block_length(device) == 512, "one with a GPT of 512-byte blocks")
    finally:
        subprocess.run(["losetup", "-d", device], check=False)
    device = loop_device("sectors.img", 512)
    try:
        check(block_length(device) == 512, "a device of 512-byte sectors")
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


def gpt_image():
    image = path("gpt.img")
    with open(image, "wb") as file:
        file.truncate(64 * MIB)
    client("/usr/sbin/sgdisk", "-n", "1:2048:0", image)
    return image


TESTS = [images_of_other_formats_are_refused, format_raw_serves_them_and_is_remembered,
         first_bytes_alone_are_a_warning, new_image_is_announced_or_forbidden,
         each_kind_of_file_has_its_own_text, device_is_served_with_its_sectors]
