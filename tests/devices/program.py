# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Helpers of the device tests: they start and end our programs, and run foreign clients."""

import os
import re
import select
import signal
import subprocess
import tempfile
import time

BIN = os.environ["BIN"]
WORK = os.environ["WORK"]
BUILD = os.environ["BUILD"]
IQN = "iqn.2026-01.org.example:disk"
ANY = f"iscsi://127.0.0.1:0/{IQN}"
TIMEOUT = 120  # for what hangs; what is slow has to pass


class Wrong(Exception):
    """A test has found something wrong."""


class Skip(Exception):
    """Why a test cannot run here."""


def check(true, what):
    if not true:
        raise Wrong(what)


def path(name):
    return os.path.join(WORK, name)


def program(name):
    return name if "/" in name else os.path.join(BIN, name)


def run(name, *arguments, status=0, **options):
    """A program of the build that should end by itself; returns (stdout, stderr)."""
    done = subprocess.run([program(name), *arguments], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                          **options)
    check(done.returncode == status,
          f"{name} {' '.join(arguments)}: status {done.returncode} and not {status}\n"
          f"{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def client(*command, status=0):
    """Somebody else's program; returns all that it said. status None: whatever it is."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT)
    check(status is None or done.returncode == status,
          f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def qemu_io(url, *commands, status=0):
    words = [word for command in commands for word in ("-c", command)]
    said = client("qemu-io", "-f", "raw", "-t", "none", "-d", "unmap", *words, url, status=status)
    check("Pattern verification failed" not in said, said)
    return said


class Log:
    """The standard error of a program, which the test reads while the program writes. Both share
    one position in the file, so the test must not move it."""

    def __init__(self):
        self.file = tempfile.TemporaryFile(dir=WORK)
        self.last = None

    def fileno(self):
        return self.file.fileno()

    def text(self):
        if self.last is not None:
            return self.last
        return os.pread(self.fileno(), os.fstat(self.fileno()).st_size, 0).decode()

    def close(self):
        self.last = self.text()
        self.file.close()


class Server:
    """A program of the build that serves; use with `with`, which ends it in order."""

    def __init__(self, name, *arguments, doors=1, **options):
        self.log = Log()
        self.process = subprocess.Popen([program(name), *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, **options)
        self.said = ""
        self.uris = []
        deadline = time.monotonic() + TIMEOUT
        while len(self.uris) < doors:
            ready, _, _ = select.select([self.process.stdout], [], [], 1)
            piece = os.read(self.process.stdout.fileno(), 4096).decode() if ready else ""
            self.said += piece
            self.uris = re.findall(r"^serving (\S+)$", self.said, re.MULTILINE)
            if (ready and not piece) or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise Wrong(f"{name} did not start: {self.said}{self.errors()}")
        self.url = self.uris[0]

    def errors(self):
        return self.log.text()

    def status_field(self, name):
        """A number from /proc/PID/status, in KiB or a count."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.MULTILINE)[1])

    def end(self, number=signal.SIGTERM):
        """The exit status; what it says from here on is in .said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            said, _ = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Wrong("the server did not end when it was asked to") from None
        self.said += said.decode() if said else ""
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        died = self.process.poll()
        status = self.end()
        errors = self.errors()
        self.log.close()
        if kind is None:
            check(died is None, f"the server died with status {died}\n{errors}")
            check(status == 0, f"the server ended with status {status}\n{errors}")


def rawdisk(name, *arguments, **options):
    return Server("rawdisk", "-f", path(name), *arguments, "-p", ANY, **options)


def memdisk(*arguments, **options):
    return Server("memdisk", *arguments, "-p", ANY, **options)


def serial(server):
    """The unit serial number, VPD page 80h."""
    said = client("iscsi-inq", "-e", "1", "-c", "128", server.url)
    return re.search(r"Unit Serial Number:\s*\[?([^\]\n]+)", said)[1].strip()


def allocated(name):
    return os.stat(path(name)).st_blocks * 512
