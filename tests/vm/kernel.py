# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Debian's own kernel for virtual machines: downloaded and unpacked, never installed.

The cache has, under vm/kernel-RELEASE/: `vmlinux`, the kernel proper as an ELF file, so that the
guest spends no time decompressing itself; `lib/modules/RELEASE`, the modules.
"""

import contextlib
import fcntl
import glob
import os
import platform
import shutil
import struct
import subprocess
import tempfile

PACKAGE = "linux-image-cloud-amd64"


class KernelError(Exception):
    pass


class Kernel:
    def __init__(self, directory):
        self.directory = directory
        self.release = os.path.basename(directory).split("-", 1)[1]
        self.vmlinux = os.path.join(directory, "vmlinux")
        self.modules = os.path.join(directory, "lib", "modules", self.release)


@contextlib.contextmanager
def alone(cache):
    """`make demo` and the tests share the cache: what one of them makes, the other waits for."""
    store = os.path.join(cache, "vm")
    os.makedirs(store, exist_ok=True)
    with open(os.path.join(store, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield store


def obtain(cache):
    """The kernel in the cache; when there is none, Debian's current one goes there first."""
    if platform.machine() != "x86_64":
        raise KernelError(f"the virtual machine needs an x86_64 host, this is {platform.machine()}")
    with alone(cache) as store:
        found = sorted(glob.glob(os.path.join(store, "kernel-*")))
        if found:
            return Kernel(found[-1])
        with tempfile.TemporaryDirectory(dir=store, prefix="fetch-") as scratch:
            return Kernel(_unpack(_download(scratch, store), scratch, store))


def _run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          **options)
    if done.returncode != 0:
        raise KernelError(f'{" ".join(command)}: exit {done.returncode}: '
                          + done.stderr.decode(errors="replace").strip())
    return done.stdout


def _download(scratch, store):
    """The package file. The host's package lists may be old or absent, and only root may refresh
    them; then lists of our own do."""
    private = os.path.join(os.path.abspath(store), "apt")
    own = ["-o", f"Dir::State::Lists={private}/lists", "-o", f"Dir::Cache={private}/cache"]
    try:
        return _download_with([], scratch)
    except KernelError:
        for name in ("lists", "cache"):
            os.makedirs(os.path.join(private, name), exist_ok=True)
        _run("apt-get", *own, "-q", "update")
        try:
            return _download_with(own, scratch)
        finally:
            shutil.rmtree(private)


def _download_with(options, scratch):
    # The package itself is empty: it depends on the one with the current kernel.
    depends = _run("apt-cache", *options, "depends", PACKAGE).decode()
    names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise KernelError(f"apt knows no package {PACKAGE}")
    _run("apt-get", *options, "-q", "-o", "APT::Sandbox::User=root", "download", names[0],
         cwd=scratch)
    return glob.glob(os.path.join(scratch, "*.deb"))[0]


def _unpack(package, scratch, store):
    root = os.path.join(scratch, "root")
    _run("dpkg", "-x", package, root)
    image, = glob.glob(os.path.join(root, "boot", "vmlinuz-*"))
    release = os.path.basename(image).split("-", 1)[1]
    with open(image, "rb") as stream:
        vmlinux = extract_vmlinux(stream.read())
    with open(os.path.join(root, "vmlinux"), "wb") as stream:
        stream.write(vmlinux)
    shutil.rmtree(os.path.join(root, "usr"), ignore_errors=True)
    # The package leaves this to its installation script.
    depmod = shutil.which("depmod", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not depmod:
        raise KernelError("depmod is missing: install the package kmod")
    _run(depmod, "-b", root, release)
    home = os.path.join(store, f"kernel-{release}")
    os.rename(root, home)
    return home


def extract_vmlinux(image):
    """The ELF file inside a bzImage (Documentation/x86/boot.rst, protocol 2.08 and later)."""
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    # The last four bytes are the length of what comes out.
    payload = image[start:start + length - 4]
    expected, = struct.unpack_from("<I", image, start + length - 4)
    if not payload.startswith(bytes.fromhex("02214c18")):
        raise KernelError("the kernel is not compressed by LZ4, as those of Debian 12 are")
    vmlinux = _run("lz4", "-dc", input=payload)
    if len(vmlinux) != expected or not vmlinux.startswith(b"\x7fELF"):
        raise KernelError("the kernel did not decompress to an ELF file of the expected length")
    return vmlinux
