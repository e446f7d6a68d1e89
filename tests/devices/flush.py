# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Initiators get errors when the medium below rawdisk loses written data.

The medium is badmedium.c: it tells its error once, as Linux does, whatever it concerned.
"""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

from program import ANY, BUILD, TIMEOUT, Server, check, path

for folder in ("conformance", "iscsi-windows"):
    sys.path.append(str(Path(__file__).resolve().parent.parent / folder))

from initiator import BLOCK, Initiator  # noqa: E402

MIB = 1 << 20
SESSIONS = 4


class BadDisk:
    """A rawdisk on a medium that loses what it is given. Ended in order, it must say so."""

    def __init__(self, name, *arguments, writes, gate=None):
        self.image = path(name)
        with open(self.image, "wb") as file:
            file.truncate(4 * MIB)
        preload = os.path.join(BUILD, "tests/devices/badmedium.so")
        env = dict(os.environ, LD_PRELOAD=preload, BADMEDIUM_FILE=self.image,
                   BADMEDIUM_WRITES=str(writes))
        if gate:
            env["BADMEDIUM_GATE"] = gate
        self.server = Server("rawdisk", "-f", self.image, "--threads", str(2 * SESSIONS),
                             *arguments, "-p", ANY, env=env)

    def __enter__(self):
        return self.server

    def __exit__(self, kind, value, traceback):
        status = self.server.end()
        said = self.server.errors()
        self.server.log.close()
        if kind is None:
            check(status == 1, f"status {status} at the end\n{said}")
            check("a flush of image" in said, f"it does not say what was lost:\n{said}")


def start(url, *commands):
    words = [word for command in commands for word in ("-c", command)]
    return subprocess.Popen(["qemu-io", "-f", "raw", "-t", "none", *words, url],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def said_by(sessions):
    return [session.communicate(timeout=TIMEOUT)[0] for session in sessions]


def check_all_failed(said, each=1):
    for text in said:
        check(text.count("Input/output error") >= each and "wrote" not in text,
              f"data that was lost was answered with GOOD:\n{text}")


def writes_that_were_lost(name, command, *arguments):
    """Each session has two running writes; no flush ends before all of them are in the cache."""
    with BadDisk(name, *arguments, writes=2 * SESSIONS) as server:
        sessions = [start(server.url, f"{command} -P 1 {2 * i * 4}k 4k",
                          f"{command} -P 2 {(2 * i + 1) * 4}k 4k", "aio_flush")
                    for i in range(SESSIONS)]
        check_all_failed(said_by(sessions), each=2)


def fua_writes_that_were_lost_all_fail():
    writes_that_were_lost("lost-fua.img", "aio_write -f")


def writes_without_a_cache_that_were_lost_all_fail():
    writes_that_were_lost("lost-through.img", "aio_write", "-C", "0")


def synchronize_caches_that_cover_what_was_lost_all_fail():
    log, gate = path("lost-cache.log"), path("lost-cache.gate")
    os.mkfifo(gate)
    with BadDisk("lost-cache.img", "-d", "8", "-D", log, writes=SESSIONS, gate=gate) as server:
        sessions = [start(server.url, f"write -P 1 {i * 4}k 4k", "flush")
                    for i in range(SESSIONS)]
        deadline = time.monotonic() + TIMEOUT
        while begun(log) < SESSIONS:
            check(time.monotonic() < deadline, "the flushes do not arrive")
            time.sleep(0.01)
        open_gate(gate, deadline)
        said = said_by(sessions)
        check(all(session.returncode for session in sessions),
              f"a flush of lost data succeeded: {[s.returncode for s in sessions]} {said}")
        with open(log, encoding="ascii") as file:
            check("<<Flush Status=GOOD" not in file.read(), "a flush of lost data was GOOD")


def open_gate(gate, deadline):
    """Lets the first sync end, which may not have come to the gate yet."""
    while True:
        try:
            return os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            check(error.errno == errno.ENXIO and time.monotonic() < deadline, str(error))
            time.sleep(0.01)


def the_last_flush_that_fails_is_told():
    """Nobody has asked for a flush before: the end is the first that learns of the loss."""
    with BadDisk("lost-last.img", writes=1) as server, Initiator(server.url) as initiator:
        check(initiator.login() == 0, "no login")
        initiator.settle()
        initiator.write(0, bytes(BLOCK))
        check("failed" not in server.errors(), f"before the end: {server.errors()}")
        status = server.end()
        said = server.errors()
        check(status == 1, f"status {status}\n{said}")
        check(said.count("rawdisk: stopped: ") == 1 and "Input/output error" in said, said)


def begun(log):
    """How many flushes the device was asked for."""
    try:
        with open(log, encoding="ascii") as file:
            return file.read().count(">>Flush")
    except FileNotFoundError:
        return 0


TESTS = [fua_writes_that_were_lost_all_fail, writes_without_a_cache_that_were_lost_all_fail,
         synchronize_caches_that_cover_what_was_lost_all_fail, the_last_flush_that_fails_is_told]
