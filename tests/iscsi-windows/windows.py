# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A disk that one of our Windows programs serves, under Wine; its sockets are this system's."""

import signal
import subprocess
from pathlib import Path

from disk import Disk

TOP = Path(__file__).resolve().parent.parent.parent


class WindowsDisk(Disk):
    prefix = None  # Wine's; all disks of a run share it
    ends_at = signal.SIGINT  # to a Windows program it is Ctrl-C

    @staticmethod
    def command(program, kind):
        return ["wine", str(TOP / f"build/windows-x64/devices/{program}/{program}-x64.exe")]

    def die(self):
        """As programs do that are killed."""
        self.process.kill()
        self.process.communicate()


def boot(prefix):
    """Wine's own processes keep the standard output of the first program that is started."""
    subprocess.run(["wine", "wineboot"], env=prefix.env, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, check=True)


def started_again(disk):
    """A new one at the port of one that died, and nothing else may run: Wine's server keeps the
    sockets of the dead for a while, or for as long as it lives, so it has to end, too."""
    WindowsDisk.prefix.restart()
    boot(WindowsDisk.prefix)
    return WindowsDisk(disk.name, "memdisk", disk.size, authority=disk.url.split("/")[2])


def path_of(path):
    return "Z:" + path.replace("/", "\\")


def refusal(*arguments):
    """(exit status, text) of a memdisk that does not serve."""
    done = subprocess.run([*WindowsDisk.command("memdisk", None), *arguments],
                          env=WindowsDisk.environment, stdin=subprocess.DEVNULL, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout
