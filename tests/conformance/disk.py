# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A disk of our programs, served for the length of a test."""

import os
import re
import select
import signal
import subprocess
import time

BIN = os.environ["BIN"]
BUILDS = os.path.dirname(os.environ["BUILD"])
WORK = os.environ["WORK"]
START_TIMEOUT = STOP_TIMEOUT = 120  # for what hangs; what is slow has to pass


class Disk:
    """A program of the build behind an iSCSI port that the system chose."""

    environment = None  # that of the tests
    ends_at = signal.SIGTERM

    def __init__(self, name, program, size, block_length=512, options=(), query="", kind=None,
                 authority="127.0.0.1:0"):
        """kind: the build to take it from, instead of the release: asan or tsan."""
        self.name = name
        self.size = size
        # Unless told otherwise our disks have physical blocks of 4096.
        self.large_physical_blocks = block_length < 4096
        self.path = os.path.join(WORK, f"{name}.img") if program == "rawdisk" else None
        self.process = subprocess.Popen(
            [*self.command(program, kind), *(["-f", self.path] if self.path else []),
             "-c", str(size // block_length), "-l", str(block_length), *options,
             "-p", f"iscsi://{authority}/iqn.2026-01.org.example:{name}{query}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self.environment)
        self.url = self._started()

    @staticmethod
    def command(program, kind):
        return [os.path.join(BUILDS, kind, "devices", program, program) if kind else
                os.path.join(BIN, program)]

    def _started(self):
        """The URI that it serves, with the port that was chosen."""
        said = b""
        deadline = time.monotonic() + START_TIMEOUT
        output = self.process.stdout.fileno()
        while time.monotonic() < deadline:
            ready, _, _ = select.select([output], [], [], 1)
            piece = os.read(output, 4096) if ready else b""
            said += piece
            found = re.search(rb"serving (iscsi://\S+)\s", said)
            if found:
                return found[1].decode()
            if ready and not piece:
                break
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"{self.name} did not start: {said.decode(errors='replace')}")

    def occupied(self):
        """Bytes that its data takes: of its image, or of the program's own memory."""
        if self.path:
            return os.stat(self.path).st_blocks * 512
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        """Ends it as its operator would; returns an empty string, or what went wrong."""
        wrong = ""
        if self.process.poll() is not None:
            wrong = f"it had died with status {self.process.returncode}"
        self.process.send_signal(self.ends_at)
        try:
            said, _ = self.process.communicate(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
            wrong = f"it did not end within {STOP_TIMEOUT} s of {self.ends_at.name}"
        if not wrong and self.process.returncode:
            wrong = f"it ended with status {self.process.returncode}"
        return f"{wrong}\n{said.decode(errors='replace')}" if wrong else ""
