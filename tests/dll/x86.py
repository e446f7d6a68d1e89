# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""32-bit programs on a 64-bit Wine: its experimental WoW64 runs them where the 32-bit halves of its
DLLs are found. These are in libwine of the architecture i386, which scripts/inputs fetches and
nothing installs: Debian's `wine` would start a 32-bit Wine from then on."""

import copy
import functools
import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PACKAGE = TOP / "build/inputs/libwine"
HALVES = PACKAGE / "usr/lib/i386-linux-gnu/wine/i386-windows"
WINE = Path("/usr/lib/x86_64-linux-gnu/wine")


def missing():
    """Why 32-bit programs cannot run; empty when they can."""
    if not (PACKAGE / "package.json").exists():
        return "there are no 32-bit DLLs of Wine; `make test-inputs` fetches them"
    ours = json.loads((PACKAGE / "package.json").read_text())["version"]
    installed = subprocess.run(["wine", "--version"], stdout=subprocess.PIPE, check=True,
                               stderr=subprocess.DEVNULL, text=True).stdout.strip()
    if f"Debian {ours})" not in installed:
        return f"the 32-bit DLLs are those of Wine {ours}, and this is {installed}"
    return ""


def links(folder, *sources):
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        for file in source.iterdir():
            link = folder / file.name
            link.unlink(missing_ok=True)
            link.symlink_to(file)


def environment(of_x64, work):
    """For 32-bit programs in the same prefix. Wine looks for a DLL's Linux half beside the folder
    of its 32-bit one."""
    folder = work / "wow64"
    links(folder / "i386-windows", HALVES, WINE / "i386-windows")
    (folder / "x86_64-unix").symlink_to(WINE / "x86_64-unix")
    links(Path(of_x64["WINEPREFIX"]) / "drive_c/windows/syswow64", folder / "i386-windows")
    path = f"Z:{TOP}/build/windows-x86/src/dll".replace("/", "\\")
    return {**of_x64, "WINEDLLPATH": str(folder), "WINEPATH": path}


@functools.cache
def wow64(prefix):
    """The same machine, for 32-bit programs."""
    narrow = copy.copy(prefix)
    narrow.env = environment(prefix.env, Path(os.environ["WORK"]))
    return narrow
