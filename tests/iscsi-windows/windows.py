# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A disk that a Windows program of ours serves, under Wine; its sockets are this system's."""

import signal
import subprocess
import time
from pathlib import Path

from disk import Disk

TOP = Path(__file__).resolve().parent.parent.parent


class WindowsDisk(Disk):
    ends_at = signal.SIGINT  # to a Windows program it is Ctrl-C

    @staticmethod
    def command(program, kind):
        return ["wine", str(TOP / f"build/windows-x64/devices/{program}/{program}-x64.exe")]

    def die(self):
        """As programs do that are killed."""
        self.process.kill()
        self.process.communicate()


def started_again(disk):
    """A new one at the port of one that died, whose sockets Wine closes a moment later."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return WindowsDisk(disk.name, "memdisk", disk.size, authority=disk.url.split("/")[2])
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def path_of(path):
    return "Z:" + path.replace("/", "\\")


def refusal(*arguments):
    """(exit status, text) of a memdisk that does not serve."""
    done = subprocess.run([*WindowsDisk.command("memdisk", None), *arguments],
                          env=WindowsDisk.environment, stdin=subprocess.DEVNULL, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout
