# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A display that nobody sees, for programs with windows. Wine makes none without a display."""

import os
import shutil
import subprocess
from contextlib import contextmanager


@contextmanager
def display():
    """Its name, for DISPLAY; None where Debian's package xvfb is not installed. The server takes a
    number that is free."""
    if not shutil.which("Xvfb"):
        yield None
        return
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as says:
            number = says.readline().strip()
        assert number, f"Xvfb has ended: {server.wait()}"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
