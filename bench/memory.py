# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Resident memory of a server: idle, for each session, and under load.

It is measured before the disk is filled, and the load only reads: so memdisk holds no data yet.
"""

import contextlib
import socket
import subprocess
import time

import flood
from servers import Failed, pinned

SESSIONS = 16
BLOCK, DEPTH = 4 << 10, 32


def sessions_memory(server):
    """Resident bytes while SESSIONS initiators are logged in."""
    with contextlib.ExitStack() as stack:
        for number in range(SESSIONS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60))
            sock.sendall(flood.login_request(server.iqn, f"{server.iqn}.initiator{number}", number))
            answer = flood.receive(sock, 48)
            if answer[0] != 0x23 or answer[36]:
                raise Failed(f"{server.name} refuses a login")
        return server.memory()


def load_memory(setup, server):
    """The most resident bytes that were seen while an initiator reads."""
    process = pinned(
        [setup.spdbench, "--url", server.url, "--rw", "read", "--block", str(BLOCK), "--depth",
         str(DEPTH), "--seconds", str(setup.seconds)], setup.cpu, stdout=subprocess.DEVNULL)
    most = 0
    try:
        while process.poll() is None:
            most = max(most, server.memory())
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise Failed(f"spdbench ended with {process.returncode}")
    return most


def measure(setup, server):
    """Bytes, by the names of the rows."""
    idle = server.memory()
    return {"idle": idle,
            f"each of {SESSIONS} sessions": (sessions_memory(server) - idle) / SESSIONS,
            "4K qd32 read": load_memory(setup, server)}
