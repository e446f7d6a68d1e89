# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The guest's files in memory: cpio archives, one after the other.

Modules of a kernel are an archive, and so is each set of tools. They are costly to make and stay in
the cache. Our programs, and the scripts and parameters of one boot, are put behind.
"""

import glob
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess

import cpio
from debian import alone

# Every boot loads these, if its kernel has them as files.
LOADED = ("virtio_mmio", "virtio_net", "sd_mod", "sg", "fuse", "crc32c_intel")
# The guest has these as well. A boot names those that it loads.
MODULES = ("brd", "dm_mod", "iscsi_tcp", "loop", "nbd", "ntfs", "ntfs3", "raid1", "raid456",
           "target_core_user", "tcm_loop", "ublk_drv", "virtio_blk", "virtio_scsi", "xfs")

# The shell of busybox prefers its own applets, whatever PATH says: hence mkfs.ext4, not mke2fs.
TOOLS = {
    "base": {
        "e2fsprogs": ("mkfs.ext4", "e2fsck", "resize2fs"),
        "gdisk": ("sgdisk",),
        "ntfs-3g": ("mkntfs", "ntfs-3g", "ntfsfix"),
        "open-iscsi": ("iscsid", "iscsiadm"),
        "sg3-utils": ("sg_compare_and_write", "sg_dd", "sg_get_lba_status", "sg_inq", "sg_logs",
                      "sg_luns", "sg_modes", "sg_opcodes", "sg_persist", "sg_raw", "sg_readcap",
                      "sg_reset", "sg_sync", "sg_turs", "sg_unmap", "sg_verify", "sg_vpd",
                      "sg_write_same"),
    },
    # Its libraries are larger than all the rest.
    "fio": {"fio": ("fio",)},
    "nbd": {"nbd-client": ("nbd-client",)},
    "xfs": {"xfsprogs": ("mkfs.xfs", "xfs_repair")},
}

FILES = {"base": ("/etc/mke2fs.conf",)}

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
GUEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest")


class InitrdError(Exception):
    pass


def obtain(cache, kernel, *sets):
    """The paths of the archives with the kernel's modules and these sets of tools. Those that the
    cache lacks are made first."""
    with alone(cache) as store:
        paths = [_cached(store, f"modules-{kernel.release}", repr(MODULES),
                         lambda archive: _add_modules(archive, kernel))]
        for name in sets:
            paths.append(_cached(store, f"tools-{name}", _versions(name),
                                 lambda archive, name=name: _add_set(archive, name)))
    return paths


def _cached(store, name, content, fill):
    """The path of an archive, which `fill` makes if the cache has none of this content."""
    with open(__file__, "rb") as recipe:
        key = hashlib.sha256(content.encode() + recipe.read()).hexdigest()[:16]
    path = os.path.join(store, f"{name}-{key}.cpio")
    if not os.path.exists(path):
        with open(path + ".new", "wb") as stream:
            archive = cpio.Archive(stream)
            fill(archive)
            archive.close()
        for old in glob.glob(os.path.join(store, f"{glob.escape(name)}-*.cpio")):
            os.unlink(old)
        os.rename(path + ".new", path)
    return path


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


def folder(path, name):
    """The files of a folder of the host, as pairs for overlay(); they are below /NAME."""
    pairs = []
    for where, _, files in os.walk(path):
        for file in sorted(files):
            source = os.path.join(where, file)
            with open(source, "rb") as stream:
                pairs.append((os.path.join(name, os.path.relpath(source, path)), stream.read()))
    return pairs


def to_load(kernel, wanted):
    """The modules that a boot loads: those of every boot and the wanted ones, without what the
    kernel has built in."""
    depends, builtin = _known_modules(kernel)
    for module in wanted:
        if module not in LOADED + MODULES:
            raise InitrdError(f"module {module} is not in MODULES of {__file__}")
        if module not in depends and module not in builtin:
            raise InitrdError(f"kernel {kernel.release} has no module {module}")
    return [module for module in (*LOADED, *wanted) if module in depends]


def _versions(name):
    packages = sorted(TOOLS[name]) + ["busybox-static"] * (name == "base")
    versions = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if versions.returncode != 0:
        raise InitrdError("packages are missing, install them: "
                          + versions.stderr.decode().strip().replace("\n", "; "))
    return versions.stdout.decode()


def _add_set(archive, name):
    if name == "base":
        _add_busybox(archive)
    _add_programs(archive, [_which(tool) for tools in TOOLS[name].values() for tool in tools])
    for file in FILES.get(name, ()):
        archive.copy(file[1:], file)


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
    """All of MODULES that the kernel has, not compressed: busybox loads no compressed ones."""
    depends, _ = _known_modules(kernel)
    wanted = set()
    for module in LOADED + MODULES:
        if module in depends:
            wanted.update([depends[module][0], *depends[module][1]])
    home = f"lib/modules/{kernel.release}"
    for path in sorted(wanted):
        with open(os.path.join(kernel.modules, path), "rb") as stream:
            content = stream.read()
        if path.endswith(".xz"):
            content = lzma.decompress(content)
        archive.file(f"{home}/{_plain(path)}", content)
    with open(os.path.join(kernel.modules, "modules.dep"), encoding="ascii") as stream:
        archive.file(f"{home}/modules.dep", _plain(stream.read()).encode())


def _plain(text):
    return re.sub(r"\.ko\.xz\b", ".ko", text)


def _known_modules(kernel):
    """Modules that are files, by name: path and paths of those that they need; names of those
    that are built in."""
    depends, builtin = {}, set()
    with open(os.path.join(kernel.modules, "modules.dep"), encoding="ascii") as stream:
        for line in stream:
            path, needed = line.split(":")
            depends[_name(path)] = (path, needed.split())
    with open(os.path.join(kernel.modules, "modules.builtin"), encoding="ascii") as stream:
        builtin = {_name(line.strip()) for line in stream}
    return depends, builtin


def _name(path):
    return re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")


def _add_programs(archive, paths):
    libraries = set()
    for path in paths:
        archive.copy(f"sbin/{os.path.basename(path)}", path)
        listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True).stdout.decode()
        libraries.update(re.findall(r"(/\S+) \(0x", listing))
    for library in sorted(libraries):
        archive.copy(library[1:], library)
