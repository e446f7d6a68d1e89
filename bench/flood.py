# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Logins of one host while another one floods the target, both on loopback."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import socket
import struct
import time

HONEST, HOSTILE = "127.0.0.1", "127.0.0.2"
HELD = 1100  # connections that the flood keeps
PATIENCE = 5


def login_request(target, name, number):
    keys = f"InitiatorName={name}\0TargetName={target}\0SessionType=Normal\0".encode()
    header = struct.pack(">BBxxI", 0x43, 0x87, len(keys)) + b"\x80" + struct.pack(">I", number)
    return header.ljust(48, b"\0") + keys + bytes(-len(keys) % 4)


def connect(server, host):
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    sock.bind((host, 0))
    sock.connect(("127.0.0.1", server.port))
    return sock


def receive(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def silent(sock, server, number):
    pass


def trickling(sock, server, number):
    sock.send(b"\x43")


def refused(sock, server, number):
    sock.send(login_request("iqn.2026-01.org.winspd.bench:nothing", server.iqn, number))


def logged_in(sock, server, number):
    sock.send(login_request(server.iqn, f"{server.iqn}.hostile{number % 1000}", number))


KINDS = {kind.__name__.replace("_", " "): kind for kind in (silent, trickling, refused, logged_in)}


def flood(server, kind, ready, done):
    """Connects as fast as it can, until it is killed."""
    held = collections.deque()
    for number in itertools.count():
        # Whatever the target does to it, it goes on.
        with contextlib.suppress(OSError):
            sock = connect(server, HOSTILE)
            held.append(sock)
            KINDS[kind](sock, server, number)
            done.value += 1
        if len(held) > HELD:
            held.popleft().close()
            ready.set()


def log_in(server, number):
    """Seconds; None: it was not let in."""
    begin = time.monotonic()
    try:
        with connect(server, HONEST) as sock:
            sock.send(login_request(server.iqn, server.iqn + ".honest", number))
            answer = receive(sock, 48)
            return time.monotonic() - begin if answer[36:38] == b"\0\0" else None
    except OSError:
        return None


def measure(server, kind, seconds):
    """kind: of KINDS; None: no flood. Logins a second, how many failed, and the 99th percentile."""
    ready, done = multiprocessing.Event(), multiprocessing.Value("L", 0, lock=False)
    hostile = None
    if kind is not None:
        hostile = multiprocessing.Process(target=flood, args=(server, kind, ready, done),
                                          daemon=True)
        hostile.start()
        ready.wait(60)
    try:
        times, failed, before = [], 0, done.value
        begin = time.monotonic()
        while time.monotonic() < begin + seconds:
            took = log_in(server, os.getpid() << 16 | len(times) & 0xffff)
            if took is None:
                failed += 1
            else:
                times.append(took)
        passed = time.monotonic() - begin
        flooded = (done.value - before) / passed
    finally:
        if hostile is not None:
            hostile.kill()
            hostile.join()
    times.sort()
    return {"server": server.name, "kind": kind or "none", "flood": flooded,
            "rate": len(times) / passed, "failed": failed,
            "ms99": times[len(times) * 99 // 100] * 1000 if times else None}
