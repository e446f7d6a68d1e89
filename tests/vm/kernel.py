# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Debian's own kernels for virtual machines, by name: downloaded and unpacked, never installed.

The cache has, under vm/kernel-RELEASE/: `vmlinux`, the kernel proper as an ELF file, so that the
guest spends no time decompressing itself; `lib/modules/RELEASE`, the modules. The link
vm/linux-NAME points there. Delete the link to get the suite's current release.
"""

import glob
import os
import platform
import shutil
import struct
import tempfile
from dataclasses import dataclass

from debian import Apt, DebianError, Unavailable, alone, run

PACKAGE = "linux-image-cloud-amd64"

# The suite of each; None means the machine's own sources.
KERNELS = {
    "6.1": None,                   # Debian 12's: the demo's, has no ublk and no ntfs3
    "6.12": "bookworm-backports",  # has both
    "newest": "trixie-backports",  # may hang now and then under this QEMU
}

# First bytes of a compressed kernel: the program that decompresses it.
COMPRESSIONS = {bytes.fromhex("02214c18"): "lz4", bytes.fromhex("28b52ffd"): "zstd"}


class KernelError(Exception):
    pass


@dataclass
class Kernel:
    name: str
    directory: str

    @property
    def release(self):
        return os.path.basename(self.directory).split("-", 1)[1]

    @property
    def vmlinux(self):
        return os.path.join(self.directory, "vmlinux")

    @property
    def modules(self):
        return os.path.join(self.directory, "lib", "modules", self.release)


def obtain(cache, name="6.1"):
    """The kernel in the cache; when there is none, the suite's current one goes there first. A
    kernel of another suite than the machine's may be Unavailable."""
    if platform.machine() != "x86_64":
        raise KernelError(f"the virtual machine needs an x86_64 host, this is {platform.machine()}")
    with alone(cache) as store:
        link = os.path.join(store, f"linux-{name}")
        if not os.path.exists(link):
            with tempfile.TemporaryDirectory(dir=store, prefix="fetch-") as scratch:
                try:
                    home = _unpack(_download(scratch, name), scratch, store)
                except DebianError as error:
                    raise _worse(error, name) from error
            os.symlink(os.path.basename(home), f"{link}.new")
            os.rename(f"{link}.new", link)
        return Kernel(name, os.path.realpath(link))


def cached(cache, name):
    """The same, without a download: None when the cache has no such kernel."""
    link = os.path.join(cache, "vm", f"linux-{name}")
    return obtain(cache, name) if os.path.exists(link) else None


def _worse(error, name):
    """The demo's kernel must be there. Tests skip without another one."""
    if KERNELS[name] is None:
        return KernelError(str(error))
    return Unavailable(f"there is no kernel {name}: {error}")


def _download(scratch, name):
    """The package files. The host's package lists may be old or absent, and only root may refresh
    them; then lists of our own do."""
    suite = KERNELS[name]
    if suite is None:
        try:
            return _download_with(Apt.of_the_machine(), scratch)
        except DebianError:
            pass
    apt = Apt(os.path.join(scratch, "apt"), suite)
    apt.update()
    return _download_with(apt, scratch)


def _download_with(apt, scratch):
    # The package itself is empty: it depends on the one with the current kernel. From 7.x on that
    # one is empty, too, and depends on the kernel's parts.
    images = apt.depends(PACKAGE, r"linux-image-\d.*")
    if not images:
        raise DebianError(f"apt knows no package {PACKAGE}")
    packages = apt.depends(images[0], r"linux-(base|binary|modules)-\d.*") or images[:1]
    archives = os.path.join(scratch, "archives")
    os.makedirs(archives, exist_ok=True)
    return apt.download(packages, archives)


def _unpack(packages, scratch, store):
    root = os.path.join(scratch, "root")
    for package in packages:
        run("dpkg-deb", "-x", package, root)
    # Modules are in /lib or in /usr/lib, the kernel is in /boot or beside its modules.
    modules, = glob.glob(os.path.join(root, "lib/modules/*")) or glob.glob(
        os.path.join(root, "usr/lib/modules/*"))
    release = os.path.basename(modules)
    image, = glob.glob(os.path.join(root, "boot/vmlinuz-*")) or glob.glob(
        os.path.join(modules, "vmlinuz"))
    with open(image, "rb") as stream:
        vmlinux = extract_vmlinux(stream.read())
    home = os.path.join(scratch, "home")
    os.makedirs(os.path.join(home, "lib/modules"))
    os.rename(modules, os.path.join(home, "lib/modules", release))
    with open(os.path.join(home, "vmlinux"), "wb") as stream:
        stream.write(vmlinux)
    # The package leaves this to its installation script.
    depmod = shutil.which("depmod", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not depmod:
        raise KernelError("depmod is missing: install the package kmod")
    run(depmod, "-b", home, release)
    final = os.path.join(store, f"kernel-{release}")
    shutil.rmtree(final, ignore_errors=True)
    os.rename(home, final)
    return final


def extract_vmlinux(image):
    """The ELF file inside a bzImage (Documentation/x86/boot.rst, protocol 2.08 and later)."""
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The last four bytes are the length of what comes out.
    payload = image[start:start + length - 4]
    expected, = struct.unpack_from("<I", image, start + length - 4)
    program = COMPRESSIONS.get(payload[:4])
    if not program:
        raise KernelError(f"the kernel is compressed by none of {', '.join(COMPRESSIONS.values())}")
    if not shutil.which(program):
        raise KernelError(f"{program} is missing: install the package {program}")
    vmlinux = run(program, "-dc", input=payload)
    if len(vmlinux) != expected or not vmlinux.startswith(b"\x7fELF"):
        raise KernelError("the kernel did not decompress to an ELF file of the expected length")
    return vmlinux
