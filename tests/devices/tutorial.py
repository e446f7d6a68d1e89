# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""doc/tutorial.md and the examples: what a reader would do, with what make install installs."""

import os
import re
import subprocess
from pathlib import Path

from program import BUILD, TIMEOUT, Server, check, client, path, qemu_io

TOP = Path(__file__).resolve().parent.parent.parent
STAGE = path("stage")
NAME = "iscsi://127.0.0.1:0/iqn.2026-01.org.example:tutorial"


def quoted_program():
    # The other half is for Windows; tests/devices/windows has it.
    text = (TOP / "doc/tutorial.md").read_text().split("\n## The same disk on Windows")[0]
    return "\n".join(re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def quoted_code_is_the_example():
    example = (TOP / "examples/ramdisk.c").read_text()
    check(quoted_program() == example, "doc/tutorial.md and examples/ramdisk.c differ")
    lines = len(example.splitlines())
    check(lines <= 60, f"examples/ramdisk.c has {lines} lines; the tutorial promises 60")


def installed():
    """Installs below STAGE, once; returns the flags that pkg-config has for it."""
    if not os.path.isdir(STAGE):
        subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", BUILD,
                        "--destdir", STAGE], check=True, timeout=TIMEOUT)
    found = sorted(Path(STAGE).rglob("spd.pc"))
    check(found, "nothing installed a spd.pc")
    prefix = re.search(r"^prefix=(.*)$", found[0].read_text(), re.MULTILINE)[1]
    call = ["pkg-config", f"--define-variable=prefix={STAGE}{prefix}", "--cflags", "--libs", "spd"]
    done = subprocess.run(call, env={**os.environ, "PKG_CONFIG_PATH": str(found[0].parent)},
                          stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()


def built(name, source, *flags):
    binary = path(name)
    client("cc", "-std=c11", "-Wall", "-o", binary, str(source), *flags, *installed())
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


TESTS = [quoted_code_is_the_example, tutorial_builds_and_is_a_disk,
         asynchronous_example_is_a_disk_with_a_bad_block]
