# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The guest's files in memory: cpio archives, one after the other.

`base` holds modules and tools, `fio` only fio, whose libraries are larger than all the rest; both
are costly to make and stay in the cache. The scripts and parameters of one boot are put behind.
"""

import glob
import hashlib
import io
import os
import re
import shutil
import subprocess

import cpio
from kernel import alone

MODULES = ("virtio_mmio", "virtio_net", "sd_mod", "sg", "iscsi_tcp", "fuse", "crc32c_intel")

# The shell of busybox prefers its own applets, whatever PATH says: hence mkfs.ext4, not mke2fs.
TOOLS = {
    "base": {
        "e2fsprogs": ("mkfs.ext4", "e2fsck"),
        "gdisk": ("sgdisk",),
        "ntfs-3g": ("mkntfs", "ntfs-3g", "ntfsfix"),
        "open-iscsi": ("iscsid", "iscsiadm"),
        "sg3-utils": ("sg_compare_and_write", "sg_dd", "sg_get_lba_status", "sg_inq", "sg_logs",
                      "sg_luns", "sg_modes", "sg_opcodes", "sg_persist", "sg_raw", "sg_readcap",
                      "sg_reset", "sg_sync", "sg_turs", "sg_unmap", "sg_verify", "sg_vpd",
                      "sg_write_same"),
    },
    "fio": {"fio": ("fio",)},
}

FILES = {"base": ("/etc/mke2fs.conf",), "fio": ()}

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest")


class InitrdError(Exception):
    pass


def obtain(cache, kernel, part):
    """The path of archive `part`, made when the cache has none for this kernel and these tools."""
    packages = ["busybox-static", *TOOLS[part]] if part == "base" else list(TOOLS[part])
    with alone(cache) as store:
        path = os.path.join(store, f"{part}-{_key(kernel, packages)}.cpio")
        if not os.path.exists(path):
            _make(path + ".new", kernel, part)
            for old in glob.glob(os.path.join(store, f"{part}-*.cpio")):
                os.unlink(old)
            os.rename(path + ".new", path)
    return path


def _make(path, kernel, part):
    with open(path, "wb") as stream:
        archive = cpio.Archive(stream)
        if part == "base":
            _add_busybox(archive)
            _add_modules(archive, kernel)
        _add_tools(archive, [tool for tools in TOOLS[part].values() for tool in tools])
        for name in FILES[part]:
            archive.copy(name[1:], name)
        archive.close()


def programs(path, files):
    """An archive of our programs, made anew each time; returns its path."""
    with open(path, "wb") as stream:
        archive = cpio.Archive(stream)
        _add_programs(archive, files)
        archive.close()
    return path


def overlay(parameters, files=()):
    """The archive of one boot: the guest's scripts, /parameters and `files`, pairs of name and
    content."""
    stream = io.BytesIO()
    archive = cpio.Archive(stream)
    for name in sorted(os.listdir(GUEST)):
        archive.copy("init" if name == "init" else f"guest/{name}", os.path.join(GUEST, name))
    lines = [f"{name}='{value}'\n" for name, value in parameters.items()]
    archive.file("parameters", "".join(lines).encode())
    for name, content in files:
        archive.file(name, content)
    archive.close()
    return stream.getvalue()


def _key(kernel, packages):
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if versions.returncode != 0:
        raise InitrdError("packages are missing, install them: "
                          + versions.stderr.decode().strip().replace("\n", "; "))
    with open(__file__, "rb") as recipe:
        text = kernel.release.encode() + versions.stdout + recipe.read()
    return hashlib.sha256(text).hexdigest()[:16]


def _which(tool):
    path = shutil.which(tool, path=PATH)
    if not path:
        raise InitrdError(f"{tool} is not installed")
    return path


def _add_busybox(archive):
    busybox = _which("busybox")
    archive.copy("bin/busybox", busybox)
    applets = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, check=True).stdout
    for applet in applets.decode().split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")


def _add_modules(archive, kernel):
    wanted = _module_closure(kernel)
    home = f"lib/modules/{kernel.release}"
    for path in wanted:
        archive.copy(f"{home}/{path}", os.path.join(kernel.modules, path))
    archive.copy(f"{home}/modules.dep", os.path.join(kernel.modules, "modules.dep"))


def _module_closure(kernel):
    depends, builtin = {}, set()
    name_of = lambda path: re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")
    with open(os.path.join(kernel.modules, "modules.dep"), encoding="ascii") as stream:
        for line in stream:
            path, needed = line.split(":")
            depends[name_of(path)] = (path, needed.split())
    with open(os.path.join(kernel.modules, "modules.builtin"), encoding="ascii") as stream:
        builtin = {name_of(line.strip()) for line in stream}
    wanted = set()
    for module in MODULES:
        if module in depends:
            wanted.update([depends[module][0], *depends[module][1]])
        elif module not in builtin:
            raise InitrdError(f"kernel {kernel.release} has no module {module}")
    return sorted(wanted)


def _add_tools(archive, tools):
    _add_programs(archive, [_which(tool) for tool in tools])


def _add_programs(archive, paths):
    libraries = set()
    for path in paths:
        archive.copy(f"sbin/{os.path.basename(path)}", path)
        listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True).stdout.decode()
        libraries.update(re.findall(r"(/\S+) \(0x", listing))
    for library in sorted(libraries):
        archive.copy(library[1:], library)
