# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Many initiators of one disk at once, none of which may be refused a command."""

import subprocess
from pathlib import Path

SESSIONS = 64
# Bytes a command, and how many of them a session runs at most.
SIZES = ((4 << 10, 1024), (128 << 10, 256), (1 << 20, 64))


def peak(server):
    """Resident bytes at most so far."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{server.name} has ended")


def run(spdbench, server, depth, sessions=SESSIONS, seconds=600):
    """Reads and writes of all sizes, mixed. The initiators' complaints: a list of texts."""
    processes = []
    try:
        for i in range(sessions):
            block, count = SIZES[i % len(SIZES)]
            processes.append(subprocess.Popen(
                [spdbench, "--url", server.url, "--rw", ("read", "write")[i // len(SIZES) % 2],
                 "--block", str(block), "--depth", str(min(depth, count)), "--count", str(count)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True))
        wrong = []
        for process in processes:
            _, err = process.communicate(timeout=seconds)
            if process.returncode:
                wrong.append(err.strip().splitlines()[0] if err.strip() else "it died")
        return wrong
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
