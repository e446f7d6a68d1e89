# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""doc/tutorial.md and the examples: what a reader would do, with what make install installs."""

import fcntl
import os
import re
import socket
import struct
import subprocess
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from program import BUILD, TIMEOUT, Server, Skip, Wrong, check, client, path, qemu_io

TOP = Path(__file__).resolve().parent.parent.parent
STAGE = path("stage")
NAME = "iscsi://127.0.0.1:0/iqn.2026-01.org.example:tutorial"


# The tutorial's programs, from one heading to the next; tests/devices/windows has the last one.
FIRST, PRODUCT, WINDOWS = "# Write a disk in 60 lines of C", \
    "## From the first program to a product", "## The same disk on Windows"


def quoted_program(begin=FIRST, end=PRODUCT):
    text = (TOP / "doc/tutorial.md").read_text().split(begin + "\n")[1].split(f"\n{end}\n")[0]
    return "\n".join(re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def quoted_code_is_the_example():
    for name, most, quoted in (("ramdisk", 60, quoted_program()),
                               ("lagdisk", 90, quoted_program(PRODUCT, WINDOWS))):
        example = (TOP / f"examples/{name}.c").read_text()
        check(quoted == example, f"doc/tutorial.md and examples/{name}.c differ")
        lines = len(example.splitlines())
        check(lines <= most, f"examples/{name}.c has {lines} lines of at most {most}")


def installed(library):
    """Installs below STAGE, once; returns the flags that pkg-config has for the library."""
    if not os.path.isdir(STAGE):
        subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", BUILD,
                        "--destdir", STAGE], check=True, timeout=TIMEOUT)
    found = sorted(Path(STAGE).rglob("spd.pc"))
    check(found, "nothing installed a spd.pc")
    prefix = re.search(r"^prefix=(.*)$", found[0].read_text(), re.MULTILINE)[1]
    call = ["pkg-config", f"--define-variable=prefix={STAGE}{prefix}", "--cflags", "--libs",
            *library.split()]
    done = subprocess.run(call, env={**os.environ, "PKG_CONFIG_PATH": str(found[0].parent)},
                          stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()


def built(name, source, *flags, library="spd"):
    binary = path(name)
    client("cc", "-std=c11", "-Wall", "-o", binary, str(source), *flags, *installed(library))
    library = next(Path(STAGE).rglob("libspd.so"))
    return binary, {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}


def tutorial_builds_and_is_a_disk():
    source = path("ramdisk.c")
    with open(source, "w", encoding="ascii") as file:
        file.write(quoted_program())
    binary, environment = built("ramdisk", source)
    with Server(binary, NAME, env=environment) as server:
        said = client("iscsi-inq", server.url)
        check("WinSpd" in said, said)
        said = client("iscsi-readcapacity16", server.url)
        check(str(64 << 20) in said, said)
        qemu_io(server.url, "write -P 0x5a 1M 64k", "read -P 0x5a 1M 64k", "discard 1M 64k",
                "read -P 0 1M 64k")


def asynchronous_example_is_a_disk_with_a_bad_block():
    source = TOP / "examples/slowdisk.c"
    binary, environment = built("slowdisk", source, "-D_GNU_SOURCE", "-pthread")
    with Server(binary, NAME, env=environment) as server:
        qemu_io(server.url, "write -P 0x6b 0 1M", "read -P 0x6b 0 1M")
        said = qemu_io(server.url, f"read {4000 * 4096} 4096", status=None)
        check("error" in said.lower(), said)
        qemu_io(server.url, f"read {3999 * 4096} 4096")


def asynchronous_example_ends_aborted_requests_at_once():
    """It would answer in an hour, so only the abort can end the request and the disk."""
    binary, environment = built("slowdisk", TOP / "examples/slowdisk.c", "-D_GNU_SOURCE",
                                "-pthread")
    with Server(binary, "unix:" + path("slow"), str(3600 * 1000), env=environment):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(path("slow"))
        stream.sendall(struct.pack("<QB7xQI20x", 1, 1, 0, 1))  # a read of block 0
        unread = bytearray(4)
        deadline = time.monotonic() + TIMEOUT
        while not fcntl.ioctl(stream, termios.TIOCOUTQ, unread) and any(unread):
            check(time.monotonic() < deadline, "the disk does not read its socket")
            time.sleep(0.01)
    stream.close()


def example_with_queues_is_a_file():
    """Two initiators at once are on a queue each."""
    example = TOP / "examples/uringdisk.c"
    lines = len(example.read_text().splitlines())
    check(lines <= 120, f"examples/uringdisk.c has {lines} lines of at most 120")
    if subprocess.run(["pkg-config", "--exists", "liburing"]).returncode:
        raise Skip("examples/uringdisk.c needs liburing (package liburing-dev)")
    binary, environment = built("uringdisk", example, "-D_GNU_SOURCE", library="spd liburing")
    image = path("uring.img")
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    try:
        server = Server(binary, image, NAME, env=environment)
    except Wrong as error:
        if "queue 0: Function not implemented" in str(error) or "not permitted" in str(error):
            raise Skip("this system has no io_uring") from error
        raise
    with server:
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda at: qemu_io(
                server.url, f"write -P {at} {at}M 1M", f"write -f -P {at} {at + 4}M 64k", "flush",
                f"read -P {at} {at}M 1M"), (1, 2)))
        with open(image, "r+b") as file:
            file.truncate(8 << 20)
        said = qemu_io(server.url, f"read {12 << 20} 4096", status=None)
        check("error" in said.lower(), said)
    with open(image, "rb") as file:
        data = file.read()
    for at in (1, 2):
        check(data[at << 20:(at + 1) << 20] == bytes([at]) * (1 << 20), f"the data of {at} MiB")


def product_has_the_options_and_manners_of_rawdisk():
    binary, environment = built("lagdisk", TOP / "examples/lagdisk.c", library="spd-program")
    with Server(binary, "--size", "8M", "--write-lag", "1", "--stats", "-p", NAME,
                env=environment) as server:
        check("lagdisk --write-lag 1 -c 16384 -l 512 -i LagDisk" in server.said, server.said)
        qemu_io(server.url, "write -P 0x6b 0 64k", "read -P 0x6b 0 64k")
    check(re.search(r"^write +[1-9]", server.said, re.MULTILINE), server.said)
    check(server.process.returncode == 0, server.said)
    for words, status, message in ((["--version"], 0, "lagdisk 1.0"),
                                   (["--help"], 0, "--read-lag MS"),
                                   (["--read-lag", "soon"], 87, "must be a number from 0 to 60000"),
                                   (["-U", "1"], 87, "there is no option -U")):
        done = subprocess.run([binary, *words], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
        check(done.returncode == status and message in done.stdout, f"{words}: {done}")


TESTS = [quoted_code_is_the_example, tutorial_builds_and_is_a_disk,
         product_has_the_options_and_manners_of_rawdisk,
         asynchronous_example_is_a_disk_with_a_bad_block,
         asynchronous_example_ends_aborted_requests_at_once, example_with_queues_is_a_file]
