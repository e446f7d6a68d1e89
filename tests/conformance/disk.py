# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""One of our disks, served for the length of a test."""

import os
import re
import select
import subprocess
import time

BIN = os.environ["BIN"]
WORK = os.environ["WORK"]
START_TIMEOUT = 20
STOP_TIMEOUT = 20


class Disk:
    """A program of ours behind an iSCSI port that the system chose."""

    def __init__(self, name, program, *options):
        self.name = name
        uri = f"iscsi://127.0.0.1:0/iqn.2026-01.org.example:{name}"
        self.log = os.path.join(WORK, f"{name}.log")
        self.process = subprocess.Popen(
            [os.path.join(BIN, program), *options, "-p", uri],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.url = self._started() + "/0"

    def _started(self):
        """The URI in the start line, with the port that was chosen."""
        said = b""
        deadline = time.monotonic() + START_TIMEOUT
        output = self.process.stdout.fileno()
        while time.monotonic() < deadline:
            ready, _, _ = select.select([output], [], [], 1)
            piece = os.read(output, 4096) if ready else b""
            said += piece
            found = re.search(rb"iscsi://[^\s:]+:(?!0/)\d+/[^\s?]+(?=[\s?])", said)
            if found:
                return found[0].decode()
            if ready and not piece:
                break
        self.process.kill()
        raise RuntimeError(f"{self.name} did not start: {said.decode(errors='replace')}")

    def stop(self):
        """Ends it as its operator would; returns an empty string, or what went wrong."""
        wrong = ""
        if self.process.poll() is not None:
            wrong = f"it had died with status {self.process.returncode}"
        self.process.terminate()
        try:
            said, _ = self.process.communicate(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
            wrong = f"it did not end within {STOP_TIMEOUT} s of SIGTERM"
        if not wrong and self.process.returncode:
            wrong = f"it ended with status {self.process.returncode}"
        return f"{wrong}\n{said.decode(errors='replace')}" if wrong else ""


class Image(Disk):
    """A rawdisk; its image is at .path."""

    def __init__(self, name, blocks, block_length=512, *options):
        self.path = os.path.join(WORK, f"{name}.img")
        super().__init__(name, "rawdisk", "-f", self.path, "-c", str(blocks),
                         "-l", str(block_length), *options)
